//! Where a run folder may lie, and who may look into it.

#![cfg(unix)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use callsheet_mock::{Scenario, Work};

use crate::child::said;
use crate::sheet::{Said, Sheet, fake, root};

fn day() -> Scenario {
    Scenario { work: Work::AtOnce, ..Scenario::default() }
}

/// Has a program believe that every folder lies on a file system of this number.
fn elsewhere(mut command: Command, number: u32) -> Said {
    let shim = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("elsewhere-{number}.so"));
    let mut build = Command::new("cc");
    build.args(["-shared", "-fPIC", "-o"]).arg(&shim).arg(root().join("tests/it/elsewhere.c"));
    assert!(build.arg("-ldl").status().unwrap().success());
    said(command.env("LD_PRELOAD", shim).env("ELSEWHERE", number.to_string()))
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "needs LD_PRELOAD")]
fn nothing_is_paid_for_on_a_network_disk_unless_a_person_insists() {
    const NFS: u32 = 0x6969;
    let api = fake(day());
    let sheet = Sheet::pairs(2, api.url(), "");
    let refused = elsewhere(sheet.whole(&["-q"]), NFS);
    assert_eq!(refused.code, 2, "{refused}");
    assert!(refused.err.contains("batch.run: on a network's disk (NFS)"), "{refused}");
    assert!(refused.err.contains("on a local disk with --out DIR"), "{refused}");
    assert_eq!(api.book().creates_read, 0);
    assert!(!sheet.run_folder().exists());
    fs::write(sheet.folder().join("known.csv"), "id,task_id\npair-0,t1\n").unwrap();
    assert_eq!(elsewhere(sheet.command("adopt", &["known.csv"]), NFS).code, 2);

    let insisted = elsewhere(sheet.whole(&["-q", "--allow-network-disk"]), NFS);
    assert_eq!((insisted.code, api.book().entries.len()), (0, 2), "{insisted}");
    // A new folder would pay for everything again, so the hint has to name another way.
    let refused = elsewhere(sheet.whole(&["-q"]), NFS);
    assert_eq!(refused.code, 2, "{refused}");
    assert!(refused.err.contains("move this run folder, whole, to a local disk"), "{refused}");
    let refused = elsewhere(sheet.command("resolve", &["--all", "--abandon"]), NFS);
    assert_eq!(refused.code, 2, "{refused}");
    assert!(refused.err.contains("a network's disk"), "{refused}");
    assert_eq!(elsewhere(sheet.command("status", &[]), NFS).code, 0);
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "needs LD_PRELOAD")]
fn a_drive_of_windows_is_named_and_a_rehearsal_goes_on_there() {
    const DRIVE: u32 = 0x0102_1997;
    let sheet = Sheet::pairs(1, "https://api.example.com", "");
    let refused = elsewhere(sheet.whole(&["-q"]), DRIVE);
    assert!(refused.err.contains("a drive of Windows under WSL"), "{refused}");
    let rehearsed = elsewhere(sheet.whole(&["-q", "--mock"]), DRIVE);
    assert_eq!(rehearsed.code, 0, "{rehearsed}");
    const FUSE: u32 = 0x6573_5546;
    // The list of what is mounted is the real one, and has no program's there.
    assert_eq!(elsewhere(sheet.whole(&["-q"]), FUSE).code, 2);
}

/// The modes of all that is in a folder, by their names.
fn modes(folder: &Path) -> Vec<(PathBuf, u32)> {
    let mut modes = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        modes.push((entry.path(), entry.metadata().unwrap().permissions().mode() & 0o777));
    }
    modes
}

#[test]
fn nobody_else_reads_what_has_signed_links_in_it() {
    let api = fake(Scenario { work: Work::Polls(1_000), ..day() });
    let sheet = Sheet::pairs(2, api.url(), "");
    let folder = sheet.run_folder();
    let mut running = sheet.start_whole(&["-q"]);
    let there = |name: &str| folder.join(name).exists();
    while !(there("progress.json") && there("ledger.sqlite-wal") && api.book().entries.len() == 2) {
        assert!(running.try_wait().unwrap().is_none(), "{}", running.said());
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let holds_links = |path: &Path| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        !["ledger.lock", "videos"].contains(&&*name)
    };
    let found: Vec<_> = modes(&folder).into_iter().filter(|(path, _)| holds_links(path)).collect();
    assert!(found.len() >= 6, "{found:?}");
    for (path, mode) in found {
        assert_eq!(mode, 0o600, "{}", path.display());
    }
    assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
    drop(running);
    let saved = sheet.call("plan", &["--save", "plan.json"]);
    assert_eq!(saved.code, 0, "{saved}");
    let plan = fs::metadata(sheet.folder().join("plan.json")).unwrap();
    assert_eq!(plan.permissions().mode() & 0o777, 0o600);
}

#[test]
fn what_was_there_stays_readable_to_those_who_could_read_it() {
    let api = fake(day());
    let sheet = Sheet::pairs(1, api.url(), "");
    let (folder, table) = (sheet.run_folder(), sheet.run_folder().join("tasks.csv"));
    let set = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    fs::create_dir(&folder).unwrap();
    set(&folder, 0o750);
    fs::write(&table, "").unwrap();
    set(&table, 0o640);
    let run = sheet.run_whole(&["-q"]);
    assert_eq!(run.code, 0, "{run}");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&folder), mode(&table)), (0o750, 0o640));
}
