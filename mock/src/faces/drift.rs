//! `callsheet-mock drift`: what a live service says, or what was recorded of one, held to the
//! contract.

use std::fs;
use std::io::{self, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use url::Url;

use crate::decisions::drift::{self, Check, Probe};
use crate::faces::before::{server, upstream};
use crate::faces::fail::ServeError;
use crate::faces::lines::{Printer, printable};
use crate::gate::upstream::Upstream;
use crate::http::clean::Cleaner;
use crate::http::request::Request;
use crate::rules::answers::Said;

const USER_AGENT: &str = concat!("callsheet-mock/", env!("CARGO_PKG_VERSION"));
const PATIENCE: Duration = Duration::from_secs(30);
const MOST_ANSWER_BYTES: usize = 1 << 20;
const MOST_ARCHIVE_BYTES: u64 = 256 << 20;

/// What the command can be told.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Args {
    /// The service to ask, as https://HOST or http://HOST:PORT
    #[arg(long, value_name = "URL", value_parser = server, required_unless_present = "recordings")]
    upstream: Option<Url>,
    /// Look at these recordings instead: a HAR file, or a folder of them
    #[arg(long, value_name = "PATH", conflicts_with_all = ["upstream", "task", "api_key_file"])]
    recordings: Option<PathBuf>,
    /// Ask for this task too, which the key's account has
    #[arg(long, value_name = "ID", value_parser = task)]
    task: Option<String>,
    /// A file that holds the API key [default: the environment's CALLSHEET_API_KEY]
    #[arg(long, value_name = "FILE")]
    api_key_file: Option<PathBuf>,
    /// Believe certificates of these authorities too, a file of PEM
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// A task's id, of which a path can be made.
fn task(text: &str) -> Result<String, &'static str> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte);
    let fits = (1..=256).contains(&text.len()) && text.bytes().all(plain);
    let walks = text.bytes().all(|byte| byte == b'.');
    if fits && !walks {
        Ok(text.to_owned())
    } else {
        Err("an id has letters, digits and ._:- only")
    }
}

/// Asks or reads everything and tells what differs; returns how many differences there are.
pub(super) async fn look(args: &Args, mut out: impl Write) -> Result<usize, ServeError> {
    let (about, checks) = match (&args.recordings, &args.upstream) {
        (Some(path), _) => (path.display().to_string(), recorded(path)?),
        (None, Some(url)) => (url.to_string(), ask(args, url).await?),
        (None, None) => (String::new(), Vec::new()),
    };
    let differences = checks.iter().map(|check| check.differences.len()).sum();
    let mut printer = Printer { json: args.json, out: Some(&mut out) };
    if args.json {
        let all = json!({"about": about, "checks": checks, "differences": differences});
        printer.line(all)?;
    } else {
        tell(&mut printer, &checks, differences)?;
    }
    Ok(differences)
}

fn tell<W: Write>(
    printer: &mut Printer<'_, W>,
    checks: &[Check],
    differences: usize,
) -> io::Result<()> {
    for check in checks {
        let Check { name, method, path, .. } = check;
        let what = match (check.skipped, check.differences.as_slice()) {
            (Some(why), _) => format!("skipped  {name}: {why}"),
            (None, []) => format!("as told  {name}"),
            (None, _) => format!("DIFFERS  {name}"),
        };
        let status = check.status.map_or_else(|| "---".to_owned(), |status| status.to_string());
        printer.line(printable(&format!("{what}  ({status} {method} {path})")))?;
        for difference in &check.differences {
            let (at, expected, came) = (&difference.at, &difference.expected, &difference.came);
            let line = format!("         {at}: expected {expected}, came {came}");
            printer.line(printable(&line))?;
        }
        for field in &check.unknown_fields {
            printer.line(printable(&format!("         new: {field} is not in the contract")))?;
        }
    }
    let asked = checks.iter().filter(|check| check.skipped.is_none()).count();
    printer.line(format_args!("{asked} looked at, {differences} differences"))
}

/// Asks a live service, one thing after the other. Nothing is asked twice.
async fn ask(args: &Args, url: &Url) -> Result<Vec<Check>, ServeError> {
    let key = key(args.api_key_file.as_deref())?;
    let open = url.scheme() == "http" && !is_here(url);
    if key.is_some() && open {
        return Err(ServeError::InTheClear(url.to_string()));
    }
    let upstream = upstream(url, args.ca_file.as_deref())?.under_its_own_name();
    let mut cleaner = Cleaner::default();
    let secret = format!("Bearer {}", key.as_deref().unwrap_or_default());
    cleaner.learn([("authorization", secret.as_str())].into_iter(), "");
    let mut checks: Vec<Check> = Vec::new();
    for probe in drift::probes(args.task.as_deref()) {
        let check = match probe.withheld(key.is_some(), &checks) {
            Some(why) => probe.skipped(why),
            None => asked(&probe, &upstream, key.as_deref().unwrap_or_default(), &cleaner).await?,
        };
        checks.push(check);
    }
    Ok(checks)
}

async fn asked(
    probe: &Probe,
    upstream: &Upstream,
    key: &str,
    cleaner: &Cleaner,
) -> Result<Check, ServeError> {
    let authorization = probe.authorization(key);
    let mut headers = vec![("user-agent", USER_AGENT), ("accept", "application/json")];
    headers.extend(authorization.as_deref().map(|value| ("authorization", value)));
    headers.extend(probe.body.map(|_| ("content-type", "application/json")));
    let body = probe.body.unwrap_or_default().as_bytes();
    let request = Request::new(probe.method, &probe.target, &headers, body);
    let answer = upstream.ask_within(&request, PATIENCE, MOST_ANSWER_BYTES).await;
    let answer =
        answer.map_err(|source| ServeError::Silent { server: upstream.to_string(), source })?;
    let body = cleaner.text(&String::from_utf8_lossy(&answer.body));
    let mime = str::from_utf8(&answer.head).unwrap_or_default().split("\r\n").skip(1);
    let mut mime = mime.filter_map(|line| line.split_once(": "));
    let mime = mime.find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    let mime = mime.map(|(_, value)| value);
    Ok(probe.judge(Said { status: answer.status, mime, body: body.as_bytes() }))
}

/// The key, from the file or else from the environment; never from an argument, which others see.
fn key(file: Option<&Path>) -> Result<Option<String>, ServeError> {
    let key = match file {
        None => std::env::var("CALLSHEET_API_KEY").ok().filter(|key| !key.trim().is_empty()),
        Some(path) => {
            let wrong = |why: String| ServeError::Key { path: path.to_owned(), why };
            let text = fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
            let key = text.trim().to_owned();
            if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Err(wrong(
                    "a key is one or more ASCII letters, digits or signs".to_owned(),
                ));
            }
            Some(key)
        }
    };
    Ok(key.map(|key| key.trim().to_owned()))
}

/// Whether a server is on this machine.
fn is_here(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Every exchange of the contract in a HAR file, or in those of a folder.
fn recorded(path: &Path) -> Result<Vec<Check>, ServeError> {
    let wrong = |path: &Path, source| ServeError::Recording { path: path.to_owned(), source };
    let mut files = vec![path.to_owned()];
    if path.is_dir() {
        let found = fs::read_dir(path).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        files = found.map_err(|error| wrong(path, error))?.iter().map(fs::DirEntry::path).collect();
        files.retain(|file| file.extension().is_some_and(|ending| ending == "har"));
        files.sort();
    }
    let mut checks = Vec::new();
    for file in files {
        let read = archive(&file).map_err(|error| wrong(&file, error))?;
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        for (place, entry) in read["log"]["entries"].as_array().into_iter().flatten().enumerate() {
            checks.extend(entry_check(&format!("{name} #{}", place + 1), entry));
        }
    }
    if checks.is_empty() {
        let nothing = "there is no exchange of the API in it";
        return Err(wrong(path, io::Error::new(io::ErrorKind::InvalidData, nothing)));
    }
    Ok(checks)
}

fn archive(file: &Path) -> io::Result<Value> {
    if fs::metadata(file)?.len() > MOST_ARCHIVE_BYTES {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is larger than 256 MB"));
    }
    serde_json::from_slice(&fs::read(file)?).map_err(io::Error::from)
}

/// What is to be said of an entry; nothing if it is not the API's, or has no answer.
fn entry_check(name: &str, entry: &Value) -> Option<Check> {
    let (request, response) = (&entry["request"], &entry["response"]);
    let status =
        u16::try_from(response["status"].as_u64()?).ok().filter(|status| *status >= 100)?;
    let url = Url::parse(request["url"].as_str()?).ok()?;
    let content = &response["content"];
    let text = content["text"].as_str().unwrap_or_default();
    let body = match content["encoding"].as_str() {
        Some("base64") => BASE64_STANDARD.decode(text).unwrap_or_default(),
        _ => text.as_bytes().to_vec(),
    };
    // An answer whose text was not kept cannot be held to anything.
    if content["text"].is_null() && content["size"].as_u64().is_some_and(|size| size > 0) {
        return None;
    }
    let sent = request["postData"]["text"].as_str().unwrap_or_default();
    let about = (name, request["method"].as_str()?, url.path());
    let said = Said { status, mime: content["mimeType"].as_str(), body: &body };
    drift::recorded(about, sent.as_bytes(), said)
}
