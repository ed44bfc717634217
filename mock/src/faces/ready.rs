//! `callsheet-mock ready`: waits until a fake on this machine serves, for scripts and for containers
//! that have no `curl`.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use crate::faces::fail::ServeError;
use crate::words::span::Span;

/// How long it is waited between two questions.
const PAUSE: Duration = Duration::from_millis(50);
/// How long one question may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// What the command can be told.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Args {
    /// The port of the fake
    #[arg(long, value_name = "N", default_value_t = 4715)]
    port: u16,
    /// Read the port from this file, which the fake writes, instead
    #[arg(long, value_name = "FILE", conflicts_with = "port")]
    port_file: Option<PathBuf>,
    /// How long to wait for it
    #[arg(long, value_name = "SPAN", default_value = "10s", value_parser = span)]
    wait: Span,
}

fn span(text: &str) -> Result<Span, &'static str> {
    Span::parse(text).ok_or("expected a span of time such as 500ms or 10s")
}

/// Waits, then writes the URL of the fake to `out`.
///
/// # Errors
/// If nothing is ready in time, or `out` cannot be written.
pub(super) fn wait(args: &Args, mut out: impl Write) -> Result<(), ServeError> {
    let end = Instant::now() + args.wait.0;
    loop {
        let asked = port(args).and_then(|port| ask(port).map(|()| port));
        match asked {
            Ok(port) => {
                writeln!(out, "http://127.0.0.1:{port}")?;
                return Ok(());
            }
            Err(source) if Instant::now() >= end => {
                let what = match &args.port_file {
                    Some(path) => format!("the port in {}", path.display()),
                    None => format!("port {}", args.port),
                };
                return Err(ServeError::NotReady { what, source });
            }
            Err(_) => thread::sleep(PAUSE),
        }
    }
}

fn port(args: &Args) -> io::Result<u16> {
    let Some(path) = &args.port_file else { return Ok(args.port) };
    let text = fs::read_to_string(path)?;
    text.trim().parse().map_err(|_| io::Error::other("the file holds no port"))
}

/// Whether a fake serves there: anything else that listens is none.
fn ask(port: u16) -> io::Result<()> {
    const REQUEST: &[u8] =
        b"GET /__mock/ready HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n";
    /// More than the answer is long, and an end to a server that talks for ever.
    const MOST: u64 = 4096;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(REQUEST)?;
    let mut answer = Vec::new();
    stream.take(MOST).read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer);
    if answer.starts_with("HTTP/1.1 200 ") && answer.contains(r#"{"ready":true}"#) {
        Ok(())
    } else {
        Err(io::Error::other("what listens there is no fake of ours"))
    }
}
