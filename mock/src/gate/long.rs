//! The one answer that grows with all that ever happened, told piece by piece: the book.
//!
//! In one piece it takes three times its length while everybody else waits: 200 MB at 60,000 entries.

use tokio::net::TcpStream;
use tokio::task::yield_now;

use crate::engine;
use crate::gate::deliver::{self, Sent};
use crate::gate::private;
use crate::http::answer::{Answer, JSON};
use crate::http::request::{Request, Seen};
use crate::http::route::ADMIN;
use crate::state::book::Book;
use crate::state::worlds::Worlds;

/// The book, if a request asks for it and may have it. All else is the engine's to say.
pub(super) fn book(worlds: &Worlds, request: &Request) -> Option<Book> {
    let Request { method, target, body, .. } = request;
    if !target.starts_with(ADMIN) {
        return None;
    }
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let headers = private::heard(request).collect();
    engine::book(worlds, &Seen { method, target, path, query, headers, body })
}

/// Tells a book. It is gone through twice, so that its length is told first.
pub(super) async fn tell(stream: &mut TcpStream, request: &Request, book: &Book) -> Sent {
    let mut length = 0;
    for piece in book.pieces() {
        length += piece.len();
        // Others are not to wait for all of it.
        yield_now().await;
    }
    let mut head = private::head(&Answer::text(200, JSON, ""), length);
    head.push_str(if request.keep_alive { "\r\n" } else { "connection: close\r\n\r\n" });
    let mut sent = deliver::send(stream, head.as_bytes()).await;
    let pieces = book.pieces().take_while(|_| request.method != "HEAD");
    for piece in pieces {
        if sent.is_err() {
            break;
        }
        sent = deliver::send(stream, &piece).await;
        yield_now().await;
    }
    let whole = sent.is_ok();
    Sent { status: Some(200), whole, usable: whole && request.keep_alive }
}
