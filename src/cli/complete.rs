//! What shells offer for a word that is being typed: manifests, ids of pairs, states.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use clap_complete::engine::{ArgValueCompleter, CompletionCandidate, PathCompleter};

use crate::ledger::{Rows, View};
use crate::state::State;

/// What a shell sets to ask for completions; `callsheet completions` writes the script that does.
pub const ASKED: &str = "CALLSHEET_COMPLETE";
/// More ids than this help nobody to choose.
const MOST: usize = 200;
/// The endings of manifests and of tables that stand for one.
const ENDINGS: [&str; 9] = ["yaml", "yml", "csv", "tsv", "jsonl", "ndjson", "xlsx", "ods", "json"];

/// Manifests, and folders on the way to them.
pub(super) fn manifests() -> ArgValueCompleter {
    let ending = |path: &Path| {
        let ending = path.extension().and_then(OsStr::to_str).unwrap_or_default();
        ENDINGS.iter().any(|known| ending.eq_ignore_ascii_case(known))
    };
    ArgValueCompleter::new(PathCompleter::any().filter(move |path| path.is_file() && ending(path)))
}

/// States, several with commas.
pub(super) fn states() -> ArgValueCompleter {
    let names = || State::ALL.map(|state| state.name().to_owned()).to_vec();
    ArgValueCompleter::new(move |typed: &OsStr| {
        listed(typed, |begins| {
            names().into_iter().filter(|name| name.starts_with(begins)).collect()
        })
    })
}

/// The ids of the batch whose manifest was typed before, as far as they are in these states.
pub(super) fn ids(of: &'static [State]) -> ArgValueCompleter {
    ArgValueCompleter::new(move |typed: &OsStr| {
        let words: Vec<_> = std::env::args_os().collect();
        listed(typed, |begins| known(&words, begins, of))
    })
}

/// The last of several with commas between.
fn listed(typed: &OsStr, find: impl Fn(&str) -> Vec<String>) -> Vec<CompletionCandidate> {
    let Some(typed) = typed.to_str() else { return Vec::new() };
    let (before, begins) = typed.rfind(',').map_or(("", typed), |at| typed.split_at(at + 1));
    let found = find(begins).into_iter().map(|name| format!("{before}{name}"));
    found.map(CompletionCandidate::new).collect()
}

/// Nothing is said where nothing can be read: whoever presses Tab does not want to read errors.
fn known(words: &[OsString], begins: &str, of: &[State]) -> Vec<String> {
    let Some(Ok(Some(view))) = folder(words).map(|folder| View::open(&folder)) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    // Stops at the limit with an error that nobody sees.
    let _ = view.each_row::<Enough>(Rows::All, |row| {
        if row.id.starts_with(begins) && (of.is_empty() || of.contains(&row.state)) {
            found.push(row.id);
        }
        if found.len() < MOST { Ok(()) } else { Err(Enough) }
    });
    found
}

struct Enough;

impl From<crate::ledger::LedgerError> for Enough {
    fn from(_: crate::ledger::LedgerError) -> Self {
        Self
    }
}

/// The run folder that the words before speak of.
fn folder(words: &[OsString]) -> Option<PathBuf> {
    let out = words.iter().position(|word| word == "--out");
    if let Some(folder) = out.and_then(|at| words.get(at + 1)) {
        return Some(folder.into());
    }
    let verb = words.iter().position(|word| word == "--")?;
    // After the program and the command.
    let mut typed = words.iter().skip(verb + 3).map(Path::new);
    let manifest = typed.find(|word| word.is_file())?;
    let is_mock = |word: &OsString| word.to_string_lossy().starts_with("--mock");
    let ending = if words.iter().any(is_mock) { "mock.run" } else { "run" };
    Some(manifest.with_extension(ending))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_run_folder_follows_from_what_was_typed() {
        let here = tempfile::tempdir().unwrap();
        let manifest = here.path().join("spring.yaml");
        std::fs::write(&manifest, "").unwrap();
        let typed = |more: &[&str]| {
            let words = ["callsheet", "--", "callsheet", "resolve"].map(OsString::from);
            let words = words.into_iter().chain([manifest.clone().into_os_string()]);
            folder(&words.chain(more.iter().map(OsString::from)).collect::<Vec<_>>())
        };
        assert_eq!(typed(&["an"]), Some(here.path().join("spring.run")));
        assert_eq!(typed(&["--mock=busy", "an"]), Some(here.path().join("spring.mock.run")));
        assert_eq!(typed(&["--out", "x", "an"]), Some("x".into()));
        assert_eq!(folder(&["callsheet", "--", "callsheet", "run"].map(OsString::from)), None);
    }

    #[test]
    fn of_several_with_commas_the_last_is_completed() {
        let names = ["saved", "sending"].map(str::to_owned);
        let found = listed(OsStr::new("failed,sa"), |begins| {
            names.iter().filter(|name| name.starts_with(begins)).cloned().collect()
        });
        let values: Vec<_> = found.iter().map(|one| one.get_value().to_owned()).collect();
        assert_eq!(values, ["failed,saved"]);
    }
}
