//! Rude upload servers on raw sockets: what becomes of the pair, and how often they are asked.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::locals::{add, recording, sheet};
use crate::rude::{answer, reset};
use crate::sheet::{Said, Sheet, side_by_side};
use crate::stops::{signal, until};

/// Takes every create, and does with uploads what a test tells it.
struct Depot {
    url: String,
    seen: Arc<Mutex<Seen>>,
}

/// What came.
#[derive(Debug, Default)]
struct Seen {
    uploads: usize,
    creates: Vec<Value>,
}

/// An upload of which only the head was read.
struct Delivery {
    connection: TcpStream,
    /// How much of the body has not been read yet.
    rest: usize,
    /// Counts the uploads, from 0.
    number: usize,
}

impl Delivery {
    /// The rest of it, or what comes of it.
    fn take(&mut self) -> Vec<u8> {
        let (most, mut body) = (std::mem::take(&mut self.rest) as u64, Vec::new());
        let _ = (&mut self.connection).take(most).read_to_end(&mut body);
        body
    }

    fn answer(&mut self, status: &str, body: &str) {
        self.take();
        answer(&mut self.connection, status, "", body);
    }

    /// A URL that is as good as any: nobody fetches it.
    fn accept(&mut self) {
        let body = format!(r#"{{"url":"https://files.example/{}"}}"#, self.number);
        self.answer("200 OK", &body);
    }
}

impl Depot {
    fn start(manners: impl Fn(&mut Delivery) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (seen, manners) = (Arc::new(Mutex::new(Seen::default())), Arc::new(manners));
        let depot = Self { url, seen: Arc::clone(&seen) };
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let (seen, manners) = (Arc::clone(&seen), Arc::clone(&manners));
                thread::spawn(move || serve(connection, &seen, &*manners));
            }
        });
        depot
    }

    fn uploads(&self) -> usize {
        self.seen.lock().unwrap().uploads
    }

    fn creates(&self) -> Vec<Value> {
        self.seen.lock().unwrap().creates.clone()
    }

    /// One pair of two files, one upload after the other.
    fn sheet(&self, settings: &str) -> Sheet {
        let pairs = "pairs: [{id: a, image: anna.jpg, audio: en.wav}]\n";
        sheet(&self.url, settings, pairs)
    }
}

fn serve(mut connection: TcpStream, seen: &Mutex<Seen>, manners: &dyn Fn(&mut Delivery)) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(1) = connection.read(&mut byte) else { return };
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
    let length = head.split("content-length: ").nth(1).unwrap().lines().next().unwrap();
    let mut delivery = Delivery { connection, rest: length.parse().unwrap(), number: 0 };
    if head.starts_with("post /v1/files/upload/stream ") {
        let mut seen = seen.lock().unwrap();
        delivery.number = seen.uploads;
        seen.uploads += 1;
        drop(seen);
        return manners(&mut delivery);
    }
    assert!(head.starts_with("post /v1/videos/generations "), "{head}");
    let request = serde_json::from_slice(&delivery.take()).unwrap();
    seen.lock().unwrap().creates.push(request);
    answer(&mut delivery.connection, "200 OK", "", r#"{"id":"task-1"}"#);
}

fn state(sheet: &Sheet) -> (String, String) {
    let row = &sheet.rows()["a"];
    (row["state"].clone(), row["error_code"].clone())
}

fn expect(said: &Said, sheet: &Sheet, code: i32, (name, code_of_error): (&str, &str)) {
    assert_eq!(said.code, code, "{said}");
    assert_eq!(state(sheet), (name.to_owned(), code_of_error.to_owned()), "{said}");
}

#[test]
fn an_upload_that_fails_is_sent_again_and_the_create_only_once() {
    type Manners = fn(&mut Delivery);
    let cases: [Manners; 8] = [
        |d| d.answer("500 Internal Server Error", "oops"),
        |d| d.answer("503 Service Unavailable", ""),
        |d| d.answer("429 Too Many Requests", ""),
        |d| d.answer("200 OK", "<html>welcome</html>"),
        |d| d.answer("200 OK", r#"{"id":"f1"}"#),
        |d| reset(&d.connection),
        // Stored, and the answer lost.
        |d| drop(d.take()),
        |d| {
            d.take();
            let cut = b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{\"url\":\"https://f";
            d.connection.write_all(cut).unwrap();
        },
    ];
    side_by_side(cases, |manners| {
        let depot = Depot::start(move |delivery| match delivery.number {
            0 | 2 => manners(delivery),
            _ => delivery.accept(),
        });
        let sheet = depot.sheet("");
        expect(&sheet.run(&[]), &sheet, 0, ("created", ""));
        let creates = depot.creates();
        let [create] = &creates[..] else { panic!("{creates:?}") };
        assert_eq!(create["image_url"], "https://files.example/1", "as the second try was told");
        assert_eq!(create["audio_url"], "https://files.example/3");
        assert_eq!(depot.uploads(), 4);
    });
}

#[test]
fn what_never_goes_through_is_given_up_and_the_pair_stays_planned() {
    type Manners = fn(&mut Delivery);
    let cases: [Manners; 5] = [
        |d| d.answer("502 Bad Gateway", "<html>"),
        |d| d.answer("200 OK", "<html>welcome</html>"),
        |d| d.answer("200 OK", r#"{"id":"f1","size":3}"#),
        |d| reset(&d.connection),
        |d| drop(d.take()),
    ];
    side_by_side(cases, |manners| {
        let depot = Depot::start(manners);
        let sheet = depot.sheet("");
        let said = sheet.run(&["--retry-for", "2s"]);
        expect(&said, &sheet, 4, ("planned", ""));
        assert!(said.err.contains("gave up after 2 s: no upload got through ("), "{said}");
        assert!((2..8).contains(&depot.uploads()), "{} uploads", depot.uploads());
        assert!(depot.creates().is_empty(), "{said}");
    });
}

#[test]
fn an_address_that_nobody_can_fetch_from_ends_the_run() {
    let cases = [
        r"https://files.example/a\r\nx-evil: 1",
        r"https://files.example/\u001b[2J.jpg",
        "http://files.example/a.jpg",
        "file:///etc/passwd",
        "/files/a.jpg",
        "https://me:pw@files.example/a.jpg",
        "",
    ];
    side_by_side(cases, |url| {
        let depot = Depot::start(move |d| d.answer("200 OK", &format!(r#"{{"url":"{url}"}}"#)));
        let sheet = depot.sheet("");
        let said = sheet.run(&[]);
        expect(&said, &sheet, 1, ("planned", ""));
        let told = "local files cannot be stored: the server stored the file at an address";
        assert!(said.err.contains(told), "{said}");
        assert!(!said.err.chars().any(|c| c.is_control() && c != '\n'), "{said}");
        assert_eq!((depot.uploads(), depot.creates().len()), (1, 0), "{url}");
    });
}

#[test]
fn an_api_without_uploads_is_told_and_nothing_is_rejected() {
    let cases = ["404 Not Found", "405 Method Not Allowed", "307 Temporary Redirect"];
    side_by_side(cases, |status| {
        let depot = Depot::start(move |d| d.answer(status, "<html>nothing here</html>"));
        let sheet = depot.sheet("");
        let said = sheet.run(&[]);
        expect(&said, &sheet, 1, ("planned", ""));
        assert!(said.err.contains("`uploads` in the manifest can name a bucket"), "{said}");
        assert_eq!((depot.uploads(), depot.creates().len()), (1, 0), "{status}");
    });
}

/// As proxies do: the answer comes while the file is still being sent.
#[test]
fn a_refusal_before_the_end_of_the_file_is_heard_once_for_all_its_pairs() {
    let depot = Depot::start(|delivery| match delivery.rest {
        ..1_000_000 => delivery.accept(),
        _ => {
            answer(&mut delivery.connection, "413 Payload Too Large", "", "<html>413</html>");
            delivery.connection.shutdown(Shutdown::Write).unwrap();
            let _ = std::io::copy(&mut delivery.connection, &mut std::io::sink());
        }
    });
    let pairs: String = (0..8)
        .map(|n| format!("  - {{id: p{n}, image: large.png, audio: en.wav, prompt: Take {n}}}\n"))
        .collect();
    let text = format!("pairs:\n{pairs}  - {{id: a, image: anna.jpg, audio: en.wav}}\n");
    let sheet = sheet(&depot.url, "concurrency: 2", &text);
    // What follows the end of a picture is nobody's business.
    let mut large = crate::locals::shipped("pictures/portrait.png");
    large.resize(4_000_000, 0);
    add(&sheet, "large.png", &large);
    let said = sheet.run(&[]);
    expect(&said, &sheet, 3, ("created", ""));
    let counts = BTreeMap::from([("created".to_owned(), 1), ("rejected".to_owned(), 8)]);
    assert_eq!((sheet.states(), sheet.rows()["p7"]["error_code"].as_str()), (counts, "http_413"));
    assert_eq!((depot.uploads(), depot.creates().len()), (3, 1));
    let again = sheet.run(&[]);
    assert_eq!((again.code, depot.uploads()), (3, 3), "{again}");
}

#[test]
fn an_upload_that_is_never_answered_holds_no_signal_up() {
    let depot = Depot::start(|delivery| {
        delivery.take();
        thread::sleep(Duration::from_secs(60));
    });
    let sheet = depot.sheet("");
    let run = sheet.start(&[]);
    until("an upload", || depot.uploads() == 1);
    let pulled = Instant::now();
    signal(&run, "-INT");
    let said = run.said();
    assert!(pulled.elapsed() < Duration::from_secs(5), "{said}");
    expect(&said, &sheet, 4, ("planned", ""));
    assert!(depot.creates().is_empty());
}

/// One pair waits for the other's upload, whose file goes away meanwhile.
#[test]
fn a_file_that_fails_takes_no_other_with_the_same_content_along() {
    let tries = AtomicUsize::new(0);
    let depot = Depot::start(move |delivery| {
        if delivery.rest > 9000 {
            return delivery.accept();
        }
        // Long enough for the other pair to have uploaded its portrait, and to wait here too.
        thread::sleep(Duration::from_secs(1));
        match tries.fetch_add(1, Ordering::SeqCst) {
            0 => delivery.answer("500 Internal Server Error", ""),
            _ => delivery.accept(),
        }
    });
    let pairs = "pairs:\n  - {id: first, image: 'https://e.co/a.jpg', audio: one.wav}\n  \
                 - {id: a, image: anna.jpg, audio: two.wav}\n";
    let sheet = sheet(&depot.url, "concurrency: 2", pairs);
    add(&sheet, "one.wav", &recording(3, 4000));
    add(&sheet, "two.wav", &recording(3, 4000));
    let run = sheet.start(&[]);
    until("both uploads", || depot.uploads() == 2);
    add(&sheet, "one.wav", &recording(4, 4000));
    let said = run.said();
    expect(&said, &sheet, 3, ("created", ""));
    let first = &sheet.rows()["first"];
    assert_eq!((&*first["state"], &*first["error_code"]), ("rejected", "file_changed"), "{said}");
    assert_eq!(depot.creates().len(), 1);
}
