//! The folder that a block runs in: what a reader has before the first command.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use callsheet_mock::{Length, MockApi, Options, Scenario, Span};

use crate::root;
use crate::shell::Shell;

/// What has happened in a folder before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Given {
    /// Nothing: there are `spring.yaml`, `spring.csv`, `spring.xlsx`, `photos` and `jobs`.
    #[default]
    Nothing,
    /// `spring.yaml` ran to its end.
    Run,
    /// Its answers were lost: three pairs are in doubt, and `TASK_ID` is the first one's.
    Doubts,
}

impl Given {
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "run" => Some(Self::Run),
            "doubts" => Some(Self::Doubts),
            _ => None,
        }
    }
}

/// A folder for the blocks of a story. The programs that they call are in `.bin`.
pub(crate) struct Folder {
    folder: tempfile::TempDir,
    api: MockApi,
}

impl Folder {
    pub(crate) fn new(given: Given) -> Self {
        // Any key: readers put in their own.
        let options = Options { any_key: true, ..Options::default() };
        // The recordings in `photos` are that long, and the fake does not listen to what is uploaded.
        let length = Length { matching: String::new(), length: Span::secs(3) };
        let scenario = Scenario { lengths: vec![length], ..Scenario::default() };
        let api = MockApi::start_with(scenario, options);
        let api = futures::executor::block_on(api).unwrap();
        let folder = Self { folder: tempfile::tempdir().unwrap(), api };
        folder.programs();
        folder.files(given);
        match given {
            Given::Nothing => {}
            Given::Run => folder.before("callsheet run spring.yaml", 0),
            Given::Doubts => folder.before("callsheet run spring.yaml --concurrency 1", 5),
        }
        folder
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn bin(&self) -> PathBuf {
        self.path().join(".bin")
    }

    pub(crate) fn api(&self) -> &MockApi {
        &self.api
    }

    /// Puts the id of a task in the place of `TASK_ID`.
    pub(crate) fn filled_in(&self, text: &str) -> String {
        let book = self.api.book();
        let task = book.undelivered().next().map(|entry| entry.task.to_string());
        text.replace("TASK_ID", &task.unwrap_or_else(|| "TASK_ID".to_owned()))
    }

    fn before(&self, text: &str, exit: i32) {
        let said = Shell::start(self, text).ended();
        assert_eq!(said.code, Some(exit), "before a block: {said}");
    }

    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// `callsheet` and `callsheet-mock`, and a `cargo` that runs what `cargo run` would.
    fn programs(&self) {
        fs::create_dir(self.bin()).unwrap();
        symlink(env!("CARGO_BIN_EXE_callsheet"), self.bin().join("callsheet")).unwrap();
        let scripts = [
            ("callsheet-mock", "#!/bin/sh\nexec callsheet mock \"$@\"\n"),
            (
                "cargo",
                "#!/bin/sh\ntest \"$1 $2\" = 'run --' || exit 97\nshift 2\nexec callsheet \"$@\"\n",
            ),
        ];
        for (name, text) in scripts {
            self.write(&format!(".bin/{name}"), text);
            let mode = fs::Permissions::from_mode(0o755);
            fs::set_permissions(self.bin().join(name), mode).unwrap();
        }
    }

    fn files(&self, given: Given) {
        let samples = format!("{}/samples", self.api.url());
        let lost = if given == Given::Doubts { "?fault=close-after-accept" } else { "" };
        let mut yaml = "version: 1\nprice_per_second: 0.16\npairs:\n".to_owned();
        let mut csv = "id,image,audio,prompt\r\n".to_owned();
        for (id, image, audio) in [
            ("anna-en", "anna.jpg", "hello-en.mp3"),
            ("anna-de", "anna.jpg", "hallo-de.mp3"),
            ("ben-es", "ben.jpg", "hola-es.mp3"),
        ] {
            yaml += &format!(
                "  - {{id: {id}, image: '{samples}/{image}{lost}', audio: '{samples}/{audio}'}}\n"
            );
            csv += &format!("{id},{samples}/{image},{samples}/{audio},She smiles\r\n");
        }
        self.write("spring.yaml", yaml);
        self.write("spring.csv", csv);
        let copies = [
            ("tests/docs/spring.xlsx", "spring.xlsx"),
            ("jobs/folder/eileen.jpg", "photos/王小明.jpg"),
            ("tests/fixtures/media/pictures/portrait.png", "photos/Anna Müller.png"),
            ("mock/media/hallo-de.mp3", "photos/Anna Müller-de.mp3"),
            ("mock/media/hello-en.mp3", "photos/Anna Müller-en.mp3"),
            ("mock/media/hola-es.mp3", "photos/王小明.mp3"),
            ("jobs/demo.yaml", "jobs/demo.yaml"),
            ("jobs/presenters.yaml", "jobs/presenters.yaml"),
            ("jobs/spring.yaml", "jobs/spring.yaml"),
            ("jobs/spring.csv", "jobs/spring.csv"),
            ("jobs/mistakes.yaml", "jobs/mistakes.yaml"),
        ];
        for (from, to) in copies {
            self.write(to, fs::read(root().join(from)).unwrap());
        }
    }
}
