//! API and media host in one, with as little work as can be: tasks end when they are told to.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Runs until the process ends.
pub(crate) struct Server {
    pub(crate) url: String,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    made: AtomicU64,
    polls: AtomicU64,
    /// When each task ends, in milliseconds of unix time; one that is not here does not.
    ends: Mutex<Vec<u64>>,
    film: Vec<u8>,
    first_download: Mutex<Option<Instant>>,
}

impl Server {
    /// Serves a video of about so many bytes for every task.
    pub(crate) fn start(bytes: usize) -> Self {
        let shared = Arc::new(Shared { film: film(bytes), ..Shared::default() });
        let (sender, receiver) = std::sync::mpsc::channel();
        let served = Arc::clone(&shared);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
                sender.send(listener.local_addr().expect("an address")).expect("a receiver");
                loop {
                    let (connection, _) = listener.accept().await.expect("a connection");
                    tokio::spawn(serve(connection, Arc::clone(&served)));
                }
            });
        });
        Self { url: format!("http://{}", receiver.recv().expect("an address")), shared }
    }

    /// The tasks end at these times, in milliseconds of unix time.
    pub(crate) fn end_tasks(&self, ends: Vec<u64>) {
        *self.shared.ends.lock().expect("no panic") = ends;
    }

    /// How often it was asked for a task.
    pub(crate) fn polls(&self) -> u64 {
        self.shared.polls.load(Ordering::Relaxed)
    }

    /// How many bytes a video has.
    pub(crate) fn film(&self) -> &[u8] {
        &self.shared.film
    }

    /// When the first video since the last question was asked for.
    pub(crate) fn first_download(&self) -> Option<Instant> {
        self.shared.first_download.lock().expect("no panic").take()
    }
}

/// Now, in milliseconds of unix time.
pub(crate) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time after 1970");
    u64::try_from(since.as_millis()).expect("not that late")
}

/// Whole boxes, as of a video of a second; nothing in it can be seen.
fn film(bytes: usize) -> Vec<u8> {
    let boxed = |name: &[u8; 4], body: &[u8]| {
        let size = u32::try_from(8 + body.len()).expect("a small box");
        [&size.to_be_bytes(), name.as_slice(), body].concat()
    };
    let header =
        [&[0; 12][..], &1000_u32.to_be_bytes(), &1000_u32.to_be_bytes(), &[0; 80]].concat();
    let start = [boxed(b"ftyp", b"isom0000"), boxed(b"moov", &boxed(b"mvhd", &header))].concat();
    let noise: Vec<u8> = (0..bytes).map(|place| (place * 31 % 251).to_le_bytes()[0]).collect();
    [start, boxed(b"mdat", &noise)].concat()
}

async fn serve(mut connection: TcpStream, shared: Arc<Shared>) {
    connection.set_nodelay(true).expect("a socket");
    let mut buffer = Vec::with_capacity(4096);
    loop {
        while let Some(length) = request_length(&buffer) {
            let request: Vec<u8> = buffer.drain(..length).collect();
            let target = String::from_utf8_lossy(&request);
            let target = target.split_whitespace().nth(1).unwrap_or_default();
            if answer(&mut connection, &shared, target).await.is_err() {
                return;
            }
        }
        match connection.read_buf(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
    }
}

async fn answer(to: &mut TcpStream, shared: &Shared, target: &str) -> std::io::Result<()> {
    if let Some(name) = target.strip_prefix("/film/") {
        // No two are the same, byte for byte: that would be told.
        let mark = [&(8 + name.len() as u32).to_be_bytes()[..], b"free", name.as_bytes()].concat();
        shared.first_download.lock().expect("no panic").get_or_insert_with(Instant::now);
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: video/mp4\r\netag: \"1\"\r\ncontent-length: {}\r\n\r\n",
            shared.film.len() + mark.len()
        );
        to.write_all(head.as_bytes()).await?;
        to.write_all(&shared.film).await?;
        return to.write_all(&mark).await;
    }
    let body = match target.strip_prefix("/v1/tasks/t") {
        Some(number) => task(shared, &to.local_addr()?.to_string(), number),
        None => format!(r#"{{"id":"t{}"}}"#, shared.made.fetch_add(1, Ordering::Relaxed)),
    };
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    to.write_all((head + &body).as_bytes()).await
}

fn task(shared: &Shared, host: &str, number: &str) -> String {
    shared.polls.fetch_add(1, Ordering::Relaxed);
    let ends = shared.ends.lock().expect("no panic");
    let end = number.parse::<usize>().ok().and_then(|number| ends.get(number));
    match end {
        Some(end) if *end <= now() => format!(
            r#"{{"id":"t{number}","status":"completed","progress":100,"results":[{{"url":"http://{host}/film/{number}.mp4"}}]}}"#
        ),
        _ => format!(r#"{{"id":"t{number}","status":"processing","progress":40,"results":null}}"#),
    }
}

/// The length of the first request in a buffer, if it is whole.
fn request_length(buffer: &[u8]) -> Option<usize> {
    let head = buffer.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&buffer[..head]).ok()?.to_ascii_lowercase();
    let length = text.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next());
    let whole = head + length.map_or(Some(0), |length| length.parse::<usize>().ok())?;
    (buffer.len() >= whole).then_some(whole)
}
