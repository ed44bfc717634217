//! A batch in a folder of its own, and its runs.

use std::path::PathBuf;

use crate::creates::{callsheet, yaml};
use crate::given::csv;
use crate::tree::{Took, wait};

/// How it is written down.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Form {
    Yaml,
    Csv,
}

pub(crate) struct Batch {
    folder: tempfile::TempDir,
    manifest: PathBuf,
    words: Vec<String>,
}

impl Batch {
    pub(crate) fn new(form: Form, url: &str, pairs: u64, concurrency: u64) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (name, text, words) = match form {
            Form::Yaml => ("bench.yaml", yaml(url, pairs, concurrency), Vec::new()),
            Form::Csv => {
                let concurrency = concurrency.to_string();
                let words = ["--endpoint", url, "--concurrency", &concurrency];
                ("bench.csv", csv(pairs), words.map(str::to_owned).to_vec())
            }
        };
        let manifest = folder.path().join(name);
        std::fs::write(&manifest, text).expect("a manifest");
        Self { folder, manifest, words }
    }

    /// Runs it until all are created; the next run finds nothing to do.
    pub(crate) fn run(&self) -> Took {
        let words: Vec<&str> = self.words.iter().map(String::as_str).collect();
        wait("callsheet", callsheet(&self.manifest, &words))
    }

    /// Runs it as if it never had been.
    pub(crate) fn run_anew(&self) -> Took {
        let run = self.folder.path().join("bench.run");
        if run.exists() {
            std::fs::remove_dir_all(run).expect("a finished run");
        }
        self.run()
    }
}
