//! What looking at media costs: `callsheet check --probe --no-faces` over many pairs on a host that
//! is 50 ms away, beside a bare reqwest loop that only downloads them, and a second look that the
//! host answers with "not modified".
//!
//! `cargo bench --bench probe [-- PAIRS ROUNDS]`. Rounds alternate between the three, so that
//! whatever else the machine does meets all. Linux only: CPU and memory are read from `/proc`.

#![expect(clippy::print_stdout, clippy::expect_used, reason = "a benchmark prints and may panic")]

#[path = "shared/cpu.rs"]
mod cpu;
#[path = "shared/process.rs"]
mod process;

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use futures::stream::{self, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use self::cpu::cpu_seconds;
use self::process::kilobytes;

/// How far away the host is.
const AWAY: Duration = Duration::from_millis(50);
/// Requests under way at once; callsheet's own limit for a host.
const AT_ONCE: usize = 16;
/// Of each file, about: a good photograph, or eleven seconds of sound as a studio has it.
const BYTES: usize = 2_000_000;

fn main() {
    let numbers: Vec<u32> = std::env::args().filter_map(|word| word.parse().ok()).collect();
    let number = |place: usize, default| numbers.get(place).copied().unwrap_or(default);
    let pairs = number(0, 1000);
    if let Ok(url) = std::env::var("PROBE_BARE") {
        return runtime().block_on(bare(&url, pairs));
    }
    let url = serve();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let manifest = folder.path().join("bench.yaml");
    std::fs::write(&manifest, yaml(&url, pairs)).expect("a manifest");
    println!("{pairs} pairs, {} files of 2 MB, {} ms away", pairs * 2, AWAY.as_millis());
    println!("{:>14} {:>8} {:>8} {:>8} {:>8}", "", "s", "MB/s", "CPU s", "peak MB");
    let mut ratios = Vec::new();
    for _ in 0..number(1, 3) {
        let bare = report("only fetched", pairs, spawn_bare(&url, pairs));
        let first = report("first look", pairs, spawn_callsheet(&manifest));
        report("second look", pairs, spawn_callsheet(&manifest));
        ratios.push(first / bare);
        std::fs::remove_dir_all(folder.path().join("bench.run")).expect("a run folder");
    }
    ratios.sort_by(f64::total_cmp);
    println!("a first look takes {:.2} of the time of fetching", ratios[ratios.len() / 2]);
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

fn yaml(url: &str, pairs: u32) -> String {
    let mut yaml = format!("version: 1\nendpoint: {url}\npairs:\n");
    for n in 0..pairs {
        let [image, audio] = files(url, n);
        let _ = writeln!(yaml, "  - id: pair-{n}\n    image: {image}\n    audio: {audio}");
    }
    yaml
}

fn files(url: &str, n: u32) -> [String; 2] {
    [format!("{url}/{n}.png"), format!("{url}/{n}.wav")]
}

/// The yardstick: the same files, as many at once, and nothing is done with them.
async fn bare(url: &str, pairs: u32) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().tls_certs_only([]).no_proxy().build();
    let client = client.expect("a client");
    let fetch = |url: String| {
        let request = client.get(url);
        async move {
            let mut response = request.send().await.expect("an answer");
            let mut bytes = 0;
            while let Some(chunk) = response.chunk().await.expect("all of it") {
                bytes += chunk.len();
            }
            assert!(bytes > BYTES / 2, "{bytes} bytes");
        }
    };
    let files = (0..pairs).flat_map(|n| files(url, n));
    stream::iter(files).map(fetch).buffer_unordered(AT_ONCE).collect::<()>().await;
}

fn spawn_bare(url: &str, pairs: u32) -> Child {
    let me = std::env::current_exe().expect("our own path");
    let mut command = Command::new(me);
    command.arg(pairs.to_string()).env("PROBE_BARE", url).spawn().expect("the bare loop")
}

fn spawn_callsheet(manifest: &Path) -> Child {
    Command::new(env!("CARGO_BIN_EXE_callsheet"))
        .args(["check", "--probe", "--no-faces", "--quiet"])
        .arg(manifest)
        .stdout(Stdio::null())
        .spawn()
        .expect("callsheet")
}

/// Waits for a child, prints what it took, and returns its seconds.
fn report(name: &str, pairs: u32, mut child: Child) -> f64 {
    let started = Instant::now();
    let (mut cpu, mut peak) = (0.0_f64, 0);
    let status = loop {
        let id = child.id();
        cpu = cpu.max(cpu_seconds(id).unwrap_or(0.0));
        peak = peak.max(kilobytes(id, "VmHWM").unwrap_or(0));
        if let Some(status) = child.try_wait().expect("a child") {
            break status;
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    assert!(status.success(), "{name}: {status}");
    let seconds = started.elapsed().as_secs_f64();
    let fetched = if name == "second look" { 0.0 } else { f64::from(pairs) * 2.0 * 2.0 };
    let rate = fetched / seconds;
    println!("{name:>14} {seconds:>8.2} {rate:>8.0} {cpu:>8.2} {:>8}", peak / 1024);
    seconds
}

/// A host of pictures and recordings. Ends with the process.
fn serve() -> String {
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let media: &'static [Vec<u8>; 2] = Box::leak(Box::new([picture(), recording()]));
        runtime().block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
            sender.send(listener.local_addr().expect("an address")).expect("a receiver");
            loop {
                let (connection, _) = listener.accept().await.expect("a connection");
                tokio::spawn(answer(connection, media));
            }
        });
    });
    format!("http://{}", receiver.recv().expect("an address"))
}

async fn answer(mut connection: TcpStream, [picture, recording]: &'static [Vec<u8>; 2]) {
    connection.set_nodelay(true).expect("a socket");
    let mut buffer = Vec::with_capacity(4096);
    while let Some(request) = request(&mut connection, &mut buffer).await {
        tokio::time::sleep(AWAY).await;
        let tag = "etag: \"v1\"\r\n";
        if request.contains("if-none-match: \"v1\"") {
            let head = format!("HTTP/1.1 304 Not Modified\r\n{tag}\r\n");
            if connection.write_all(head.as_bytes()).await.is_err() {
                return;
            }
            continue;
        }
        let file = if request.contains(".png ") { picture } else { recording };
        // Each is another one: its last bytes are its number.
        let number = request.split(['/', '.']).nth(1).and_then(|text| text.parse::<u32>().ok());
        let number = number.unwrap_or_default().to_le_bytes();
        let (own, all) = if file == picture { (0, file.len()) } else { (4, file.len() + 4) };
        let head = format!("HTTP/1.1 200 OK\r\n{tag}content-length: {all}\r\n\r\n");
        for part in [head.as_bytes(), file, &number[..own]] {
            if connection.write_all(part).await.is_err() {
                return;
            }
        }
    }
}

/// The next request's head.
async fn request(connection: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<String> {
    loop {
        if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = buffer.drain(..end + 4).collect::<Vec<_>>();
            return Some(String::from_utf8_lossy(&head).into_owned());
        }
        if connection.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
}

/// A portrait that carries a large private chunk, as cameras and editors leave them.
fn picture() -> Vec<u8> {
    let small = include_bytes!("../tests/fixtures/media/pictures/portrait.png");
    // The signature and the first chunk, whose length is fixed.
    let (start, rest) = small.split_at(8 + 25);
    let mut chunk = b"prVt".to_vec();
    chunk.resize(4 + BYTES, b'x');
    let length = u32::try_from(BYTES).expect("a small number").to_be_bytes();
    [start, &length, &chunk, &crc(&chunk).to_be_bytes(), rest].concat()
}

/// As PNG has it.
fn crc(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step))
}

/// Sound of 11 s without its last sample, in two channels of 16 bits.
fn recording() -> Vec<u8> {
    let bytes = u32::try_from(BYTES - BYTES % 4).expect("a small number");
    let mut wav = b"RIFF".to_vec();
    wav.extend((36 + bytes).to_le_bytes());
    wav.extend(b"WAVEfmt \x10\0\0\0\x01\0\x02\0\x44\xac\0\0\x10\xb1\x02\0\x04\0\x10\0data");
    wav.extend(bytes.to_le_bytes());
    let samples = (0..bytes / 4 - 1).flat_map(|n| {
        let sample = if (n / 100).is_multiple_of(2) { 0x2000_2000_u32 } else { 0xe000_e000 };
        sample.to_le_bytes()
    });
    wav.extend(samples);
    wav
}
