//! Proxies between the program and the API, and servers that an authority of the house vouches for.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::sheet::root;

/// What a proxy wants to hear: `eva:geheim`, in Base64.
const PASSWORD: &str = "basic ZXZhOmdlaGVpbQ==";
/// A name that nobody can look up: only who asks a proxy gets there.
pub(crate) const NAME: &str = "api.callsheet.test";

/// A proxy for HTTP, CONNECT and SOCKS that leads all of it to one place.
pub(crate) struct Proxy {
    /// With a name and a password that are right.
    pub(crate) url: String,
    /// The same without any.
    pub(crate) bare: String,
    let_through: Arc<AtomicUsize>,
    asked_for: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    /// Asks everybody for a name and a password.
    pub(crate) fn to(target: &str) -> Self {
        Self::start(target, true)
    }

    /// Lets everybody through: another proxy stands before it.
    pub(crate) fn open(target: &str) -> Self {
        Self::start(target, false)
    }

    fn start(target: &str, asks: bool) -> Self {
        let target = target.rsplit("://").next().unwrap().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let place = listener.local_addr().unwrap();
        let let_through = Arc::new(AtomicUsize::new(0));
        let asked_for = Arc::new(Mutex::new(Vec::new()));
        let (count, log) = (let_through.clone(), asked_for.clone());
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let (target, count, log) = (target.clone(), count.clone(), log.clone());
                thread::spawn(move || pass(connection, &target, asks, (&count, &log)));
            }
        });
        let url = format!("http://eva:geheim@{place}");
        Self { url, bare: format!("http://{place}"), let_through, asked_for }
    }

    pub(crate) fn let_through(&self) -> usize {
        self.let_through.load(Ordering::SeqCst)
    }

    pub(crate) fn asked_for(&self) -> Vec<String> {
        self.asked_for.lock().unwrap().clone()
    }
}

type Kept<'a> = (&'a AtomicUsize, &'a Mutex<Vec<String>>);

fn pass(mut from: TcpStream, target: &str, asks: bool, (count, log): Kept<'_>) {
    let mut first = [0];
    if from.peek(&mut first).is_err() {
        return;
    }
    let head = if first[0] == 5 { None } else { Some(head_of(&mut from)) };
    let named = match &head {
        None => socks(&mut from),
        Some(head) => {
            let knows = head.to_ascii_lowercase().contains(&PASSWORD.to_ascii_lowercase());
            (knows || !asks).then(|| head.lines().next().unwrap_or_default().to_owned())
        }
    };
    let Some(named) = named else {
        let refused = "HTTP/1.1 407 Proxy Authentication Required\r\n\
            proxy-authenticate: Basic realm=\"house\"\r\ncontent-length: 0\r\n\r\n";
        let _ = from.write_all(refused.as_bytes());
        return;
    };
    count.fetch_add(1, Ordering::SeqCst);
    log.lock().unwrap().push(named.clone());
    let mut to = TcpStream::connect(target).unwrap();
    match &head {
        Some(_) if named.starts_with("CONNECT ") => {
            let _ = from.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        }
        Some(head) => to.write_all(relayed(head).as_bytes()).unwrap(),
        None => {}
    }
    let (mut back, mut forth) = (to.try_clone().unwrap(), from.try_clone().unwrap());
    let answers = thread::spawn(move || {
        let _ = std::io::copy(&mut back, &mut forth);
        let _ = forth.shutdown(Shutdown::Both);
    });
    let _ = std::io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Both);
    answers.join().unwrap();
}

/// A request to a proxy as one to a server, which is to end the connection with its answer.
fn relayed(head: &str) -> String {
    let (line, rest) = head.split_once("\r\n").unwrap();
    let mut words = line.split(' ');
    let (method, url, version) = (words.next(), words.next(), words.next());
    let path = url.and_then(|url| url.splitn(4, '/').nth(3)).unwrap_or_default();
    format!("{} /{path} {}\r\nconnection: close\r\n{rest}", method.unwrap(), version.unwrap())
}

/// The name that is asked for by SOCKS 5, if the password is right.
fn socks(from: &mut TcpStream) -> Option<String> {
    let mut read = |length: usize| {
        let mut bytes = vec![0; length];
        from.read_exact(&mut bytes).map(|()| bytes)
    };
    let methods = read(2).ok()?[1];
    let offered = read(methods.into()).ok()?;
    if !offered.contains(&2) {
        return None;
    }
    from.write_all(&[5, 2]).unwrap();
    let mut version = [0];
    from.read_exact(&mut version).ok()?;
    let (user, password) = (word_of(from)?, word_of(from)?);
    let right = user == "eva" && password == "geheim";
    from.write_all(&[1, u8::from(!right)]).unwrap();
    let mut request = [0; 5];
    from.read_exact(&mut request).ok()?;
    let mut name = vec![0; usize::from(request[4]) + 2];
    from.read_exact(&mut name).ok()?;
    name.truncate(request[4].into());
    from.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).unwrap();
    right.then(|| format!("SOCKS {}", String::from_utf8_lossy(&name)))
}

/// A text with its length before it.
fn word_of(from: &mut TcpStream) -> Option<String> {
    let mut length = [0];
    from.read_exact(&mut length).ok()?;
    let mut bytes = vec![0; length[0].into()];
    from.read_exact(&mut bytes).ok()?;
    String::from_utf8(bytes).ok()
}

fn head_of(from: &mut impl Read) -> String {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") && matches!(from.read(&mut byte), Ok(1)) {
        head.push(byte[0]);
    }
    String::from_utf8_lossy(&head).into_owned()
}

/// A status, header lines with their ends, and a body.
type Answer = (&'static str, &'static str, Vec<u8>);

/// A server with TLS whose certificate the tests' own authority has made out for [`NAME`] and for
/// this machine.
pub(crate) struct House {
    /// At this machine.
    pub(crate) url: String,
    /// The host and port alone.
    pub(crate) place: String,
}

/// Where the authority's certificate is.
pub(crate) fn authority() -> String {
    root().join("tests/fixtures/tls/ca.pem").display().to_string()
}

impl House {
    /// Answers each request by its first line with a status, headers and a body.
    pub(crate) fn start(answer: impl Fn(&str) -> Answer + Send + Sync + 'static) -> Self {
        let folder = root().join("tests/fixtures/tls");
        let chain = vec![CertificateDer::from_pem_file(folder.join("server.pem")).unwrap()];
        let key = PrivateKeyDer::from_pem_file(folder.join("server.key")).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider);
        let config = config.with_safe_default_protocol_versions().unwrap();
        let config = config.with_no_client_auth().with_single_cert(chain, key).unwrap();
        let (config, answer) = (Arc::new(config), Arc::new(answer));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let place = listener.local_addr().unwrap().to_string();
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let (config, answer) = (config.clone(), answer.clone());
                thread::spawn(move || {
                    connection.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
                    let tls = ServerConnection::new(config).unwrap();
                    serve(&mut StreamOwned::new(tls, connection), &*answer);
                });
            }
        });
        Self { url: format!("https://{place}"), place }
    }

    /// As the API: knows no task, and makes one of each create.
    pub(crate) fn api() -> Self {
        Self::start(|line| match line.starts_with("POST ") {
            true => {
                ("200 OK", JSON, br#"{"id": "task-unified-1-house", "status": "pending"}"#.into())
            }
            false => {
                let error = br#"{"error": {"code": "task_not_found", "message": "no such task"}}"#;
                ("404 Not Found", JSON, error.into())
            }
        })
    }
}

const JSON: &str = "content-type: application/json\r\n";

fn serve(tls: &mut StreamOwned<ServerConnection, TcpStream>, answer: &dyn Fn(&str) -> Answer) {
    let head = head_of(tls);
    let Some(line) = head.lines().next() else { return };
    let lower = head.to_ascii_lowercase();
    let length = lower.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
    let mut body = vec![0; length.and_then(|text| text.parse().ok()).unwrap_or(0)];
    if tls.read_exact(&mut body).is_err() {
        return;
    }
    let (status, headers, body) = answer(line);
    let date = httpdate::fmt_http_date(std::time::SystemTime::now());
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nconnection: close\r\ndate: {date}\r\n{headers}content-length: {length}\r\n\r\n"
    );
    let _ = tls.write_all(head.as_bytes()).and_then(|()| tls.write_all(&body));
    tls.conn.send_close_notify();
    let _ = tls.flush();
}
