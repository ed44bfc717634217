//! The documentation tells the truth: its commands run, and its reference is what the program says.
//!
//! What is generated in `docs/` is written anew by `INSTA_UPDATE=always cargo test --test docs`, as
//! snapshots are.

#![cfg(unix)]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod blocks;
mod commands;
mod folder;
mod keys;
mod named;
mod section;
mod shell;
mod stories;

use std::path::{Path, PathBuf};

/// The repository.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Pages whose commands are not for a folder with a fake: `.ci/run` tries them by other means.
const ELSEWHERE: [&str; 2] = ["installing.md", "proxies.md"];

/// README.md and the pages in `docs/`, in both languages and in the order of their names.
fn pages() -> Vec<PathBuf> {
    let entries =
        ["docs", "docs/zh"].into_iter().flat_map(|folder| root().join(folder).read_dir().unwrap());
    let mut pages: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    pages.retain(|page| page.extension().is_some_and(|ending| ending == "md"));
    pages.retain(|page| !ELSEWHERE.iter().any(|other| page.ends_with(other)));
    pages.extend(["README.md", "README.zh.md"].map(|page| root().join(page)));
    pages.sort();
    pages
}
