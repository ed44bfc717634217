//! A media host: files that tests put on its shelves, and answers that no host should give.

use std::collections::HashMap;
use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::sleep;
use std::time::Duration;

use crate::rude::{Rude, answer};
use crate::sheet::root;

/// What stands on a shelf.
#[derive(Clone)]
pub(crate) struct Item {
    pub(crate) bytes: Vec<u8>,
    /// Header lines that name this version, each with its line end.
    pub(crate) version: String,
}

/// Serves what is put into it; everything else as its name says.
pub(crate) struct Library {
    server: Rude,
    shelves: Arc<Mutex<HashMap<String, Item>>>,
    most: Arc<AtomicUsize>,
}

impl Library {
    pub(crate) fn open() -> Self {
        Self::slow(Duration::ZERO)
    }

    /// Takes this long for each answer.
    pub(crate) fn slow(pause: Duration) -> Self {
        let shelves = Arc::new(Mutex::new(HashMap::<String, Item>::new()));
        let (most, under_way) = (Arc::new(AtomicUsize::new(0)), AtomicUsize::new(0));
        let (stock, peak) = (Arc::clone(&shelves), Arc::clone(&most));
        let asked = Mutex::new(HashMap::<String, usize>::new());
        let server = Rude::any(move |request, connection| {
            peak.fetch_max(under_way.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            sleep(pause);
            let path = path_of(request);
            let number = {
                let mut asked = asked.lock().unwrap();
                let number = asked.entry(path.clone()).or_default();
                *number += 1;
                *number
            };
            let item = stock.lock().unwrap().get(&path).cloned();
            match item {
                Some(item) => hand_out(request, &item, connection),
                None => misbehave(&path, number, connection),
            }
            under_way.fetch_sub(1, Ordering::SeqCst);
        });
        Self { server, shelves, most }
    }

    /// Puts a file on a shelf, in the place of what stood there.
    pub(crate) fn put(&self, path: &str, bytes: &[u8], version: &str) {
        let item = Item { bytes: bytes.to_vec(), version: version.to_owned() };
        self.shelves.lock().unwrap().insert(path.to_owned(), item);
    }

    /// Puts fixtures on shelves of their names.
    pub(crate) fn with(self, names: &[&str]) -> Self {
        names.iter().for_each(|name| self.put(&format!("/{name}"), &fixture(name), ""));
        self
    }

    pub(crate) fn url(&self) -> &str {
        &self.server.url
    }

    pub(crate) fn asked(&self) -> usize {
        self.server.read()
    }

    /// The requests for a path, as they came.
    pub(crate) fn asked_for(&self, path: &str) -> Vec<String> {
        let requests = self.server.requests().into_iter();
        requests.filter(|request| path_of(request) == path).collect()
    }

    /// The most requests that were ever under way at once.
    pub(crate) fn most_at_once(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }
}

/// A picture or a sound of the fixtures, by its name.
pub(crate) fn fixture(name: &str) -> Vec<u8> {
    let folder = root().join("tests/fixtures/media");
    let picture = folder.join("pictures").join(name);
    fs::read(&picture).or_else(|_| fs::read(folder.join("sounds").join(name))).unwrap()
}

/// A recording of so many milliseconds in which something is heard; its tone tells it from others.
pub(crate) fn tone(millis: usize, tone: usize) -> Vec<u8> {
    let samples: Vec<u8> = (0..millis * 8)
        .map(|n| if (n / (tone + 4)).is_multiple_of(2) { 90 } else { 160 })
        .collect();
    let length = samples.len() as u32;
    let mut wav = b"RIFF".to_vec();
    wav.extend((36 + length).to_le_bytes());
    wav.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x40\x1f\0\0\x01\0\x08\0data");
    wav.extend(length.to_le_bytes());
    wav.extend(samples);
    wav
}

fn path_of(request: &str) -> String {
    let target = request.split_whitespace().nth(1).unwrap_or_default();
    target.split('?').next().unwrap_or_default().to_owned()
}

fn hand_out(request: &str, item: &Item, connection: &mut TcpStream) {
    let known = request.lines().any(|line| {
        let value = line.split_once(": ").filter(|(name, _)| name.starts_with("if-"));
        value.is_some_and(|(_, value)| item.version.contains(value.trim()))
    });
    match known {
        true => answer(connection, "304 Not Modified", &item.version, ""),
        false => serve(connection, &item.version, item.bytes.len(), &item.bytes),
    }
}

/// A good answer of this length, with these bytes.
fn serve(connection: &mut TcpStream, headers: &str, length: usize, bytes: &[u8]) {
    let head = format!(
        "HTTP/1.1 200 OK\r\nconnection: close\r\n{headers}content-length: {length}\r\n\r\n"
    );
    let _ = connection.write_all(head.as_bytes());
    let _ = connection.write_all(bytes);
}

const LOGIN: &str = "<!doctype html><title>Log in</title>";

/// What a host does that is no good one; `number` counts the requests for this path, from 1.
fn misbehave(path: &str, number: usize, connection: &mut TcpStream) {
    let portrait = || fixture("portrait.jpg");
    let name = path.trim_start_matches('/').split('.').next().unwrap_or_default();
    match name {
        "page" | "login" => answer(connection, "200 OK", "content-type: text/html\r\n", LOGIN),
        "401" => answer(connection, "401 Unauthorized", "", LOGIN),
        "403" => answer(connection, "403 Forbidden", "", "<Error>Request has expired</Error>"),
        "to-login" => answer(connection, "302 Found", "location: /login?next=/a.jpg\r\n", ""),
        "loop" => answer(connection, "302 Found", &format!("location: {path}\r\n"), ""),
        "nowhere" => answer(connection, "302 Found", "", ""),
        "short" => serve(connection, "", portrait().len() * 2, &portrait()),
        "half" => serve(connection, "", portrait().len() / 2, &portrait()[..portrait().len() / 2]),
        "large" => serve(connection, "", 6_000_000, &portrait()),
        "endless" => endless(connection),
        "drip" => drip(connection),
        "stall" => {
            serve(connection, "", 10_000, &portrait()[..100]);
            sleep(Duration::from_secs(3));
        }
        "steady" => steady(connection),
        "busy" if number == 1 => answer(connection, "429 Busy", "retry-after: 1\r\n", ""),
        "later" => answer(connection, "503 Later", "retry-after: 3600\r\n", ""),
        "busy" => serve(connection, "", portrait().len(), &portrait()),
        "broken" => answer(connection, "500 Broken", "", LOGIN),
        "teapot" => answer(connection, "418 Teapot", "", ""),
        _ => answer(connection, "404 Not Found", "", LOGIN),
    }
}

/// As over a slow line: 40 kB a second, for five seconds.
fn steady(connection: &mut TcpStream) {
    let sound = tone(25_000, 7);
    serve(connection, "", sound.len(), b"");
    for part in sound.chunks(4000) {
        let _ = connection.write_all(part);
        sleep(Duration::from_millis(100));
    }
}

/// Chunk after chunk without a length, until nobody listens any more.
fn endless(connection: &mut TcpStream) {
    let _ = connection.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
    let chunk = [&b"10000\r\n"[..], &[b'x'; 0x10000], b"\r\n"].concat();
    while connection.write_all(&chunk).is_ok() {}
}

/// Never stands still, and never comes to an end.
fn drip(connection: &mut TcpStream) {
    serve(connection, "", 10_000, b"");
    while connection.write_all(b"\xff").is_ok() {
        sleep(Duration::from_millis(100));
    }
}
