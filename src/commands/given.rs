//! What somebody gave as the manifest: a manifest, a table, or something that is neither and says
//! what it is.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use super::batch::shell_word;
use super::failure::Failure;
use crate::exit::Exit;
use crate::files::Tables;
use crate::manifest::TableFile;
use crate::table::{Files, HEAD, NO_TEXT, Sniffed, Table, sniff};

/// Endings of tables.
const TABLES: [&str; 8] = ["csv", "tsv", "tab", "jsonl", "ndjson", "xlsx", "xlsm", "ods"];

/// What is read for a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Given {
    /// A manifest.
    Manifest,
    /// A table of pairs by itself.
    Table,
}

/// The file of what was given, without the sheet that may stand behind it.
pub(super) fn file_of(given: &Path) -> PathBuf {
    given.with_file_name(table_of(given).name)
}

/// The name of what was given, as that of a table in its folder.
pub(super) fn table_of(given: &Path) -> TableFile {
    TableFile::parse(&given.file_name().unwrap_or_default().to_string_lossy())
}

/// Looks at the beginning of the file.
pub(super) fn look(given: &Path) -> Result<Given, Failure> {
    let path = if given.exists() { given.to_owned() } else { file_of(given) };
    let head = head(&path)?;
    let ending = path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    if TABLES.contains(&ending.as_str()) {
        return Ok(Given::Table);
    }
    let is_yaml = matches!(ending.as_str(), "yaml" | "yml");
    let sniffed = sniff(&head);
    match sniffed {
        Sniffed::Zip => Ok(Given::Table),
        Sniffed::Empty => Ok(Given::Manifest),
        Sniffed::Text if is_table(given) => match is_yaml {
            true => Err(no_manifest(
                &path,
                "this is a table, not YAML",
                &format!(
                    "give it the ending .csv, or name it in a manifest: `pairs_from: {}`",
                    name(&path)
                ),
            )),
            false => Ok(Given::Table),
        },
        Sniffed::Text | Sniffed::JsonLines if is_wide(&head) => {
            Err(no_manifest(&path, "this is UTF-16 text", "save it again with the encoding UTF-8"))
        }
        Sniffed::JsonLines if is_lines(&head) => Err(no_manifest(
            &path,
            "this is JSON Lines, not a manifest",
            &format!(
                "give it the ending .jsonl, or name it in a manifest: `pairs_from: {}`",
                name(&path)
            ),
        )),
        Sniffed::Text | Sniffed::JsonLines => Ok(Given::Manifest),
        Sniffed::JsonList => Err(no_manifest(
            &path,
            "this is a JSON list, not a manifest",
            &format!(
                "make a table of it, which can be given instead: jq -c '.[]' {} > pairs.jsonl",
                shell_word(&path)
            ),
        )),
        Sniffed::OldSpreadsheet => Err(no_manifest(
            &path,
            "this is an old .xls spreadsheet, or one protected by a password",
            "save it again as .xlsx without a password, or as CSV UTF-8",
        )),
        // Nobody can say what it is; the reader of manifests says where it is no text.
        Sniffed::Other(NO_TEXT) => Ok(Given::Manifest),
        Sniffed::Other(what) => Err(other(&path, what)),
    }
}

fn other(path: &Path, what: &str) -> Failure {
    let message = format!("this is {what}, not a manifest");
    let folder = crate::files::folder_of(path);
    let init = format!("`callsheet init {}` writes a manifest from a folder", shell_word(folder));
    let help = match what.rsplit(' ').next().unwrap_or_default() {
        "picture" => format!("it goes into a manifest as `image: {}`; {init}", name(path)),
        "sound" => format!("it goes into a manifest as `audio: {}`; {init}", name(path)),
        "archive" => "unpack it, and give what is in it".to_owned(),
        "page" | "XML" => {
            "it was perhaps saved from a page that asks to sign in: download it again".to_owned()
        }
        _ => "a manifest is a YAML file, or a table such as CSV or .xlsx".to_owned(),
    };
    no_manifest(path, &message, &help)
}

fn no_manifest(path: &Path, message: &str, hint: &str) -> Failure {
    Failure::new(Exit::Usage, format!("{}: {message}", path.display())).hint(hint)
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn head(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut head = Vec::new();
    let read = File::open(path).and_then(|file| file.take(HEAD as u64).read_to_end(&mut head));
    match read {
        Ok(_) => Ok(head),
        Err(error) => Err(unreadable(path, &error)),
    }
}

/// Why a file that was given cannot be read.
pub(super) fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    let (reason, hint) = match error.kind() {
        ErrorKind::NotFound => (
            "there is no such file".to_owned(),
            Some("to write a first manifest from a folder: callsheet init DIR".to_owned()),
        ),
        ErrorKind::IsADirectory => (
            "this is a folder, not a manifest".to_owned(),
            Some(format!(
                "to write a manifest from what is in it: callsheet init {}",
                shell_word(path)
            )),
        ),
        _ => (format!("cannot be read: {error}"), None),
    };
    Failure { hint, ..Failure::new(Exit::Usage, format!("{}: {reason}", path.display())) }
}

/// Whether text that may be anything has a header with both media in it.
fn is_table(given: &Path) -> bool {
    let file = table_of(given);
    let files = Tables::beside(given);
    let table =
        files.open(&file.name).ok().map(|input| Table::open(input, &files, &file.options()));
    let Some(Ok(table)) = table else { return false };
    table.columns().has("image") && table.columns().has("audio")
}

fn is_wide(head: &[u8]) -> bool {
    head.contains(&0)
}

/// Whether a second object begins where the first line ends, as it does in no manifest.
fn is_lines(head: &[u8]) -> bool {
    let mut lines = head.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let whole = |line: &[u8]| line.starts_with(b"{") && line.ends_with(b"}");
    let mut lines = lines.by_ref().filter(|line| !line.is_empty());
    let first = lines.next().is_some_and(whole);
    first && lines.next().is_some_and(|line| line.starts_with(b"{"))
}
