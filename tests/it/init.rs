//! `init`: a folder of media to a manifest, which is never written to again.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::child::said;
use crate::locals::shipped;
use crate::sheet::{Said, program, root, stable};

/// A folder `media` in a folder of its own, with these files.
struct Media {
    home: tempfile::TempDir,
}

impl Media {
    fn with(files: &[&str]) -> Self {
        let media = Self { home: tempfile::tempdir().unwrap() };
        fs::create_dir(media.folder()).unwrap();
        files.iter().for_each(|file| media.add(file));
        media
    }

    fn add(&self, file: &str) {
        let path = self.folder().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "x").unwrap();
    }

    fn folder(&self) -> PathBuf {
        self.home.path().join("media")
    }

    fn init(&self, options: &[&str]) -> Said {
        let mut command: Command = program();
        command.current_dir(self.home.path()).args(["init", "media"]).args(options);
        Said::of(&command.output().unwrap())
    }

    fn read(&self, path: impl AsRef<Path>) -> String {
        fs::read_to_string(self.home.path().join(path)).unwrap()
    }
}

#[test]
fn a_folder_becomes_a_manifest() {
    let media = Media::with(&[
        "anna.jpg",
        "anna-en.wav",
        "anna-de.wav",
        "ben/portrait.png",
        "ben/take 2.mp3",
        "ben/take 10.mp3",
        "carl.webp",
        "dora.flac",
        "notes.txt",
        ".hidden.jpg",
        ".cache/eve.jpg",
        ".cache/eve.wav",
        "old.run/videos/fred.mp3",
    ]);
    let said = media.init(&[]);
    stable(|| {
        insta::assert_snapshot!("init", said);
        insta::assert_snapshot!("init_manifest", media.read("media/callsheet.yaml"));
    });
    assert_eq!(fs::read_dir(media.folder()).unwrap().count(), 11, "nothing else was written");
}

/// From a folder to videos, without a word in the manifest changed.
#[test]
fn what_init_writes_is_checked_planned_and_rehearsed_as_it_is() {
    let media = Media::with(&[]);
    for (name, fixture) in [
        ("anna.jpg", "pictures/portrait.jpg"),
        ("anna-en.wav", "sounds/plain.wav"),
        ("anna-de.wav", "sounds/mulaw.wav"),
        ("ben.png", "pictures/portrait.png"),
        ("ben.mp3", "sounds/cbr.mp3"),
    ] {
        fs::write(media.folder().join(name), shipped(fixture)).unwrap();
    }
    let call = |words: &[&str]| {
        let mut command = program();
        let said = said(command.current_dir(media.folder()).args(words));
        assert_eq!(said.code, 0, "{said}");
        said
    };
    let told = call(&["init", "."]);
    assert!(told.out.starts_with("callsheet.yaml: 3 pairs"), "{told}");
    assert!(told.err.contains("  anna-en: anna.jpg + anna-en.wav\n"), "{told}");
    let next = told.err.lines().last().unwrap().split("callsheet ").nth(1).unwrap();
    let checked = call(&next.split(' ').collect::<Vec<_>>());
    assert!(checked.out.contains("0 errors, 0 warnings\n7.0 s of audio"), "{checked}");
    assert!(call(&["plan", "callsheet.yaml"]).out.contains("3  to create"));
    call(&["run", "callsheet.yaml", "--mock"]);
    for id in ["anna-en", "anna-de", "ben"] {
        let video = media.folder().join(format!("callsheet.mock.run/videos/{id}.mp4"));
        assert!(crate::studio::is_whole(&fs::read(video).unwrap()), "{id}");
    }
}

/// The example with local files is fit to be sent, and is what `init` would pair.
#[test]
fn the_shipped_folder_is_rehearsed() {
    let media = Media::with(&[]);
    for entry in fs::read_dir(root().join("jobs/folder")).unwrap().flatten() {
        if entry.path().is_file() {
            fs::copy(entry.path(), media.folder().join(entry.file_name())).unwrap();
        }
    }
    let call = |words: &[&str]| {
        let mut command = program();
        said(command.current_dir(media.home.path()).args(words))
    };
    let checked = call(&["check", "media/callsheet.yaml", "--probe"]);
    assert!(checked.out.contains("2 pairs, 3 files looked at: 0 errors, 0 warnings"), "{checked}");
    let run = call(&["run", "media/callsheet.yaml", "--mock"]);
    assert!(run.code == 0 && run.out.contains("\n2 saved; "), "{run}");
    assert_eq!(call(&["init", "media", "--out", "again.yaml"]).code, 0);
    let [shipped, drafted] = ["media/callsheet.yaml", "again.yaml"].map(|path| {
        let text = media.read(path).replace("./media/", "./");
        text.split("\npairs:\n").nth(1).unwrap().to_owned()
    });
    assert_eq!(shipped, drafted);
}

#[test]
fn programs_are_told_the_same() {
    let media = Media::with(&["a.jpg", "a.wav", "b.gif"]);
    let said = media.init(&["--json"]);
    assert_eq!(said.code, 0, "{said}");
    assert_eq!(
        said.json(),
        serde_json::json!({
            "manifest": "media/callsheet.yaml",
            "pairs": 1,
            "left_out": [{"file": "b.gif", "reason": "no recording is called like it"}],
        })
    );
}

#[test]
fn what_is_there_is_never_overwritten() {
    let media = Media::with(&["a.jpg", "a.wav"]);
    assert_eq!(media.init(&[]).code, 0);
    let first = media.read("media/callsheet.yaml");
    fs::write(media.folder().join("callsheet.yaml"), format!("{first}# edited\n")).unwrap();
    let again = media.init(&[]);
    assert_eq!(again.code, 2, "{again}");
    assert!(again.err.contains("media/callsheet.yaml: is there already; nothing was written"));
    assert!(media.read("media/callsheet.yaml").ends_with("# edited\n"));
    let folder = media.init(&["--out", "media"]);
    assert!(folder.code == 2 && folder.err.contains("is there already"), "{folder}");
}

#[test]
fn a_manifest_stands_in_the_folder_or_above_it() {
    let media = Media::with(&["in/a.jpg", "in/a.wav"]);
    let said = media.init(&["--out", "spring.yaml"]);
    assert_eq!(said.code, 0, "{said}");
    assert!(media.read("spring.yaml").contains("image: ./media/in/a.jpg\n"));
    fs::create_dir(media.home.path().join("beside")).unwrap();
    for place in ["beside/spring.yaml", "media/in/spring.yaml", "none/spring.yaml"] {
        let said = media.init(&["--out", place]);
        assert_ne!(said.code, 0, "{said}");
        assert!(said.err.contains(place), "{said}");
        assert!(!media.home.path().join(place).exists());
    }
}

#[test]
fn what_makes_no_pair_makes_no_manifest() {
    let [images, sounds] = [".jpg, .png, .webp, .gif or .avif", ".mp3, .wav, .ogg, .m4a or .aac"];
    let neither = format!("portraits end in {images}, recordings end in {sounds}");
    for (files, told, hint) in [
        (&[][..], "no portraits and no recordings in it", &*neither),
        (&["notes.txt", "a.heic"], "no portraits and no recordings in it", &neither),
        (&["a.jpg", "b.png", "b.jpg"], "portraits, but no recordings in it", sounds),
        (&["a.wav", "b.wav"], "recordings, but no portraits in it", images),
        (&["a.jpg", "b.jpg", "c.wav"], "no portrait and recording go together", "call them alike"),
    ] {
        let media = Media::with(files);
        let said = media.init(&[]);
        assert_eq!(said.code, 2, "{said}");
        assert!(said.err.contains(&format!("error: media: {told}\n")), "{said}");
        assert!(said.err.contains(hint), "{said}");
        assert!(!media.folder().join("callsheet.yaml").exists());
    }
    let said = Said::of(&program().args(["init", "/nowhere/at/all"]).output().unwrap());
    assert!(said.code == 2 && said.err.contains("there is no such folder"), "{said}");
    let file = tempfile::NamedTempFile::new().unwrap();
    let said = Said::of(&program().arg("init").arg(file.path()).output().unwrap());
    assert!(said.code == 2 && said.err.contains("this is a file, not a folder"), "{said}");
}

#[cfg(unix)]
#[test]
fn links_and_odd_names_lead_nowhere() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::symlink;

    let media = Media::with(&["a.jpg", "a.wav", "sub/b.jpg", "x: {y} # \"z\" - id: e.wav"]);
    media.add("x\n- id: e.wav");
    fs::write(media.home.path().join("secret.wav"), "x").unwrap();
    let link = |to: &str, name: &str| symlink(to, media.folder().join(name)).unwrap();
    link("../secret.wav", "a-out.wav");
    link("nothing.wav", "a-gone.wav");
    link("a.wav", "a-in.wav");
    link("..", "up");
    link(".", "loop");
    link("/etc/hostname", "hostname");
    fs::write(media.folder().join(OsStr::from_bytes(b"a-\xff.wav")), "x").unwrap();
    let said = media.init(&[]);
    assert_eq!(said.code, 0, "{said}");
    let manifest = media.read("media/callsheet.yaml");
    let ids: Vec<_> = manifest.lines().filter_map(|line| line.strip_prefix("  - id: ")).collect();
    assert_eq!(ids, ["a-in", "a", "a-x-y-z--id-e"], "{manifest}");
    stable(|| insta::assert_snapshot!("init_links", said));
    assert!(!said.err.chars().any(|c| c.is_control() && c != '\n'), "{said}");
}
