//! What the recorder wrote down of a run: every change of the disk and everything that was sent, in
//! the order in which it happened.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::sheet::root;

/// One thing that happened. Files go by the numbers that the system gave them.
#[derive(Debug)]
pub(super) enum Act {
    Create { file: u64, path: PathBuf },
    Write { file: u64, at: usize, bytes: Vec<u8> },
    Resize { file: u64, size: usize },
    Sync { file: u64 },
    MakeFolder { path: PathBuf },
    SyncFolder { path: PathBuf },
    Move { from: PathBuf, to: PathBuf },
    Link { from: PathBuf, to: PathBuf },
    Remove { path: PathBuf },
    Send { bytes: Vec<u8> },
}

/// Builds `recorder.c`, once for all tests.
fn recorder() -> &'static Path {
    static RECORDER: OnceLock<PathBuf> = OnceLock::new();
    RECORDER.get_or_init(|| {
        let recorder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("recorder.so");
        let source = root().join("tests/it/power/recorder.c");
        let mut build = Command::new("cc");
        build.args(["-shared", "-fPIC", "-O1", "-o"]).arg(&recorder).arg(source).arg("-ldl");
        assert!(build.status().unwrap().success());
        recorder
    })
}

/// Has a program record what it does to a folder.
pub(super) fn watch(command: &mut Command, folder: &Path, log: &Path) {
    command.env("LD_PRELOAD", recorder()).env("RECORD_ROOT", folder).env("RECORD_LOG", log);
}

/// Reads a record; paths are relative to the folder.
pub(super) fn read(log: &Path, folder: &Path) -> Vec<Act> {
    let bytes = fs::read(log).unwrap();
    let mut reader = Reader { rest: &bytes, folder };
    std::iter::from_fn(|| reader.act()).collect()
}

struct Reader<'a> {
    rest: &'a [u8],
    folder: &'a Path,
}

impl Reader<'_> {
    fn act(&mut self) -> Option<Act> {
        let end = self.rest.iter().position(|&byte| byte == b'\n')?;
        let line = String::from_utf8(self.rest[..end].to_vec()).unwrap();
        self.rest = &self.rest[end + 1..];
        let (kind, what) = line.split_once(' ').unwrap();
        let numbers: Vec<u64> = what.split(' ').map_while(|word| word.parse().ok()).collect();
        let size = |n: usize| usize::try_from(numbers[n]).unwrap();
        Some(match kind {
            "C" => {
                let path = self.path(what.split_once(' ').unwrap().1);
                Act::Create { file: numbers[0], path }
            }
            "W" => Act::Write { file: numbers[0], at: size(1), bytes: self.take(size(2)) },
            "T" => Act::Resize { file: numbers[0], size: size(1) },
            "S" => Act::Sync { file: numbers[0] },
            "M" => Act::MakeFolder { path: self.path(what) },
            "D" => Act::SyncFolder { path: self.path(what) },
            "U" => Act::Remove { path: self.path(what) },
            "N" => Act::Send { bytes: self.take(size(0)) },
            "R" | "L" => {
                let (from, to) = what.split_once('\t').unwrap();
                let (from, to) = (self.path(from), self.path(to));
                if kind == "R" { Act::Move { from, to } } else { Act::Link { from, to } }
            }
            other => panic!("the recorder wrote {other:?}"),
        })
    }

    fn take(&mut self, length: usize) -> Vec<u8> {
        let (bytes, rest) = self.rest.split_at(length);
        self.rest = rest;
        bytes.to_vec()
    }

    fn path(&self, text: &str) -> PathBuf {
        let plain: PathBuf = Path::new(text).components().collect();
        plain.strip_prefix(self.folder).unwrap().to_owned()
    }
}
