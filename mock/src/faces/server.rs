//! The fake as a test in Rust has it: one line to start, and the same words as over HTTP.

use std::ops::Deref;

use serde_json::Value;

use crate::endpoints::admin;
use crate::faces::api::{MockApi, StartError};
use crate::http::answer::Answer;
use crate::http::request::Seen;
use crate::http::route::Admin;
use crate::rules::scenario::{KEY, Scenario};

/// A fake for one test, on a port of its own. It ends when dropped.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use callsheet_mock::Server;
/// use serde_json::json;
///
/// let server = Server::start().await?;
/// // What is tested: any client, with this URL and key.
/// let task = a_client(server.url(), &server.key());
///
/// assert_eq!(server.verify(&json!({"match": "anna", "exactly": 1}))?, 1);
/// assert!(server.book().duplicates().is_empty(), "nothing was paid for twice");
/// server.drive(&task, &json!({"status": "failed", "code": "service_error"}))?;
/// # Ok(())
/// # }
/// # fn a_client(url: &str, key: &str) -> String {
/// #     use std::io::{Read as _, Write as _};
/// #     let body = r#"{"model":"omnihuman-1.5","image_url":"https://h.example/anna.jpg","audio_url":"https://h.example/a.mp3"}"#;
/// #     let mut stream = std::net::TcpStream::connect(url.trim_start_matches("http://")).unwrap();
/// #     write!(stream, "POST /v1/videos/generations HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len()).unwrap();
/// #     let mut answer = String::new();
/// #     stream.read_to_string(&mut answer).unwrap();
/// #     let json: serde_json::Value = serde_json::from_str(answer.split("\r\n\r\n").nth(1).unwrap()).unwrap();
/// #     json["id"].as_str().unwrap().to_owned()
/// # }
/// ```
///
/// All that [`MockApi`] can do it can do too: [`book`](MockApi::book), [`journal`](MockApi::journal),
/// [`advance`](MockApi::advance), [`set_scenario`](MockApi::set_scenario).
#[derive(Debug)]
pub struct Server(MockApi);

/// Why the fake did not do as it was told, or what was expected and did not happen.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refused {
    /// What was wrong, in a line or a few: for [`verify`](Server::verify) with what came closest.
    pub message: String,
}

impl Server {
    /// Starts a fake that has a calm day.
    ///
    /// # Errors
    /// If the system gives no port or no thread.
    pub async fn start() -> Result<Self, StartError> {
        Self::playing(Scenario::default()).await
    }

    /// Starts a fake that has the day of this scenario: `Scenario::named("lossy")?`.
    ///
    /// # Errors
    /// If the system gives no port or no thread.
    pub async fn playing(scenario: Scenario) -> Result<Self, StartError> {
        MockApi::start(scenario).await.map(Self)
    }

    /// The key that it accepts: the scenario's first.
    #[must_use]
    pub fn key(&self) -> String {
        self.0.scenario().keys.first().map_or_else(|| KEY.to_owned(), |account| account.key.clone())
    }

    /// Holds what happened to what is expected, in the words of `POST /__mock/verify`:
    /// `{"match": "anna", "fields": {"prompt": "Hello"}, "exactly": 3}`. Returns how often it was.
    ///
    /// # Errors
    /// With a report that tells what came closest; or what of `expected` is not understood.
    pub fn verify(&self, expected: &Value) -> Result<u64, Refused> {
        let told = self.tell("/__mock/verify", Admin::Verify, expected)?;
        Ok(told["count"].as_u64().unwrap_or_default())
    }

    /// Does to a task what `POST /__mock/tasks/ID` does: `{"status": "failed", "code":
    /// "service_error"}`, `{"advance": "10s"}`. Returns where it then stands.
    ///
    /// # Errors
    /// If there is no such task, or `told` is not understood.
    pub fn drive(&self, task: &str, told: &Value) -> Result<Value, Refused> {
        self.tell("/__mock/tasks/", Admin::Task(task), told)
    }

    fn tell(&self, path: &str, what: Admin<'_>, told: &Value) -> Result<Value, Refused> {
        let body = told.to_string();
        let (headers, body) = (Vec::new(), body.as_bytes());
        let asked = Seen { method: "POST", target: path, path, query: "", headers, body };
        let worlds = self.0.worlds();
        let Answer { status, body, .. } = admin::answer(&mut worlds.home().desk(), &asked, what);
        let said: Value = serde_json::from_slice(&body).unwrap_or_default();
        if status == 200 {
            return Ok(said);
        }
        let message = said["error"]["message"].as_str().unwrap_or_default().to_owned();
        Err(Refused { message })
    }
}

impl Deref for Server {
    type Target = MockApi;

    fn deref(&self) -> &MockApi {
        &self.0
    }
}
