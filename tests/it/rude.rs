//! A server that was never meant to be one: it does with a connection what a test tells it to.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// Listens until the test process ends.
pub(crate) struct Rude {
    pub(crate) url: String,
    read: Arc<AtomicUsize>,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Rude {
    /// Reads one request per connection and then lets `manners` have the connection, with the
    /// number of the request (from 0).
    pub(crate) fn start(manners: impl Fn(usize, &mut TcpStream) + Send + Sync + 'static) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").unwrap(), manners)
    }

    /// The same on a port that the test chose.
    pub(crate) fn on(
        listener: TcpListener,
        manners: impl Fn(usize, &mut TcpStream) + Send + Sync + 'static,
    ) -> Self {
        Self::serve(listener, move |number, _, connection| manners(number, connection))
    }

    fn serve(
        listener: TcpListener,
        manners: impl Fn(usize, &str, &mut TcpStream) + Send + Sync + 'static,
    ) -> Self {
        let url = format!("http://{}", listener.local_addr().unwrap());
        let read = Arc::new(AtomicUsize::new(0));
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (count, log, manners) = (Arc::clone(&read), Arc::clone(&requests), Arc::new(manners));
        thread::spawn(move || {
            for connection in listener.incoming() {
                let (count, log, manners) = (count.clone(), log.clone(), manners.clone());
                let Ok(mut connection) = connection else { continue };
                thread::spawn(move || {
                    if let Some(request) = read_request(&mut connection) {
                        let number = count.fetch_add(1, Ordering::SeqCst);
                        log.lock().unwrap().push(request.clone());
                        manners(number, &request, &mut connection);
                    }
                });
            }
        });
        Self { url, read, requests }
    }

    /// Lets `manners` see the request itself.
    pub(crate) fn any(manners: impl Fn(&str, &mut TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        Self::serve(listener, move |_, request, connection| manners(request, connection))
    }

    /// How many whole requests were read.
    pub(crate) fn read(&self) -> usize {
        self.read.load(Ordering::SeqCst)
    }

    /// The requests as they came.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

fn read_request(connection: &mut TcpStream) -> Option<String> {
    connection.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&request).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let head = head.to_ascii_lowercase();
            let length = head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
            if body.len() >= length.map_or(Ok(0), str::parse::<usize>).ok()? {
                return Some(text);
            }
        }
        match connection.read(&mut buffer) {
            Ok(0) | Err(_) => return None,
            Ok(n) => request.extend_from_slice(&buffer[..n]),
        }
    }
}

/// A whole answer on a connection that ends with it.
pub(crate) fn answer(connection: &mut TcpStream, status: &str, headers: &str, body: &str) {
    let length = body.len();
    let text = format!(
        "HTTP/1.1 {status}\r\nconnection: close\r\n{headers}content-length: {length}\r\n\r\n{body}"
    );
    let _ = connection.write_all(text.as_bytes());
}

/// Ends a connection with a reset instead of an orderly end.
pub(crate) fn reset(connection: &TcpStream) {
    let socket = socket2::SockRef::from(connection);
    socket.set_linger(Some(Duration::ZERO)).unwrap();
}
