//! `report.html`: a batch as people look at it, in one file that is opened from the disk; and the same
//! page live, as `review` serves it, on which people decide.
//!
//! The page asks nobody for anything: its style and its script are in it, and nothing else may run,
//! for its policy names the two by their digests. Whatever came from outside is text in it, never
//! markup. It reads the videos beside it, and links to what lies elsewhere. Nothing ever reads the
//! page back, and the same ledger gives the same bytes.

mod charts;
mod data;
mod escape;
mod figures;
mod medium;
mod plain;
mod top;

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use self::data::Data;
use self::escape::{Html, base64};
use self::plain::Plain;
use crate::files::{hexadecimal, write_whole};
use crate::ledger::{Bills, Card, LedgerError, Remarked, Seen, View};
use crate::report::ReportError;
use crate::state::State;

pub use self::escape::href;

/// The name of the file in the run folder.
pub const FILE: &str = "report.html";

/// To be raised whenever the same ledger may give another page than before.
const FORM: u32 = 4;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = concat!(include_str!("page.js"), include_str!("review.js"));
const END: &str = "</body>\n</html>\n";
/// What only a script makes work.
const CONTROLS: &str = include_str!("controls.html");

/// What a page says besides what the ledger tells of each pair.
#[derive(Debug)]
pub struct Facts<'a> {
    /// What the batch is called.
    pub name: &'a str,
    /// Whose tasks these are.
    pub endpoint: &'a str,
    /// How many listed pairs stand in each state that any stands in.
    pub counts: &'a [(State, u64)],
    /// How many pairs were sent once and are no longer in the manifest.
    pub unlisted: u64,
    /// What the service says that it costs.
    pub bills: &'a Bills,
    /// Saved videos that are not what they should be.
    pub remarked: &'a [Remarked],
    /// What is known of each pair in doubt.
    pub doubts: &'a [String],
    /// What else a person has to know.
    pub notes: &'a [String],
    /// What can be done now.
    pub steps: &'a [Step],
    /// The folder that the manifest names local files from, as a link from the run folder.
    pub media: &'a str,
    /// What the page is in where it was asked for; nothing for whatever the browser wants.
    pub language: Option<&'a str>,
}

/// What a page that is served knows besides.
#[derive(Debug, Clone, Copy)]
pub struct Live<'a> {
    /// Who decides on it.
    pub who: &'a str,
    /// How far the ledger was read before.
    pub seen: Seen,
    /// The server of a bucket that videos come from.
    pub bucket: Option<&'a str>,
}

/// A command to go on with.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Step {
    /// What it is good for.
    pub aim: Aim,
    /// As it can be typed.
    pub command: String,
}

/// What a command to go on with is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Aim {
    /// To go on where the last run ended.
    GoOn,
    /// To create failed pairs again.
    RetryFailed,
    /// To send rejected pairs again.
    RetryRejected,
    /// To have the tasks of doubts looked for.
    Reconcile,
    /// To take over the tasks that answers seemed to name.
    AdoptProposed,
    /// To settle all doubts by a table.
    Table,
    /// To take a task over that was found.
    Adopt,
    /// To create a pair again whose task was not found.
    Resend,
    /// To leave a pair.
    Abandon,
    /// To look at the videos and decide.
    Review,
    /// To see where the batch stands now.
    Look,
}

/// Writes the page of a run folder anew.
///
/// # Errors
/// When the ledger cannot be read or the file not be written; an older one is still there then.
pub fn write(folder: &Path, view: &View, facts: &Facts<'_>) -> Result<PathBuf, ReportError> {
    let stamp = stamp(view, facts)?;
    write_stamped(folder, view, facts, &stamp)
}

/// Has the page as the ledger is: one that was made of the same is left alone.
///
/// # Errors
/// As [`write()`].
pub fn settle(folder: &Path, view: &View, facts: &Facts<'_>) -> Result<PathBuf, ReportError> {
    let (path, stamp) = (folder.join(FILE), stamp(view, facts)?);
    if view.sheet()?.is_some() && ends_with(&path, &stamp).unwrap_or(false) {
        return Ok(path);
    }
    write_stamped(folder, view, facts, &stamp)
}

/// The same page live.
///
/// # Errors
/// When the ledger cannot be read.
pub fn serve(view: &View, facts: &Facts<'_>, live: &Live<'_>) -> Result<Vec<u8>, ReportError> {
    let mut page = Vec::new();
    match fill(&mut page, view, facts, Made::Served(live)) {
        Ok(()) => Ok(page),
        Err(Failure::Ledger(error)) => Err(error.into()),
        Err(Failure::Io(source)) => Err(ReportError::Io { path: FILE.into(), source }),
    }
}

/// What a browser is told of a live page: nothing may run or be loaded but what is in it and what its
/// server has, and nobody may show it in a page of their own.
#[must_use]
pub fn policy_of(bucket: Option<&str>) -> String {
    let policy = policy(&text_of(STYLE), &text_of(SCRIPT), Loads::Server(bucket));
    policy + "; frame-ancestors 'none'"
}

/// Some pairs as the script of a live page takes them up.
#[must_use]
pub fn rows(cards: &[Card], media: &str) -> String {
    data::alone(cards, media)
}

/// Where a page is.
#[derive(Debug, Clone, Copy)]
enum Made<'a> {
    /// In a file that ends so.
    Written(&'a str),
    Served(&'a Live<'a>),
}

/// Where a page may load from.
#[derive(Debug, Clone, Copy)]
enum Loads<'a> {
    Files,
    /// The one that it came from, and a bucket's for videos.
    Server(Option<&'a str>),
}

enum Failure {
    Ledger(LedgerError),
    Io(io::Error),
}

impl From<LedgerError> for Failure {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

fn write_stamped(
    folder: &Path,
    view: &View,
    facts: &Facts<'_>,
    stamp: &str,
) -> Result<PathBuf, ReportError> {
    let path = folder.join(FILE);
    match write_whole(&path, |file| fill(file, view, facts, Made::Written(stamp))) {
        Ok(()) => Ok(path),
        Err(Failure::Ledger(error)) => Err(error.into()),
        Err(Failure::Io(source)) => Err(ReportError::Io { path, source }),
    }
}

/// Holds no more of the pairs than the first thousand, as text.
fn fill(
    to: &mut impl Write,
    view: &View,
    facts: &Facts<'_>,
    made: Made<'_>,
) -> Result<(), Failure> {
    let (loads, live, end) = match made {
        Made::Written(stamp) => (Loads::Files, None, stamp),
        Made::Served(live) => (Loads::Server(live.bucket), Some(live), END),
    };
    head(to, facts, loads)?;
    let story = view.story()?;
    top::write(to, facts, &top::Looked::read(view, facts, story)?)?;
    let mut data = Data::begin(to, facts.media, live)?;
    let mut plain = Plain::new(facts.media);
    view.each_card::<Failure>(|card| {
        plain.add(&card);
        Ok(data.add(&card)?)
    })?;
    data.end()?;
    write!(to, "<section id=\"pairs\" aria-labelledby=\"pairs-head\">\n{CONTROLS}")?;
    plain.write(to)?;
    write!(to, "</section>\n</main>\n<script>{}</script>\n{end}", text_of(SCRIPT))?;
    Ok(())
}

fn head(to: &mut impl Write, facts: &Facts<'_>, loads: Loads<'_>) -> io::Result<()> {
    let (style, script) = (text_of(STYLE), text_of(SCRIPT));
    let name = Html(facts.name);
    let wanted = facts.language.map(|language| format!(" data-lang=\"{language}\""));
    let wanted = wanted.unwrap_or_default();
    write!(
        to,
        "<!doctype html>\n<html lang=\"en\"{wanted}>\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{name} – callsheet</title>\n<style>{style}</style>\n</head>\n<body>\n",
        policy(&style, &script, loads)
    )
}

/// Nothing may run or be loaded but what is in the page, and files beside it.
fn policy(style: &str, script: &str, loads: Loads<'_>) -> String {
    let digest = |text: &str| base64(&Sha256::digest(text));
    let loads = match loads {
        Loads::Files => "img-src 'self' file:; media-src 'self' file:".to_owned(),
        Loads::Server(bucket) => {
            let bucket = bucket.map(|bucket| format!(" {bucket}")).unwrap_or_default();
            format!("img-src 'self'; media-src 'self'{bucket}; connect-src 'self'")
        }
    };
    format!(
        "default-src 'none'; script-src 'sha256-{}'; style-src 'sha256-{}'; {loads}; \
         base-uri 'none'; form-action 'none'",
        digest(script),
        digest(style)
    )
}

/// As a browser reads it: it takes each end of a line for a line feed before it digests.
fn text_of(file: &str) -> String {
    file.replace('\r', "")
}

/// What the page was made of, as its last words: where they are there, all before them is.
fn stamp(view: &View, facts: &Facts<'_>) -> Result<String, LedgerError> {
    let sheet = view.sheet()?.map(|sheet| sheet.file);
    let (events, pauses) = (view.last_event()?, view.pauses()?);
    let (reviews, labels) = (view.seen()?.reviews, view.labels()?);
    let of = format!(
        "{} {FORM} {events} {pauses:?} {reviews} {labels} {sheet:?} {} {} {:?} {} {}",
        env!("CARGO_PKG_VERSION"),
        facts.name,
        facts.endpoint,
        facts.steps,
        facts.media,
        facts.language.unwrap_or_default()
    );
    let digest = hexadecimal(&Sha256::digest(of));
    Ok(format!("{END}<!-- of {events} events: {digest} -->\n"))
}

fn ends_with(path: &Path, text: &str) -> io::Result<bool> {
    let mut file = File::open(path)?;
    let back = i64::try_from(text.len()).unwrap_or(i64::MAX);
    file.seek(SeekFrom::End(-back))?;
    let mut end = Vec::new();
    file.read_to_end(&mut end)?;
    Ok(end == text.as_bytes())
}

impl Aim {
    /// What the page's script knows it by.
    const fn key(self) -> &'static str {
        match self {
            Self::GoOn => "go_on",
            Self::RetryFailed => "retry_failed",
            Self::RetryRejected => "retry_rejected",
            Self::Reconcile => "reconcile",
            Self::AdoptProposed => "adopt_proposed",
            Self::Table => "table",
            Self::Adopt => "adopt",
            Self::Resend => "resend",
            Self::Abandon => "abandon",
            Self::Review => "review",
            Self::Look => "look",
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::GoOn => "To continue",
            Self::RetryFailed => "To create failed pairs again, each a new task that is paid for",
            Self::RetryRejected => "To send rejected pairs again, for which nothing was billed",
            Self::Reconcile => "To have the doubts looked for in the account’s list of tasks",
            Self::AdoptProposed => {
                "To take over the tasks that are named, if the server knows them"
            }
            Self::Table => "To settle all doubts by a table of them, which you fill in",
            Self::Adopt => "To settle a doubt whose task is there",
            Self::Resend => "To create a pair again whose task is not there",
            Self::Abandon => "To leave a pair",
            Self::Review => "To look at the videos and decide which are good",
            Self::Look => "To see where it stands now",
        }
    }
}

#[cfg(test)]
mod tests;
