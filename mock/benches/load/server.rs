//! The servers that are measured, each in a process of its own, so that its memory and its time can be
//! told. Linux only.

use std::convert::Infallible;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use callsheet_mock::{MockApi, Scenario, Work};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use crate::Failure;

/// By this the program is told to be a server.
pub(crate) const SERVER: &str = "CALLSHEET_MOCK_BENCH_SERVER";
/// What Linux calls a tick: a hundredth of a second.
const TICK: Duration = Duration::from_millis(10);

/// A server in a process of its own; it ends when its input does.
pub(crate) struct Server {
    pub(crate) name: &'static str,
    child: Child,
    pub(crate) address: String,
}

impl Server {
    pub(crate) fn start(name: &'static str) -> Result<Self, Failure> {
        let mut command = Command::new(std::env::current_exe()?);
        command.env(SERVER, name).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let mut address = String::new();
        BufReader::new(child.stdout.take().ok_or("no output")?).read_line(&mut address)?;
        Ok(Self { name, child, address: address.trim().to_owned() })
    }

    /// The most memory that it ever held, in kB.
    pub(crate) fn most_memory(&self) -> Result<u64, Failure> {
        self.status("VmHWM")
    }

    /// The memory that it holds, in kB.
    pub(crate) fn memory(&self) -> Result<u64, Failure> {
        self.status("VmRSS")
    }

    fn status(&self, name: &str) -> Result<u64, Failure> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find(|line| line.starts_with(name)).ok_or("no such line")?;
        Ok(line.split_whitespace().nth(1).ok_or("no number")?.parse()?)
    }

    /// The time that it has computed, itself and in the kernel.
    pub(crate) fn computed(&self) -> Result<Duration, Failure> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let (_, fields) = stat.rsplit_once(") ").ok_or("no fields")?;
        let fields = fields.split(' ').skip(11).take(2).map(str::parse::<u32>);
        Ok(TICK * fields.sum::<Result<u32, _>>()?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

fn until_told_to_end() {
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
}

/// The fake as Rust has it. All tasks are completed at once: every poll gives the longest answer.
pub(crate) async fn serve_fake() -> Result<(), Failure> {
    let api = MockApi::start(Scenario { work: Work::AtOnce, ..Scenario::default() }).await?;
    writeln!(std::io::stdout(), "{}", api.url().trim_start_matches("http://"))?;
    until_told_to_end();
    Ok(())
}

/// What the fake answers to a create and to a poll.
const CREATED: &str = "{\"created\":1757165031,\"id\":\"task-unified-1757165031-uyujaw3d\",\
    \"model\":\"omnihuman-1.5\",\"object\":\"video.generation.task\",\"progress\":0,\
    \"status\":\"pending\",\"task_info\":{\"can_cancel\":true,\"estimated_time\":0},\
    \"type\":\"video\"}";
const COMPLETED: &str = "{\"id\":\"task-unified-1757165031-uyujaw3d\",\
    \"object\":\"video.generation.task\",\"type\":\"video\",\"model\":\"omnihuman-1.5\",\
    \"status\":\"completed\",\"progress\":100,\"created\":1757165031,\"results\":[{\"url\":\
    \"http://127.0.0.1:40000/output/task-unified-1757165031-uyujaw3d-1.mp4?expires=1757251431&\
    signature=0123456789abcdef\"}],\"error\":null,\"usage\":{\"credits_reserved\":1,\
    \"user_group\":\"default\"}}";

/// hyper on a runtime like the fake's, with the same bytes to say and nothing to do.
pub(crate) async fn serve_bare() -> Result<(), Failure> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    writeln!(std::io::stdout(), "{}", listener.local_addr()?)?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _ = stream.set_nodelay(true);
            let service = service_fn(bare);
            let builder = hyper::server::conn::http1::Builder::new();
            tokio::spawn(builder.serve_connection(TokioIo::new(stream), service));
        }
    });
    tokio::task::spawn_blocking(until_told_to_end).await?;
    Ok(())
}

async fn bare(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let body = if *request.method() == Method::POST { CREATED } else { COMPLETED };
    let _ = request.into_body().collect().await;
    let mut response = Response::new(Full::new(Bytes::from_static(body.as_bytes())));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}
