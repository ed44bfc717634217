//! A small server that is API and media host in one, and whose downloads do what a test tells them.

use std::io::Write;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::rude::{Rude, answer};

/// A video that plays.
pub(crate) const VIDEO: &[u8] = include_bytes!("../../mock/media/video.mp4");

/// Whether these are the bytes of a video that the fake made; each names its task at its end.
pub(crate) fn is_whole(bytes: &[u8]) -> bool {
    bytes.starts_with(VIDEO) && bytes[VIDEO.len() + 4..].starts_with(b"free")
}

/// One download as it was asked for.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// Counts the downloads, from 0.
    pub(crate) number: usize,
    /// The first byte that is asked for, if a range is.
    pub(crate) from: Option<usize>,
    /// What `If-Range` says.
    pub(crate) if_range: Option<String>,
}

/// Accepts every create, completes every task at once and has `film` serve the videos.
pub(crate) fn studio(film: impl Fn(&Asked, &mut TcpStream) + Send + Sync + 'static) -> Rude {
    let (tasks, downloads) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
    Rude::any(move |request, connection| {
        let path = request.split_whitespace().nth(1).unwrap_or_default().to_owned();
        if request.starts_with("POST") {
            let body = format!("{{\"id\":\"t{}\"}}", tasks.fetch_add(1, Ordering::SeqCst));
            return answer(connection, "200 OK", "", &body);
        }
        if let Some(task) = path.strip_prefix("/v1/tasks/") {
            let host = connection.local_addr().unwrap();
            let body = format!(
                "{{\"id\":\"{task}\",\"status\":\"completed\",\
                 \"results\":[{{\"url\":\"http://{host}/{task}.mp4?sig=1\"}}]}}"
            );
            return answer(connection, "200 OK", "", &body);
        }
        if header(request, "authorization").is_some() {
            // As storage hosts do with a signed link; no key belongs here.
            return answer(connection, "400 Bad Request", "", "two signatures");
        }
        let number = downloads.fetch_add(1, Ordering::SeqCst);
        let range = header(request, "range")
            .and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok());
        let if_range = header(request, "if-range");
        film(&Asked { number, from: range, if_range }, connection);
    })
}

fn header(request: &str, name: &str) -> Option<String> {
    let lines = request.lines().filter_map(|line| line.split_once(':'));
    let mut found = lines.filter(|(key, _)| key.eq_ignore_ascii_case(name));
    found.next().map(|(_, value)| value.trim().to_owned())
}

/// Serves bytes from where they are asked for, with this tag, but only so many of them.
pub(crate) fn part(asked: &Asked, connection: &mut TcpStream, tag: &str, most: usize) {
    let (total, from) = (VIDEO.len(), asked.from.unwrap_or(0));
    let (status, range) = match asked.from {
        Some(from) => {
            ("206 Partial", format!("content-range: bytes {from}-{}/{total}\r\n", total - 1))
        }
        None => ("200 OK", String::new()),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\netag: {tag}\r\n{range}content-length: {}\r\nconnection: close\r\n\r\n",
        total - from
    );
    let end = total.min(from + most);
    let _ = connection.write_all(head.as_bytes());
    let _ = connection.write_all(&VIDEO[from..end]);
}
