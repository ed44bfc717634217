//! A client that costs little: plain sockets, requests as texts, answers only as far as it has to.

use std::fmt::Write as _;

use callsheet_mock::KEY;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::Failure;

/// A task is asked for this often before the next create.
pub(crate) const POLLS: usize = 8;

/// What is sent: creates and, below this path, polls of their tasks; or creates alone, each of another
/// pair.
#[derive(Clone, Copy)]
pub(crate) enum What<'a> {
    CreatesAndPolls(&'a str),
    Creates,
}

/// Where polls are answered.
pub(crate) const TASKS: &str = "/v1/tasks/";

/// All connections at once, each with its share of the requests.
pub(crate) async fn load(
    address: &str,
    connections: usize,
    requests: usize,
    what: What<'_>,
) -> Result<(), Failure> {
    let each = requests.div_ceil(connections);
    let all = (0..connections).map(|number| connection(address, number, each, what));
    futures::future::try_join_all(all).await?;
    Ok(())
}

async fn connection(
    address: &str,
    number: usize,
    requests: usize,
    what: What<'_>,
) -> Result<(), Failure> {
    let mut stream = connect(address).await?;
    let (mut buffer, mut id) = (Vec::with_capacity(4096), String::new());
    for request in 0..requests {
        let polled = match what {
            What::CreatesAndPolls(tasks) => Some(tasks).filter(|_| request % (POLLS + 1) != 0),
            What::Creates => None,
        };
        let sent = match polled {
            Some(tasks) => head("GET", &format!("{tasks}{id}")) + "\r\n",
            None => create(number, request, what),
        };
        stream.write_all(sent.as_bytes()).await?;
        answer(&mut stream, &mut buffer).await?;
        if polled.is_none() {
            id = told_id(&buffer)?;
        }
    }
    Ok(())
}

/// So many connections, of which each has its request under way before the first answer is read.
pub(crate) async fn at_once(address: &str, connections: usize) -> Result<(), Failure> {
    let mut streams = Vec::new();
    for number in 0..connections {
        let mut stream = connect(address).await?;
        let whole = create(number, 0, What::Creates);
        let (begin, end) = whole.split_at(whole.len() / 2);
        let end = end.to_owned();
        stream.write_all(begin.as_bytes()).await?;
        streams.push((stream, end));
    }
    let mut buffer = Vec::with_capacity(4096);
    for (stream, end) in &mut streams {
        stream.write_all(end.as_bytes()).await?;
    }
    for (stream, _) in &mut streams {
        answer(stream, &mut buffer).await?;
    }
    Ok(())
}

/// Asks for something about the server itself. Returns how long the answer's body is.
pub(crate) async fn asked(address: &str, path: &str) -> Result<usize, Failure> {
    let mut stream = connect(address).await?;
    stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: fake\r\n\r\n").as_bytes()).await?;
    let (mut buffer, mut read, mut whole) = (Vec::with_capacity(1 << 16), 0, None);
    while whole.is_none_or(|whole| read < whole) {
        let more = stream.read_buf(&mut buffer).await?;
        if more == 0 {
            return Err("the connection ended".into());
        }
        read += more;
        match whole {
            // What is not looked at is not held, or the client would be measured.
            Some(_) => buffer.clear(),
            None => whole = told_length(&buffer)?.map(|(head, length)| head + length),
        }
    }
    Ok(read)
}

async fn connect(address: &str) -> Result<TcpStream, Failure> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn create(connection: usize, request: usize, what: What<'_>) -> String {
    // One of the others makes nothing without.
    let prompt = match what {
        What::CreatesAndPolls(_) => ",\"prompt\":\"Hi\"",
        What::Creates => "",
    };
    let body = format!(
        "{{\"model\":\"omnihuman-1.5\",\"image_url\":\"https://example.com/{connection}.jpg\",\
         \"audio_url\":\"https://example.com/{request}.mp3\"{prompt}}}"
    );
    let mut text = head("POST", "/v1/videos/generations");
    // Writing into a `String` cannot fail.
    let _ = write!(
        text,
        "content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    text
}

fn head(method: &str, path: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nhost: fake\r\nauthorization: Bearer {KEY}\r\n")
}

/// Reads one answer whole, which must be a good one.
async fn answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Result<(), Failure> {
    buffer.clear();
    loop {
        if stream.read_buf(buffer).await? == 0 {
            return Err("the connection ended".into());
        }
        if let Some((head, length)) = told_length(buffer)?
            && buffer.len() >= head + length
        {
            return Ok(());
        }
    }
}

/// How long the head is and how long the body that it announces, once it is whole.
fn told_length(buffer: &[u8]) -> Result<Option<(usize, usize)>, Failure> {
    let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
    let head = str::from_utf8(&buffer[..end])?;
    if !head.starts_with("HTTP/1.1 20") {
        return Err(format!("an unexpected answer: {head}").into());
    }
    let mut headers = head.lines().filter_map(|line| line.split_once(':'));
    match headers.find(|(name, _)| name.eq_ignore_ascii_case("content-length")) {
        Some((_, length)) => Ok(Some((end + 4, length.trim().parse()?))),
        // In chunks, of which the last is empty.
        None if buffer.ends_with(b"\r\n0\r\n\r\n") => Ok(Some((0, buffer.len()))),
        None => Ok(None),
    }
}

fn told_id(answer: &[u8]) -> Result<String, Failure> {
    let text = str::from_utf8(answer)?;
    // Others call it `request_id`.
    let after = text.split_once("id\":").map(|(_, after)| after);
    let id = after.and_then(|after| after.split('"').nth(1));
    Ok(id.ok_or("no id")?.to_owned())
}
