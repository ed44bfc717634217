//! Creates and polls at 64 connections against the fake, beside a bare hyper handler that answers
//! with the same body, alternating in the same run.
//!
//! `cargo bench -p callsheet-mock` runs 450,000 requests on each; a number as an argument asks for
//! fewer. Each server is a process of its own, so that its memory can be told.

use std::convert::Infallible;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use callsheet_mock::{KEY, MockApi, Scenario, Work};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const CONNECTIONS: usize = 64;
/// A task is asked for this often before the next create.
const POLLS: usize = 8;
const ROUNDS: usize = 3;
const SERVER: &str = "CALLSHEET_MOCK_BENCH_SERVER";

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match std::env::var(SERVER).as_deref() {
        Ok("fake") => runtime.block_on(serve_fake()),
        Ok(_) => runtime.block_on(serve_bare()),
        Err(_) => runtime.block_on(measure()),
    }
}

async fn measure() -> Result<(), Failure> {
    let asked = std::env::args().skip(1).find_map(|argument| argument.parse().ok());
    let requests: usize = asked.unwrap_or(450_000);
    let mut out = std::io::stdout();
    writeln!(out, "{requests} requests (1 create, {POLLS} polls, …) at {CONNECTIONS} connections")?;
    let mut servers = [Server::start("bare")?, Server::start("fake")?];
    let mut seconds = [0.0; 2];
    for _ in 0..ROUNDS {
        for (server, seconds) in servers.iter_mut().zip(&mut seconds) {
            let start = Instant::now();
            load(&server.address, requests / ROUNDS).await?;
            *seconds += start.elapsed().as_secs_f64();
        }
    }
    let speeds = seconds.map(|seconds| requests as f64 / seconds);
    for (server, speed) in servers.iter().zip(speeds) {
        let memory = server.memory()?;
        writeln!(out, "{}: {speed:.0} requests/s, {memory} MB at most", server.name)?;
    }
    writeln!(out, "fake / bare: {:.2}", speeds[1] / speeds[0])?;
    Ok(())
}

/// A server in a process of its own; it ends when its input does.
struct Server {
    name: &'static str,
    child: Child,
    address: String,
}

impl Server {
    fn start(name: &'static str) -> Result<Self, Failure> {
        let mut command = Command::new(std::env::current_exe()?);
        command.env(SERVER, name).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let mut address = String::new();
        BufReader::new(child.stdout.take().ok_or("no output")?).read_line(&mut address)?;
        Ok(Self { name, child, address: address.trim().to_owned() })
    }

    /// The most memory it ever held, in MB. Linux only.
    fn memory(&self) -> Result<u64, Failure> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find(|line| line.starts_with("VmHWM")).ok_or("no VmHWM")?;
        let kilobytes: u64 = line.split_whitespace().nth(1).ok_or("no number")?.parse()?;
        Ok(kilobytes / 1024)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// All connections at once, each with its share of the requests.
async fn load(address: &str, requests: usize) -> Result<(), Failure> {
    let each = requests.div_ceil(CONNECTIONS);
    let all = (0..CONNECTIONS).map(|number| connection(address, number, each));
    futures::future::try_join_all(all).await?;
    Ok(())
}

async fn connection(address: &str, number: usize, requests: usize) -> Result<(), Failure> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (mut buffer, mut id) = (Vec::with_capacity(4096), String::new());
    for request in 0..requests {
        if request % (POLLS + 1) == 0 {
            stream.write_all(create(number, request).as_bytes()).await?;
            answer(&mut stream, &mut buffer).await?;
            id = told_id(&buffer)?;
        } else {
            stream.write_all(poll(&id).as_bytes()).await?;
            answer(&mut stream, &mut buffer).await?;
        }
    }
    Ok(())
}

fn create(connection: usize, request: usize) -> String {
    let body = format!(
        "{{\"model\":\"omnihuman-1.5\",\"image_url\":\"https://example.com/{connection}.jpg\",\
         \"audio_url\":\"https://example.com/{request}.mp3\"}}"
    );
    let length = body.len();
    format!(
        "POST /v1/videos/generations HTTP/1.1\r\nhost: fake\r\nauthorization: Bearer {KEY}\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}

fn poll(id: &str) -> String {
    format!("GET /v1/tasks/{id} HTTP/1.1\r\nhost: fake\r\nauthorization: Bearer {KEY}\r\n\r\n")
}

/// Reads one answer whole, which must be a 200.
async fn answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Result<(), Failure> {
    buffer.clear();
    loop {
        if stream.read_buf(buffer).await? == 0 {
            return Err("the connection ended".into());
        }
        let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let head = str::from_utf8(&buffer[..end])?;
        if !head.starts_with("HTTP/1.1 200 ") {
            return Err(format!("an unexpected answer: {head}").into());
        }
        let length = head.split("content-length: ").nth(1).ok_or("no length")?;
        let length: usize = length.lines().next().ok_or("no length")?.trim().parse()?;
        if buffer.len() == end + 4 + length {
            return Ok(());
        }
    }
}

fn told_id(answer: &[u8]) -> Result<String, Failure> {
    let text = str::from_utf8(answer)?;
    let id = text.split("\"id\":\"").nth(1).and_then(|rest| rest.split('"').next());
    Ok(id.ok_or("no id")?.to_owned())
}

fn until_told_to_end() {
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
}

async fn serve_fake() -> Result<(), Failure> {
    // Completed at once: every poll gives the longest answer there is.
    let api = MockApi::start(Scenario { work: Work::AtOnce, ..Scenario::default() }).await?;
    writeln!(std::io::stdout(), "{}", api.url().trim_start_matches("http://"))?;
    until_told_to_end();
    Ok(())
}

const BODY: &str = "{\"created\":1757165031,\"id\":\"task-unified-1757165031-uyujaw3d\",\
    \"model\":\"omnihuman-1.5\",\"object\":\"video.generation.task\",\"progress\":0,\
    \"status\":\"pending\",\"task_info\":{\"can_cancel\":true,\"estimated_time\":45},\
    \"type\":\"video\"}";

async fn serve_bare() -> Result<(), Failure> {
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
    let _ = request.into_body().collect().await;
    let mut response = Response::new(Full::new(Bytes::from_static(BODY.as_bytes())));
    let json = hyper::header::HeaderValue::from_static("application/json");
    response.headers_mut().insert(hyper::header::CONTENT_TYPE, json);
    Ok(response)
}
