//! The body of a create, which says when it leaves, and does not leave any more once it was taken back.

use std::io;

use bytes::Bytes;
use futures::stream;

use crate::ledger::Departure;

/// The body of a create. The HTTP library asks for it before it writes the first byte, the head
/// included; where the create was taken back it gets none, and gives up.
pub(super) fn body(departure: &Departure, bytes: Bytes) -> reqwest::Body {
    let departure = departure.clone();
    reqwest::Body::wrap_stream(stream::once(async move {
        match departure.leave() {
            true => Ok(bytes),
            false => Err(io::Error::other("the create was taken back")),
        }
    }))
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::thread;
    use std::time::Duration;

    use reqwest::header::CONTENT_LENGTH;
    use tokio::runtime::Builder;

    use super::*;

    fn send(url: &str, departure: &Departure) -> Result<(), reqwest::Error> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).http1_only();
        let client = client.build().unwrap();
        let body = body(departure, Bytes::from_static(b"{}"));
        let sent = client.post(url).header(CONTENT_LENGTH, 2).body(body).send();
        Builder::new_current_thread().enable_all().build().unwrap().block_on(sent).map(drop)
    }

    #[test]
    fn it_is_known_before_the_first_byte_is_there() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        for _ in 0..30 {
            let departure = Departure::default();
            let (seen, listener) = (departure.clone(), listener.try_clone().unwrap());
            let server = thread::spawn(move || {
                let mut connection = listener.accept().unwrap().0;
                connection.read_exact(&mut [0]).unwrap();
                let left = !seen.withdraw();
                let (mut request, mut piece) = (Vec::new(), [0; 4096]);
                while !request.ends_with(b"\r\n\r\n{}") {
                    let read = connection.read(&mut piece).unwrap();
                    request.extend_from_slice(&piece[..read]);
                }
                connection.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
                left
            });
            send(&url, &departure).unwrap();
            assert!(server.join().unwrap(), "a byte was there, and nobody knew");
        }
    }

    #[test]
    fn what_could_not_be_connected_has_not_left() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let departure = Departure::default();
        assert!(send(&url, &departure).unwrap_err().is_connect());
        assert!(departure.withdraw());
    }

    #[test]
    fn of_what_was_taken_back_no_byte_leaves() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = thread::spawn(move || {
            let mut connection = listener.accept().unwrap().0;
            connection.read(&mut [0; 100]).unwrap_or(0)
        });
        let departure = Departure::default();
        assert!(departure.withdraw());
        assert!(!departure.leave() && departure.withdraw());
        assert!(send(&url, &departure).is_err());
        assert_eq!(server.join().unwrap(), 0, "bytes left");
        let gone = Departure::default();
        assert!(gone.leave() && gone.leave() && !gone.withdraw(), "it has left");
    }

    #[test]
    fn what_is_dropped_while_it_connects_never_leaves() {
        let departure = Departure::default();
        let body = body(&departure, Bytes::from_static(b"{}"));
        let _ = rustls::crypto::ring::default_provider().install_default();
        // An address that nobody answers from.
        let sent = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
        let sent = sent.post("http://192.0.2.1:9/").header(CONTENT_LENGTH, 2).body(body).send();
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let _ = tokio::time::timeout(Duration::from_millis(50), sent).await;
            tokio::time::sleep(Duration::from_millis(50)).await;
        });
        assert!(departure.withdraw());
    }
}
