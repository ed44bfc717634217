//! What a durable create costs: `callsheet run --until created` over many pairs, beside a bare
//! reqwest loop that records nothing, against a plain server that answers at once.
//!
//! `cargo bench --bench fan_out [-- PAIRS CONCURRENCY ROUNDS]`. Rounds alternate between the two,
//! so that whatever else the machine does meets both. Linux only: CPU and memory are read from
//! `/proc`.

#![expect(clippy::print_stdout, clippy::expect_used, reason = "a benchmark prints and may panic")]

#[path = "shared/process.rs"]
mod process;

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures::stream::{self, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use self::process::{cpu_seconds, kilobytes};

const KEY: &str = "bench-key-0123456789";

fn main() {
    let numbers: Vec<u64> = std::env::args().filter_map(|word| word.parse().ok()).collect();
    let number = |place: usize, default| numbers.get(place).copied().unwrap_or(default);
    let (pairs, concurrency) = (number(0, 20_000), number(1, 64));
    if let Ok(url) = std::env::var("FAN_OUT_BARE") {
        return runtime().block_on(bare(&url, pairs, concurrency));
    }
    let url = serve();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let manifest = folder.path().join("bench.yaml");
    std::fs::write(&manifest, yaml(&url, pairs, concurrency)).expect("a manifest");
    println!("{pairs} pairs, {concurrency} under way");
    println!("{:>10} {:>10} {:>14} {:>8}", "", "items/s", "CPU s/10,000", "peak MB");
    let mut ratios = Vec::new();
    for _ in 0..number(2, 3) {
        let bare = report("bare", pairs, spawn_bare(&url, pairs, concurrency));
        let ours = report("callsheet", pairs, spawn_callsheet(&manifest));
        ratios.push(ours / bare);
        std::fs::remove_dir_all(folder.path().join("bench.run")).expect("a finished run");
    }
    ratios.sort_by(f64::total_cmp);
    println!("median ratio {:.2}", ratios[ratios.len() / 2]);
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

fn yaml(url: &str, pairs: u64, concurrency: u64) -> String {
    let mut yaml = format!("version: 1\nendpoint: {url}\nconcurrency: {concurrency}\npairs:\n");
    for n in 0..pairs {
        let _ = writeln!(
            yaml,
            "  - id: pair-{n}\n    image: https://example.com/portraits/{n}.jpg\n    \
             audio: https://example.com/speech/{n}.mp3"
        );
    }
    yaml
}

/// The yardstick: the same requests, nothing recorded.
async fn bare(url: &str, pairs: u64, concurrency: u64) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder()
        .http1_only()
        .pool_max_idle_per_host(64)
        .tls_certs_only([])
        .no_proxy()
        .build()
        .expect("a client");
    let url: reqwest::Url = format!("{url}/v1/videos/generations").parse().expect("a URL");
    let create = |n: u64| {
        let body = format!(
            r#"{{"model":"omnihuman-1.5","image_url":"https://example.com/portraits/{n}.jpg","audio_url":"https://example.com/speech/{n}.mp3"}}"#
        );
        let request = client
            .post(url.clone())
            .header("authorization", format!("Bearer {KEY}"))
            .header("content-type", "application/json")
            .body(body);
        async move {
            let answer = request.send().await.expect("an answer").bytes().await.expect("a body");
            let json: serde_json::Value = serde_json::from_slice(&answer).expect("JSON");
            assert!(json["id"].is_string());
        }
    };
    let concurrency = usize::try_from(concurrency).expect("a small number");
    stream::iter(0..pairs).map(create).buffer_unordered(concurrency).collect::<()>().await;
}

fn spawn_bare(url: &str, pairs: u64, concurrency: u64) -> Child {
    let me = std::env::current_exe().expect("our own path");
    Command::new(me)
        .args([pairs.to_string(), concurrency.to_string()])
        .env("FAN_OUT_BARE", url)
        .spawn()
        .expect("the bare loop")
}

fn spawn_callsheet(manifest: &Path) -> Child {
    Command::new(env!("CARGO_BIN_EXE_callsheet"))
        .args(["run", "--until", "created", "--quiet", "--yes"])
        .arg(manifest)
        .env("CALLSHEET_API_KEY", KEY)
        .stdout(Stdio::null())
        .spawn()
        .expect("callsheet")
}

/// Waits for a child, prints what it took, and returns its items per second.
fn report(name: &str, pairs: u64, mut child: Child) -> f64 {
    let started = Instant::now();
    let (mut cpu, mut peak) = (0.0_f64, 0);
    let status = loop {
        let id = child.id();
        cpu = cpu.max(cpu_seconds(id).unwrap_or(0.0));
        peak = peak.max(kilobytes(id, "VmHWM").unwrap_or(0));
        if let Some(status) = child.try_wait().expect("a child") {
            break status;
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    assert!(status.success(), "{name}: {status}");
    let seconds = started.elapsed().as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    let (items, megabytes) = (pairs as f64, peak as f64 / 1024.0);
    let rate = items / seconds;
    let cpu = cpu * 10_000.0 / items;
    println!("{name:>10} {rate:>10.0} {cpu:>14.2} {megabytes:>8.0}");
    rate
}

/// A server that answers every create at once, with an id of its own. Ends with the process.
fn serve() -> String {
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        runtime().block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
            sender.send(listener.local_addr().expect("an address")).expect("a receiver");
            loop {
                let (connection, _) = listener.accept().await.expect("a connection");
                tokio::spawn(answer(connection));
            }
        });
    });
    format!("http://{}", receiver.recv().expect("an address"))
}

async fn answer(mut connection: TcpStream) {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    connection.set_nodelay(true).expect("a socket");
    let mut buffer = Vec::with_capacity(4096);
    loop {
        while let Some(length) = request_length(&buffer) {
            buffer.drain(..length);
            let id = NEXT.fetch_add(1, Ordering::Relaxed);
            let body = format!(
                r#"{{"created":1757165031,"id":"task-{id}","object":"video.generation.task","progress":0,"status":"pending","type":"video"}}"#
            );
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
                body.len()
            );
            if connection.write_all((head + &body).as_bytes()).await.is_err() {
                return;
            }
        }
        match connection.read_buf(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
    }
}

/// The length of the first request in a buffer, if it is whole.
fn request_length(buffer: &[u8]) -> Option<usize> {
    let head = buffer.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&buffer[..head]).ok()?.to_ascii_lowercase();
    let length = text.split("content-length: ").nth(1)?.split("\r\n").next()?;
    let whole = head + length.parse::<usize>().ok()?;
    (buffer.len() >= whole).then_some(whole)
}
