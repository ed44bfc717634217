//! Files beside the manifest that cannot be used: told at once, each with its place, and never sent.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use callsheet_mock::Scenario;

use crate::locals::{add, compare, sheet, shipped};
use crate::sheet::{Sheet, fake, stable};

/// All at once, each with its place, and nothing is sent.
#[test]
#[cfg(unix)]
fn files_that_cannot_be_used_are_told_at_once() {
    let api = fake(Scenario::default());
    let pair = |n: usize, image: &str| {
        format!("  - id: p{n}\n    image: '{image}'\n    audio: https://example.com/{n}.mp3\n")
    };
    let images = [
        "missing.jpg",
        "faces",
        "pipe.jpg",
        "../outside.jpg",
        "/etc/hostname",
        "/dev/zero",
        "linked.jpg",
        "dangling.jpg",
        "large.jpg",
        r"faces\ben.png",
        r"C:\anna.jpg",
        "anna.jpg/more.jpg",
        "./anna.jpg",
    ];
    let pairs: String = images.iter().enumerate().map(|(n, image)| pair(n, image)).collect();
    let text = format!("version: 1\nendpoint: {}\npairs:\n{pairs}", api.url());
    let mut outer = Sheet::new("");
    add(&outer, "outside.jpg", b"secret");
    let folder = outer.folder().join("batch");
    add(&outer, "batch/anna.jpg", &shipped("pictures/portrait.jpg"));
    add(&outer, "batch/faces/ben.png", &shipped("pictures/portrait.png"));
    add(&outer, "batch/large.jpg", &vec![0xff; 6_000_000]);
    add(&outer, "batch/batch.yaml", text.as_bytes());
    std::os::unix::fs::symlink("../outside.jpg", folder.join("linked.jpg")).unwrap();
    std::os::unix::fs::symlink("nothing.jpg", folder.join("dangling.jpg")).unwrap();
    let pipe = std::process::Command::new("mkfifo").arg(folder.join("pipe.jpg")).status();
    assert!(pipe.unwrap().success());
    outer.manifest = folder.join("batch.yaml");
    let call = |verb: &str| {
        let mut command = outer.command(verb, &[]);
        command.current_dir(&folder).env("CALLSHEET_API_KEY", crate::sheet::KEY);
        crate::child::said(&mut command)
    };
    let told = call("check");
    for verb in ["plan", "run"] {
        let said = call(verb);
        assert_eq!((said.code, &said.err), (2, &told.err), "{verb}");
    }
    assert!(!folder.join("batch.run").exists(), "no run folder is needed");
    assert!(api.journal().is_empty(), "nothing was sent");
    stable(|| insta::assert_snapshot!("locals_problems", told));
}

#[test]
#[cfg(unix)]
fn a_file_that_may_not_be_read_is_told() {
    use std::os::unix::fs::PermissionsExt;

    let sheet = sheet("https://api.foxapi.cc", "", "pairs: [{image: anna.jpg, audio: en.wav}]\n");
    let secret = sheet.folder().join("anna.jpg");
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o000)).unwrap();
    if fs::File::open(&secret).is_ok() {
        println!("skipped: this user may read everything");
        return;
    }
    let said = sheet.call("check", &[]);
    assert_eq!(said.code, 2, "{said}");
    assert!(said.err.contains("`image`: it cannot be read: Permission denied"), "{said}");
}

#[test]
fn a_name_with_a_control_character_is_told() {
    let pair = |image: &str| format!("pairs: [{{image: {image}, audio: en.wav}}]\n");
    for name in [r#""a\u001b[2J.jpg""#, r#""a\u0000.jpg""#, r#""a\n.jpg""#] {
        let said = sheet("https://api.foxapi.cc", "", &pair(name)).call("check", &[]);
        assert_eq!(said.code, 2, "{said}");
        assert!(said.err.contains("the name has a control character in it"), "{said}");
        assert!(!said.err.contains('\u{1b}') && !said.err.contains('\0'), "{said}");
    }
}

/// A file that is not what its name says never leaves this machine.
#[test]
fn what_is_no_picture_and_no_recording_is_not_uploaded() {
    let api = fake(Scenario::default());
    let pairs = "pairs:\n  - {id: a, image: key.jpg, audio: en.wav}\n  \
                 - {id: b, image: anna.jpg, audio: key.jpg}\n  \
                 - {id: c, image: en.wav, audio: en.wav}\n";
    let sheet = sheet(api.url(), "", pairs);
    add(&sheet, "key.jpg", b"-----BEGIN OPENSSH PRIVATE KEY-----\n");
    let said = sheet.run(&[]);
    assert_eq!(said.code, 3, "{said}");
    assert_eq!(sheet.states(), BTreeMap::from([("rejected".to_owned(), 3)]));
    assert!(api.journal().is_empty(), "nothing was sent");
}

/// Only files below the manifest's folder, whatever folder the command is given in.
#[test]
fn paths_are_relative_to_the_manifest() {
    let api = fake(Scenario::default());
    let sheet = sheet(api.url(), "", "pairs: [{id: a, image: ./anna.jpg, audio: en.wav}]\n");
    let mut command = sheet.run_command(&[]);
    let elsewhere = tempfile::tempdir().unwrap();
    command.current_dir(elsewhere.path());
    let args: Vec<_> = command.get_args().map(ToOwned::to_owned).collect();
    let mut absolute = crate::sheet::program();
    absolute.current_dir(elsewhere.path()).env("CALLSHEET_API_KEY", crate::sheet::KEY);
    absolute.args(args.iter().map(|arg| match Path::new(arg) == Path::new("batch.yaml") {
        true => sheet.manifest.clone().into_os_string(),
        false => arg.clone(),
    }));
    let said = crate::child::said(&mut absolute);
    assert_eq!((said.code, compare(&api)), (0, 1), "{said}");
}
