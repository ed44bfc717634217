//! A plain server that answers every create with an id of its own, at once or after a while, and
//! knows when it read the first and answered the last.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Ends with the process.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) url: String,
    book: Arc<Book>,
}

#[derive(Debug)]
struct Book {
    delay: Duration,
    next: AtomicU64,
    since: Mutex<Since>,
}

/// What it did since it was asked last.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Since {
    pub(crate) answers: u64,
    times: Option<(Instant, Instant)>,
}

impl Since {
    /// From the first request that was read to the last answer, in seconds.
    pub(crate) fn seconds(&self) -> f64 {
        self.times.map_or(0.0, |(first, last)| (last - first).as_secs_f64())
    }
}

impl Server {
    /// On a thread and a port of its own.
    pub(crate) fn start(delay: Duration) -> Self {
        let book = Arc::new(Book { delay, next: AtomicU64::new(0), since: Mutex::default() });
        let (sender, receiver) = std::sync::mpsc::channel();
        let shared = Arc::clone(&book);
        std::thread::spawn(move || {
            super::runtime().block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
                sender.send(listener.local_addr().expect("an address")).expect("a receiver");
                loop {
                    let (connection, _) = listener.accept().await.expect("a connection");
                    tokio::spawn(serve(connection, Arc::clone(&shared)));
                }
            });
        });
        Self { url: format!("http://{}", receiver.recv().expect("an address")), book }
    }

    /// What it did since this was asked last.
    pub(crate) fn since(&self) -> Since {
        std::mem::take(&mut self.book.since.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Book {
    fn reads(&self, now: Instant) {
        let mut since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        since.times.get_or_insert((now, now));
    }

    fn answers(&self, now: Instant) {
        let mut since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        since.answers += 1;
        if let Some((_, last)) = &mut since.times {
            *last = now;
        }
    }
}

async fn serve(mut connection: TcpStream, book: Arc<Book>) {
    connection.set_nodelay(true).expect("a socket");
    let mut buffer = Vec::with_capacity(4096);
    loop {
        while let Some(length) = request_length(&buffer) {
            book.reads(Instant::now());
            buffer.drain(..length);
            if !book.delay.is_zero() {
                tokio::time::sleep(book.delay).await;
            }
            let answer = answer(book.next.fetch_add(1, Ordering::Relaxed));
            if connection.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
            book.answers(Instant::now());
        }
        match connection.read_buf(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
    }
}

fn answer(id: u64) -> String {
    let body = format!(
        r#"{{"created":1757165031,"id":"task-{id}","object":"video.generation.task","progress":0,"status":"pending","type":"video"}}"#
    );
    let length = body.len();
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}

/// The length of the first request in a buffer, if it is whole.
fn request_length(buffer: &[u8]) -> Option<usize> {
    let head = buffer.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&buffer[..head]).ok()?.to_ascii_lowercase();
    let length = text.split("content-length: ").nth(1)?.split("\r\n").next()?;
    let whole = head + length.parse::<usize>().ok()?;
    (buffer.len() >= whole).then_some(whole)
}
