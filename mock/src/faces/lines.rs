//! What the programs say: a line for each request, and the port in a file.

use std::fmt::Display;
use std::fs;
use std::io::{self, Write};
use std::path::Path;

use serde_json::{Value, json};

use crate::state::book::Tally;
use crate::state::journal::Exchange;

/// How many lines wait at most for somebody who reads slowly; further ones are left out.
pub(super) const MOST_LINES: usize = 10_000;

/// Writes the port whole or not at all: whoever waits for the file may read it at once.
pub(super) fn write_port(path: &Path, url: &str) -> io::Result<()> {
    let port = url.rsplit(':').next().unwrap_or_default();
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    fs::write(&beside, format!("{port}\n"))?;
    fs::rename(&beside, path)
}

/// Lines for people, or for programs; for nobody once the reader has gone, as `head` does.
pub(super) struct Printer<'a, W: Write> {
    pub(super) json: bool,
    pub(super) out: Option<&'a mut W>,
}

impl<W: Write> Printer<'_, W> {
    pub(super) fn listening(&mut self, url: &str, scenario: &str, key: &str) -> io::Result<()> {
        if self.json {
            return self.line(json!({"event": "listening", "url": url, "scenario": scenario}));
        }
        let scenario = printable(scenario);
        self.line(format_args!("listening on {url} (scenario {scenario}{key})"))
    }

    pub(super) fn exchange(&mut self, exchange: &Exchange) -> io::Result<()> {
        let answered = exchange.answer.unwrap_or_default();
        let path = exchange.target.split('?').next().unwrap_or_default();
        let (what, fault) = (what(exchange), answered.fault.map(|fault| fault.name()));
        if self.json {
            return self.line(json!({
                "event": "exchange", "number": exchange.number, "method": exchange.method,
                "path": path, "what": what, "status": answered.status, "fault": fault,
                "delivered": answered.delivered, "millis": answered.millis,
            }));
        }
        let status = answered.status.map_or_else(|| "---".to_owned(), |code| code.to_string());
        let mut line = format!("{status} {} {path}", exchange.method);
        for part in [what.as_deref(), fault].into_iter().flatten() {
            line.push_str("  ");
            line.push_str(part);
        }
        self.line(format_args!("{}  {} ms", printable(&line), answered.millis))
    }

    pub(super) fn summary(&mut self, tally: Tally, missed: u64) -> io::Result<()> {
        let Tally { read, accepted, lost, twice } = tally;
        if self.json {
            return self.line(json!({"event": "summary", "creates_read": read,
                "accepted": accepted, "undelivered": lost, "requests_accepted_twice": twice,
                "lines_left_out": missed}));
        }
        if missed > 0 {
            self.line(format_args!("{missed} lines left out: they were read too slowly"))?;
        }
        self.line(format_args!(
            "{read} creates read, {accepted} accepted; of these {lost} whose task was not \
             delivered; {twice} requests accepted more than once"
        ))
    }

    pub(super) fn line(&mut self, line: impl Display) -> io::Result<()> {
        let Some(out) = &mut self.out else { return Ok(()) };
        match writeln!(out, "{line}").and_then(|()| out.flush()) {
            // Clients go on being served.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.out = None;
                Ok(())
            }
            written => written,
        }
    }
}

/// The pair that a create is about: the names of its two files.
fn what(exchange: &Exchange) -> Option<String> {
    let body: Value = serde_json::from_str(&exchange.body).ok()?;
    let name = |field: &str| {
        let url = body.get(field)?.as_str()?.split(['?', '#']).next()?;
        url.rsplit('/').next().map(str::to_owned)
    };
    Some(format!("{} + {}", name("image_url")?, name("audio_url")?))
}

/// Text from outside without what a terminal would act on.
pub(super) fn printable(text: &str) -> String {
    text.replace(char::is_control, "\u{fffd}")
}
