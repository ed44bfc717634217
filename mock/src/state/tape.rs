//! What another server says, kept for others: each exchange a HAR file of its own, and all of them a
//! scenario that says it again. Everything is cleaned before it is kept.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;

use crate::http::clean::Cleaner;
use crate::http::request::Request;
use crate::rules::scenario::{Replayed, ReplayedAnswer, ReplayedHeader};
use crate::state::har::har;
use crate::state::journal::{Answered, Exchange, Said};
use crate::words::clock::Millis;
use crate::words::span::Span;

/// The scenario among the files.
pub(crate) const SCENARIO: &str = "scenario.yaml";
/// What is kept of all texts together. What comes after it is passed on, and not kept.
const MOST_BYTES: usize = 64 << 20;
/// Longer texts are not kept: they are no answers of an API.
const LONGEST_TEXT: usize = 1 << 20;

/// An exchange with the other server as it came.
pub(crate) struct Taped<'a> {
    pub(crate) request: &'a Request,
    /// Status, head and body; `None` if there was no answer.
    pub(crate) said: Option<(u16, &'a [u8], &'a [u8])>,
    pub(crate) unix_millis: Millis,
    pub(crate) took: Duration,
}

/// The recording.
#[derive(Debug)]
pub(crate) struct Tape {
    folder: PathBuf,
    /// Where the other server is.
    url: String,
    cleaner: Cleaner,
    replay: Vec<Replayed>,
    count: u64,
    bytes: usize,
    /// When the scenario was written last, counted in exchanges.
    written: u64,
    left_out: u64,
    failed: Option<io::Error>,
}

impl Tape {
    /// A recording in a folder that is empty or not there yet.
    ///
    /// # Errors
    /// If the folder cannot be made, or there is something in it.
    pub(crate) fn new(folder: &Path, url: &str) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        if fs::read_dir(folder)?.next().is_some() {
            return Err(io::Error::new(io::ErrorKind::DirectoryNotEmpty, "it is not empty"));
        }
        Ok(Self {
            folder: folder.to_owned(),
            url: url.trim_end_matches('/').to_owned(),
            cleaner: Cleaner::default(),
            replay: Vec::new(),
            count: 0,
            bytes: 0,
            written: 0,
            left_out: 0,
            failed: None,
        })
    }

    /// Keeps an exchange. What goes wrong with the files is told at the end.
    pub(crate) fn keep(&mut self, taped: &Taped<'_>) {
        let request = taped.request;
        self.cleaner.learn(request.headers(), &request.target);
        if self.bytes > MOST_BYTES {
            self.left_out += 1;
            return;
        }
        self.count += 1;
        let (exchange, said) = self.cleaned(taped);
        self.bytes += exchange.body.len() + said.text().map_or(0, str::len) + 1024;
        let archive = har(&self.url, &[(exchange.clone(), said.clone())]);
        let name = format!("{:04}-{}.har", self.count, file_name(&exchange));
        let mut result = self.write(&name, &format!("{archive:#}\n"));
        self.add(exchange, &said);
        // Written anew each time, a long recording would cost the square of its length.
        if self.count >= self.written + 1 + self.written / 8 {
            result = result.and_then(|()| self.write_scenario());
        }
        if let Err(error) = result {
            self.failed.get_or_insert(error);
        }
    }

    /// The exchange and the answer, without what nobody else may see.
    fn cleaned(&self, taped: &Taped<'_>) -> (Exchange, Said) {
        let request = taped.request;
        let millis = u64::try_from(taped.took.as_millis()).unwrap_or(u64::MAX);
        let status = taped.said.map(|(status, ..)| status);
        let answer = Answered { status, fault: None, delivered: status.is_some(), millis };
        let headers = self.cleaner.headers(request.headers());
        // A form has another boundary each time, and somebody's file in it.
        let form = |(name, value): &(&str, String)| {
            *name == "content-type" && value.to_ascii_lowercase().starts_with("multipart/")
        };
        let body = if headers.iter().any(form) { None } else { self.text(&request.body) };
        let exchange = Exchange {
            number: self.count,
            connection: self.count,
            unix_millis: taped.unix_millis.0,
            method: request.method.clone(),
            target: self.cleaner.target(&request.target),
            headers: headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            body: body.unwrap_or_default(),
            answer: Some(answer),
        };
        let said = taped.said.map_or_else(Said::default, |(_, head, body)| {
            let came = str::from_utf8(head).unwrap_or_default().split("\r\n").skip(1);
            let headers = self.cleaner.headers(came.filter_map(|line| line.split_once(": ")));
            let lines = headers.iter().map(|(name, value)| format!("\r\n{name}: {value}"));
            Said::whole(
                lines.collect::<String>().as_bytes(),
                self.text(body).as_deref(),
                body.len(),
            )
        });
        (exchange, said)
    }

    fn text(&self, bytes: &[u8]) -> Option<String> {
        let short = bytes.len() <= LONGEST_TEXT;
        str::from_utf8(bytes).ok().filter(|_| short).map(|text| self.cleaner.text(text))
    }

    /// Adds an exchange to what is said again, if there was an answer that can be.
    fn add(&mut self, exchange: Exchange, said: &Said) {
        let Some(answered) = exchange.answer else { return };
        let (Some(status), Some(text)) = (answered.status, said.text()) else { return };
        let headers = said.headers().map(|(name, value)| (name.to_owned(), value.to_owned()));
        let answer = ReplayedAnswer {
            status,
            headers: headers.map(|(name, value)| ReplayedHeader { name, value }).collect(),
            body: text.to_owned(),
            after: Span::millis(answered.millis),
        };
        let body = Some(exchange.body).filter(|body| !body.is_empty());
        let (method, target) = (exchange.method, exchange.target);
        let mut known = self.replay.iter_mut();
        let same = known.find(|k| k.method == method && k.target == target && k.body == body);
        match same {
            Some(known) => known.answers.push(answer),
            None => self.replay.push(Replayed { method, target, body, answers: vec![answer] }),
        }
    }

    /// Writes the scenario as it is by now. JSON is YAML too, and has one way to write a text.
    fn write_scenario(&mut self) -> io::Result<()> {
        let scenario = scenario(&self.replay);
        self.write(SCENARIO, &scenario)?;
        self.written = self.count;
        Ok(())
    }

    fn write(&self, name: &str, text: &str) -> io::Result<()> {
        let beside = self.folder.join(format!(".{name}.new"));
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        // What is left in it (prompts, addresses) is for who recorded it.
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(&beside)?.write_all(text.as_bytes())?;
        fs::rename(beside, self.folder.join(name))
    }

    /// Writes what is not written yet; tells how many exchanges were kept, and how many were not.
    ///
    /// # Errors
    /// If a file could not be written, now or before.
    pub(crate) fn end(&mut self) -> io::Result<(u64, u64)> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        if self.count > self.written {
            self.write_scenario()?;
        }
        Ok((self.count, self.left_out))
    }
}

/// `post-v1-videos-generations`.
fn file_name(exchange: &Exchange) -> String {
    const LONGEST: usize = 80;
    let path = exchange.target.split('?').next().unwrap_or_default();
    let name = format!("{}{path}", exchange.method).to_ascii_lowercase();
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' };
    name.chars().take(LONGEST).map(plain).collect()
}

/// The scenario that says these answers again.
fn scenario(replay: &[Replayed]) -> String {
    let text = format!("{:#}", json!({ "replay": replay }));
    let escape = |c: char| matches!(c, '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}');
    let escaped = text.chars().map(|c| match c {
        c if escape(c) || (0xfff0..0x1_0000).contains(&u32::from(c)) => {
            format!("\\u{:04x}", u32::from(c))
        }
        c => c.to_string(),
    });
    format!(
        "# Recorded; keys and queries of URLs are taken out.\n{}\n",
        escaped.collect::<String>()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::scenario::Scenario;

    #[test]
    fn whatever_was_said_the_scenario_says_the_same() {
        let bodies = [
            "",
            "{\"id\": \"täsk 任务\"}\n{\"second\": null}",
            "--- !tag &a *b\n# no comment\t\u{1}\u{7f}\u{85}\u{2028}\u{feff}\u{fffe}",
            "1e3",
            "\\u0041 'single' \"double\" \r\n",
            "😀",
        ];
        let answers = bodies.map(|body| ReplayedAnswer {
            status: 200,
            headers: vec![ReplayedHeader { name: "server".into(), value: "x: y #z".into() }],
            body: body.to_owned(),
            after: Span::millis(12),
        });
        let replay = vec![Replayed {
            method: "POST".into(),
            target: "/v1/x?page=2".into(),
            body: Some(bodies[2].to_owned()),
            answers: answers.to_vec(),
        }];
        let read = Scenario::from_yaml(&scenario(&replay)).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(read, Scenario { replay, ..Scenario::default() });
    }
}
