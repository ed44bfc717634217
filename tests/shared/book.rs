//! The server's book: what was really made, and so has to be paid. It loses answers on purpose.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use callsheet::state::Event;

/// How often each pair was made, and what each time was given for it.
#[derive(Clone, Default)]
pub(crate) struct Book(Arc<Mutex<HashMap<String, Vec<String>>>>);

impl Book {
    /// Takes creates until the test ends.
    pub(crate) fn open(&self) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let book = self.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let book = book.clone();
                std::thread::spawn(move || book.serve(stream));
            }
        });
        address
    }

    pub(crate) fn made(&self) -> HashMap<String, Vec<String>> {
        self.0.lock().unwrap().clone()
    }

    fn serve(&self, mut stream: TcpStream) {
        let mut id = String::new();
        if BufReader::new(&stream).read_line(&mut id).unwrap_or(0) == 0 {
            return;
        }
        let answer = match fastrand::u8(..100) {
            0..3 => Some("refused".to_owned()),
            3..8 => Some("busy".to_owned()),
            8..12 => None,
            12..22 => {
                self.write_down(id.trim());
                None
            }
            _ => Some(self.write_down(id.trim())),
        };
        // Some are slow, so that workers die while they wait.
        std::thread::sleep(std::time::Duration::from_micros(fastrand::u64(..4000)));
        if let Some(answer) = answer {
            let _ = writeln!(stream, "{answer}");
        }
    }

    fn write_down(&self, id: &str) -> String {
        let mut book = self.0.lock().unwrap();
        let tasks = book.entry(id.to_owned()).or_default();
        tasks.push(format!("task-{id}-{}", tasks.len()));
        tasks.last().cloned().unwrap_or_default()
    }
}

/// Sends a create, and says what its answer proves.
pub(crate) fn create(book: SocketAddr, id: &str) -> (Event, Option<String>) {
    let answer = TcpStream::connect(book).and_then(|mut stream| {
        writeln!(stream, "{id}")?;
        let mut answer = String::new();
        BufReader::new(stream).read_line(&mut answer)?;
        Ok(answer.trim().to_owned())
    });
    match answer.unwrap_or_default().as_str() {
        "refused" => (Event::Refused, None),
        "busy" => (Event::NotMade, None),
        "" => (Event::Lost, None),
        task => (Event::Accepted, Some(task.to_owned())),
    }
}
