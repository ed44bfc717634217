//! A disk without room for videos: said before they are paid for, and nothing is half there.

use std::fs;
use std::io::Write;
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use callsheet_mock::{Scenario, Work};

use crate::child;
use crate::rude::Rude;
use crate::sheet::{KEY, Said, Sheet, fake};
use crate::studio::{VIDEO, studio};

/// Promises videos of 900 GB each, and sends nothing of them.
fn boaster() -> Rude {
    studio(|_, connection| {
        let head = "HTTP/1.1 200 OK\r\netag: \"v1\"\r\ncontent-length: 900000000000\r\n\r\n";
        let _ = connection.write_all(head.as_bytes());
        sleep(Duration::from_secs(20));
    })
}

#[test]
#[cfg(unix)]
fn what_does_not_fit_ends_the_run_and_is_not_lost() {
    let server = boaster();
    // Of so many together no disk has room.
    let sheet = Sheet::pairs(64, &server.url, "concurrency: 1\nrate: 4/s");
    let said = sheet.run_whole(&["--max-video", "1000000", "--downloads", "64"]);
    assert_eq!(said.code, 1, "{said}");
    assert!(said.err.contains(" MB free, the video needs 900000 MB"), "{said}");
    assert!(said.err.contains("give the same command again"), "{said}");
    let states = sheet.states();
    assert!(states["planned"] > 0, "it went on creating: {states:?}");
    assert!(states["completed"] > 0 && !states.contains_key("saved"), "{states:?}");
    let rows = sheet.rows().into_values().filter(|row| row["state"] == "completed");
    let told = rows.filter(|row| row["error_code"] == "no_room").count();
    assert_eq!(told, 2, "the third in a row is the disk's trouble, and is not lost");
}

#[test]
#[cfg(unix)]
fn one_video_that_is_larger_than_the_disk_is_that_pairs_trouble() {
    let server = studio(|asked, connection| {
        if asked.number == 0 {
            let head = "HTTP/1.1 200 OK\r\ncontent-length: 900000000000\r\n\r\n";
            let _ = connection.write_all(head.as_bytes());
            return sleep(Duration::from_secs(1));
        }
        let size = 8 + asked.number as u32;
        let mark = [&size.to_be_bytes()[..], b"free", &vec![0; asked.number]].concat();
        let head =
            format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", VIDEO.len() + mark.len());
        let _ = connection.write_all(&[head.as_bytes(), VIDEO, &mark].concat());
    });
    let sheet = Sheet::pairs(4, &server.url, "concurrency: 1");
    let said = sheet.run_whole(&["--max-video", "1000000", "--downloads", "1"]);
    assert_eq!((said.code, sheet.states()["saved"]), (3, 3), "{said}");
    let codes = sheet.rows().into_values().filter(|row| row["error_code"] == "no_room").count();
    assert_eq!(codes, 1, "{said}");
}

/// Runs the batch with a disk of so many megabytes for its videos, which goes with the run.
fn on_small_disk(sheet: &Sheet, megabytes: u32) -> Said {
    let films = sheet.folder().join("films");
    fs::create_dir_all(&films).unwrap();
    let run = sheet.whole(&["--videos", "films"]);
    let mut shell = Command::new("unshare");
    shell
        .args(["-Urm", "sh", "-c"])
        .arg(format!("mount -t tmpfs -o size={megabytes}m none films && exec \"$0\" \"$@\""));
    shell.arg(run.get_program()).args(run.get_args());
    child::said(shell.current_dir(sheet.folder()).env("CALLSHEET_API_KEY", KEY))
}

#[test]
#[ignore = "needs the right to mount a file system"]
fn a_small_disk_is_told_of_before_and_never_filled() {
    let api = fake(Scenario { work: Work::AtOnce, ..Scenario::default() });
    let sheet = Sheet::pairs(3, api.url(), "");
    let said = on_small_disk(&sheet, 80);
    assert_eq!(said.code, 0, "{said}");
    let warning = "films: 84 MB free; the 3 videos to come may need about 30 MB";
    assert!(said.err.contains(warning), "{said}");
    let said = on_small_disk(&Sheet::pairs(1, api.url(), ""), 80);
    assert!(!said.err.contains("MB free"), "{said}");
    assert_eq!(said.code, 0, "{said}");
    let said = on_small_disk(&Sheet::pairs(1, api.url(), ""), 60);
    assert_eq!(said.code, 1, "{said}");
    assert!(said.err.contains("63 MB free, the video needs"), "{said}");
}

#[test]
#[ignore = "needs the right to mount a file system"]
fn what_never_ends_does_not_fill_a_small_disk() {
    let server = studio(|_, connection| {
        let _ = connection.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n");
        let _ = connection.write_all(VIDEO);
        while connection.write_all(&[b'x'; 65536]).is_ok() {}
    });
    let said = on_small_disk(&Sheet::pairs(1, &server.url, ""), 100);
    assert_eq!(said.code, 3, "{said}");
    assert!(said.err.contains("MB free, the video does not say what it needs"), "{said}");
}
