//! Requests as no client should send them, made of real ones by chance.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures::FutureExt as _;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{BLOCK, MOST_BODY_BYTES, MOST_HEAD_BYTES, Missing, Reader};
use crate::gate::{hot, private};
use crate::http::request::{Request, Seen};
use crate::rules::scenario::Scenario;
use crate::state::errands::Errands;
use crate::state::journal::ExchangeId;
use crate::state::worlds::Worlds;

/// A connection on which bytes come in pieces and then no more.
struct Wire<'a> {
    bytes: &'a [u8],
    /// How large a piece is at most, from 1.
    piece: usize,
    /// So often what stands from here on comes again.
    again: usize,
    from: usize,
    at: usize,
}

impl<'a> Wire<'a> {
    fn new(bytes: &'a [u8], piece: usize) -> Self {
        Self { bytes, piece, again: 0, from: 0, at: 0 }
    }
}

impl AsyncRead for Wire<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.at == self.bytes.len() && self.again > 0 {
            (self.at, self.again) = (self.from, self.again - 1);
        }
        let rest = &self.bytes[self.at..];
        let piece = rest.len().min(self.piece).min(into.remaining());
        into.put_slice(&rest[..piece]);
        self.at += piece;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire<'_> {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, b: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(b.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// All requests on a connection, and how it ends: the status of a refusal, or 0. What is held of it is
/// looked at after each.
fn read(mut wire: Wire<'_>) -> (Vec<Request>, u16) {
    let (mut reader, mut requests) = (Reader::default(), Vec::new());
    loop {
        let next =
            reader.next(&mut wire).now_or_never().expect("bytes never have to be waited for");
        assert!(reader.buffer.capacity() <= 2 * MOST_BODY_BYTES + MOST_HEAD_BYTES + BLOCK);
        match next {
            Ok(request) => requests.push(request),
            Err(Missing::Gone) => return (requests, 0),
            Err(Missing::Refused(status, _)) => return (requests, status),
        }
    }
}

const PAIR: &str =
    r#"{"model":"omnihuman-1.5","image_url":"https://h/a.jpg","audio_url":"https://h/a.mp3"}"#;

fn samples() -> Vec<Vec<u8>> {
    let key = "Host: 127.0.0.1:4715\r\nAuthorization: Bearer mock-key\r\n";
    let json = format!("{key}Content-Type: application/json\r\n");
    let create = "POST /v1/videos/generations HTTP/1.1";
    let whole = format!("{create}\r\n{json}Content-Length: {}\r\n\r\n{PAIR}", PAIR.len());
    let poll = format!("GET /v1/tasks/task-unified-1-a?sync_upstream=true HTTP/1.1\r\n{key}\r\n");
    let (one, two) = PAIR.split_at(20);
    let chunked = format!(
        "{create}\r\n{json}Transfer-Encoding: chunked\r\n\r\n14;x=\"y\"\r\n{one}\r\n{:X}\r\n{two}\r\n\
         0\r\nTrailer: x\r\n\r\n",
        two.len()
    );
    let form = "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.png\"\r\n\
        Content-Type: image/png\r\n\r\n\u{89}PNG\r\n--b\r\nContent-Disposition: form-data; \
        name=\"auto_cleanup\"\r\n\r\nfalse\r\n--b--\r\n";
    let upload = format!(
        "POST /v1/files/upload/stream HTTP/1.1\r\n{key}Content-Type: multipart/form-data; \
         boundary=b\r\nContent-Length: {}\r\n\r\n{form}",
        form.len()
    );
    let base64 = r#"{"file_data":"data:image/png;base64,UE5H","file_name":"a.png"}"#;
    let encoded = format!(
        "POST /v1/files/upload/base64 HTTP/1.1\r\n{json}Content-Length: {}\r\n\r\n{base64}",
        base64.len()
    );
    let odd = format!(
        "\r\n\nHEAD /samples/anna.jpg HTTP/1.0\r\nRange: bytes=-5,7-\r\nIf-None-Match: W/\"x\", *\r\n\
         X-Empty:\r\nX-A: \u{e4}\r\nConnection: Keep-Alive\r\n{}\r\n",
        "A: b\r\n".repeat(90)
    );
    let expects =
        format!("{create}\r\n{json}Expect: 100-continue\r\nContent-Length: 2\r\n\r\n{{}}");
    let link = "GET /output/task-unified-1-a-1.mp4?expires=1&signature=00&account=ff HTTP/1.1\r\n\
        Range: bytes=0-\r\n\r\n";
    let told = "PUT /__mock/tasks/../scenario HTTP/1.1\r\nContent-Length: 10\r\n\r\nseed: [1]\n";
    let verify = r#"{"match": "*a*", "fields": {"prompt": null}, "exactly": 3}"#;
    let verify =
        format!("POST /__mock/verify HTTP/1.1\r\nContent-Length: {}\r\n\r\n{verify}", verify.len());
    let pipelined = format!("{whole}{poll}{chunked}{link}");
    let all = [
        &*whole, &poll, &chunked, &upload, &encoded, &odd, &expects, link, told, &verify,
        &pipelined,
    ];
    all.map(|text| text.as_bytes().to_vec()).to_vec()
}

const MEANT_TO_HURT: [&str; 24] = [
    "\r\n",
    "\r\n\r\n",
    "\n",
    "\r",
    "\0",
    ":",
    ";",
    " ",
    "\t",
    "%00",
    "..",
    "\u{fffd}",
    "0",
    "+1",
    "-1",
    "16777217",
    "18446744073709551616",
    "ffffffffffffffff",
    "10000000000000000",
    "0\r\n\r\n",
    "Content-Length: 7\r\n",
    "Transfer-Encoding: chunked\r\n",
    "\r\n folded: x\r\n",
    "[[[[{\"a\":",
];

fn mutate(samples: &[Vec<u8>], chance: &mut fastrand::Rng) -> Vec<u8> {
    let mut bytes = samples[chance.usize(..samples.len())].clone();
    for _ in 0..chance.usize(1..4) {
        let start = chance.usize(..=bytes.len());
        let end = (start + chance.usize(..=20)).min(bytes.len());
        match chance.u8(..9) {
            0 => bytes.truncate(start),
            1 => drop(bytes.drain(start..end)),
            2 => {
                let again = bytes[start..end].repeat(chance.usize(1..4));
                bytes.splice(start..start, again);
            }
            3 => {
                let other = &samples[chance.usize(..samples.len())];
                bytes.splice(start..end, other[chance.usize(..other.len())..].to_vec());
            }
            4 => {
                bytes.splice(start..start, [chance.u8(..)]);
            }
            5 | 6 => {
                let byte = bytes.get_mut(start);
                byte.into_iter().for_each(|byte| *byte ^= 1 << chance.u8(..8));
            }
            _ => {
                let hurt = MEANT_TO_HURT[chance.usize(..MEANT_TO_HURT.len())];
                bytes.splice(start..end, hurt.bytes());
            }
        }
    }
    bytes
}

/// The engine's answer, by whichever of its ways, which never is that it failed.
fn assert_answered(worlds: &Worlds, request: &Request) {
    let id = ExchangeId::UNRECORDED;
    let status = hot::answer(worlds, request, id).map(|outgoing| outgoing.status);
    let status = status.unwrap_or_else(|| {
        let Request { method, target, body, .. } = request;
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let headers = private::heard(request).collect();
        let seen = Seen { method, target, path, query, headers, body };
        private::reply(worlds, &seen, id).answer.status
    });
    let shown = format!("{} {:.80}", request.method, request.target);
    // One that a magic URL asks for is none of ours.
    assert!(status != 500, "{shown}: the fake failed");
}

fn run(seed: u64, count: usize) -> [usize; 3] {
    let worlds = || {
        let errands = Errands::default();
        Worlds::new("http://h", Scenario::default(), (None, false), None, errands).unwrap()
    };
    let (mut here, samples) = (worlds(), samples());
    let mut chance = fastrand::Rng::with_seed(seed);
    let [mut whole, mut refused, mut cut] = [0; 3];
    for number in 0..count {
        if number % 10_000 == 9_999 {
            here = worlds();
        }
        let bytes = mutate(&samples, &mut chance);
        let (requests, end) = read(Wire::new(&bytes, BLOCK));
        let pieces = Wire::new(&bytes, chance.usize(1..=bytes.len().max(1)));
        let (again, end_again) = read(pieces);
        let told = |requests: &[Request]| format!("{requests:?}");
        if again.len() != requests.len() || end_again != end || told(&again) != told(&requests) {
            let bytes = bytes.escape_ascii();
            panic!("read otherwise in pieces, {end} and {end_again}: {bytes}");
        }
        let taken: usize = requests.iter().map(Request::size).sum();
        assert!(taken <= bytes.len(), "{taken} bytes of {}", bytes.len());
        for request in &requests {
            assert!(request.body.len() <= MOST_BODY_BYTES);
            let line = format!("{} {} HTTP/1.", request.method, request.target);
            assert!(request.head.starts_with(line.as_bytes()), "{}", request.head.escape_ascii());
            assert_answered(&here, request);
        }
        whole += requests.len();
        refused += usize::from(end > 0);
        cut += usize::from(end == 0);
    }
    [whole, refused, cut]
}

#[test]
fn mutated_requests_are_read_refused_or_cut_and_nothing_else() {
    let [whole, refused, cut] = run(1, 20_000);
    assert!(whole > 8_000 && refused > 4_000 && cut > 4_000, "{whole}, {refused}, {cut}");
}

#[test]
#[ignore = "takes a minute of two processors: .ci/run does it"]
fn a_million_mutated_requests() {
    let threads: Vec<_> =
        (2..6).map(|seed| std::thread::spawn(move || run(seed, 250_000))).collect();
    for thread in threads {
        let [whole, refused, cut] = thread.join().unwrap();
        assert!(whole > 100_000 && refused > 50_000 && cut > 50_000, "{whole}, {refused}, {cut}");
    }
}

/// What goes on for ever is refused, and little of it is held.
#[test]
fn what_never_ends_is_refused() {
    let started = Instant::now();
    let chunks = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
    let block = format!("1000\r\n{}\r\n", "x".repeat(0x1000));
    for (begin, endless, status) in [
        ("", "x", 431),
        ("GET /", "x", 431),
        ("GET / HTTP/1.1\r\nX: ", "x", 431),
        ("GET / HTTP/1.1\r\n", "X: y\r\n", 431),
        (chunks, "0", 400),
        (&*format!("{chunks}5;"), "x", 400),
        (&*format!("{chunks}0\r\n"), "X: y\r\n", 431),
        (chunks, &*block, 413),
    ] {
        // As few large pieces, or the test would take as long as such a client.
        let pattern = endless.repeat(BLOCK / endless.len() + 1);
        let bytes = [begin, &pattern].concat();
        let (again, from) = (2_000, begin.len());
        let mut wire = Wire { again, from, ..Wire::new(bytes.as_bytes(), BLOCK) };
        let mut reader = Reader::default();
        let next = loop {
            let next = reader.next(&mut wire).now_or_never().expect("no byte is waited for");
            assert!(
                reader.buffer.capacity() <= 2 * (MOST_HEAD_BYTES + BLOCK),
                "{begin}{endless:.9}"
            );
            if next.is_err() {
                break next;
            }
        };
        let told = match next {
            Err(Missing::Refused(status, _)) => status,
            _ => 0,
        };
        assert!(told == status, "{told} for {begin:?} {endless:.9?}");
    }
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
}

/// Empty lines between requests are passed over, however many there are.
#[test]
fn empty_lines_are_no_request() {
    let bytes = [&b"\r\n".repeat(50_000)[..], b"GET / HTTP/1.1\r\n\r\n\r\n"].concat();
    let (requests, end) = read(Wire::new(&bytes, 7));
    assert_eq!((requests.len(), end), (1, 0));
    assert_eq!(requests[0].head, b"GET / HTTP/1.1\r\n\r\n");
}
