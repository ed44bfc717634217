//! A small server of recordings whose lengths stand in their URLs, and batches of them.

use std::io::Write;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use callsheet_mock::Book;

use crate::rude::Rude;
use crate::sheet::Sheet;

const PORTRAIT: &[u8] = include_bytes!("../fixtures/media/pictures/tiny.jpg");
const UNKNOWN: &[u8] = include_bytes!("../fixtures/media/sounds/holes.mp3");

/// Serves them until the test process ends.
pub(crate) struct Speeches {
    server: Rude,
    version: Arc<AtomicUsize>,
}

impl Speeches {
    pub(crate) fn start() -> Self {
        let version = Arc::new(AtomicUsize::new(1));
        let now = Arc::clone(&version);
        let server = Rude::any(move |request, connection| {
            let path = request.split_whitespace().nth(1).unwrap_or_default();
            serve(connection, &medium(path, now.load(Ordering::SeqCst)), request);
        });
        Self { server, version }
    }

    /// From now on other bytes under the same addresses, as long as before; and those below
    /// `/late/` are not empty any more.
    pub(crate) fn change(&self) {
        self.version.fetch_add(1, Ordering::SeqCst);
    }

    /// How many recordings were asked for.
    pub(crate) fn asked(&self) -> usize {
        let requests = self.server.requests();
        requests.iter().filter(|request| request.contains("/speech/")).count()
    }

    /// A batch with a pair `p0`, `p1` … for each of these lengths in milliseconds.
    pub(crate) fn batch(&self, endpoint: &str, settings: &str, millis: &[u64]) -> Sheet {
        Sheet::new(&self.manifest(endpoint, settings, millis))
    }

    /// A length of 0 stands for one that cannot be known.
    pub(crate) fn manifest(&self, endpoint: &str, settings: &str, millis: &[u64]) -> String {
        let (mut yaml, url) = (format!("version: 1\nendpoint: {endpoint}\n"), &self.server.url);
        yaml.push_str(settings);
        yaml.push_str("\npairs:\n");
        for (n, millis) in millis.iter().enumerate() {
            yaml.push_str(&format!(
                "  - {{id: p{n}, image: '{url}/face.jpg', \
                 audio: '{url}/speech/{millis}/{n}.wav', prompt: number {n}}}\n"
            ));
        }
        yaml
    }
}

/// Has all recordings measured.
pub(crate) fn measure(sheet: &Sheet) {
    std::fs::create_dir_all(sheet.run_folder()).unwrap();
    let said = sheet.call("check", &["--probe", "-q"]);
    assert!([0, 6].contains(&said.code), "{said}");
}

/// What a recording is billed for, by its address: whole seconds, those begun too.
pub(crate) fn billed(url: &str) -> u64 {
    let millis = url.split("/speech/").nth(1).and_then(|rest| rest.split('/').next());
    millis.unwrap().parse::<u64>().unwrap().div_ceil(1000)
}

/// The seconds that were billed for all that the fake accepted.
pub(crate) fn booked(book: &Book) -> u64 {
    let url = |entry: &callsheet_mock::Entry| {
        entry.request_json()["audio_url"].as_str().unwrap().to_owned()
    };
    book.entries.iter().map(|entry| billed(&url(entry))).sum()
}

fn medium(path: &str, version: usize) -> (Vec<u8>, String) {
    let tag = format!("\"v{version}\"");
    if path.starts_with("/late/") && version == 1 {
        return (Vec::new(), tag);
    }
    let path = path.strip_prefix("/late").unwrap_or(path);
    let bytes = match path.strip_prefix("/speech/").and_then(|rest| rest.split('/').next()) {
        Some("0") => UNKNOWN.to_vec(),
        Some(millis) => wav(millis.parse().unwrap(), version),
        None => PORTRAIT.to_vec(),
    };
    (bytes, tag)
}

/// Noise of this length: one channel of 8 bits, 8,000 times a second.
fn wav(millis: usize, version: usize) -> Vec<u8> {
    let samples: Vec<u8> = (0..millis * 8).map(|n| (n * 31 / 7 * version) as u8).collect();
    let size = |size: usize| u32::try_from(size).unwrap().to_le_bytes();
    let mut bytes = [b"RIFF", &size(36 + samples.len())[..], b"WAVEfmt "].concat();
    bytes.extend([size(16), [1, 0, 1, 0], size(8000), size(8000), [1, 0, 8, 0]].concat());
    bytes.extend([b"data", &size(samples.len())[..], &samples].concat());
    bytes
}

fn serve(connection: &mut TcpStream, (bytes, tag): &(Vec<u8>, String), request: &str) {
    let known = format!("if-none-match: {tag}");
    let same = request.to_ascii_lowercase().contains(&known);
    let (status, body) = if same { ("304 Not Modified", &[][..]) } else { ("200 OK", &bytes[..]) };
    let head = format!(
        "HTTP/1.1 {status}\r\netag: {tag}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    // Whoever asked may have been killed.
    let _ = connection.write_all(head.as_bytes()).and_then(|()| connection.write_all(body));
}
