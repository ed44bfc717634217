//! Videos that a kill left half: the next run goes on where they end, if they are of the same file.

use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::sleep;
use std::time::Duration;

use callsheet_mock::Scenario;

use crate::rude::Rude;
use crate::sheet::{Sheet, fake};
use crate::stops::until;
use crate::studio::{Asked, VIDEO, studio};

const MEGABYTE: usize = 1 << 20;

/// A video that is eight megabytes long.
fn film() -> Vec<u8> {
    let filler = 8 * MEGABYTE;
    let size = u32::try_from(8 + filler).unwrap().to_be_bytes();
    let noise: Vec<u8> = (0..filler).map(|n| (n * 31 / 7) as u8).collect();
    [VIDEO, &size, b"free", &noise].concat()
}

/// What a server did, and how many bytes of films it sent.
#[derive(Default)]
struct Served {
    asked: Mutex<Vec<Asked>>,
    bytes: AtomicUsize,
}

/// Sends the film from where it is asked for, if it is still called so; the first time only
/// half of it, and then nothing.
fn serve(film: &[u8], tag: &str, asked: &Asked, connection: &mut TcpStream, served: &Served) {
    served.asked.lock().unwrap().push(asked.clone());
    let from = asked.from.filter(|_| asked.if_range.as_deref() == Some(tag)).unwrap_or(0);
    let (status, total) = (if from > 0 { "206 Partial" } else { "200 OK" }, film.len());
    let head = format!(
        "HTTP/1.1 {status}\r\netag: {tag}\r\ncontent-range: bytes {from}-{}/{total}\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n",
        total - 1,
        total - from
    );
    connection.write_all(head.as_bytes()).unwrap();
    let end = if asked.number == 0 { total / 2 } else { total };
    for block in film[from..end].chunks(64 * 1024) {
        connection.write_all(block).unwrap();
        served.bytes.fetch_add(block.len(), Ordering::SeqCst);
    }
    if asked.number == 0 {
        sleep(Duration::from_secs(30));
    }
}

/// A run that is killed with half of its film on disk.
fn killed(tags: fn(usize) -> &'static str) -> (Rude, Sheet, Arc<Served>) {
    let served = Arc::new(Served::default());
    let (log, film) = (served.clone(), film());
    let server = studio(move |asked, connection| {
        serve(&film, tags(asked.number), asked, connection, &log);
    });
    let sheet = Sheet::pairs(1, &server.url, "");
    let mut run = sheet.start_whole(&[]);
    let part = sheet.run_folder().join("videos/pair-0.mp4.part");
    let length = || fs::metadata(&part).map_or(0, |found| found.len());
    until("half of the video", || length() >= (self::film().len() / 2) as u64);
    run.kill().unwrap();
    run.wait();
    (server, sheet, served)
}

fn names(sheet: &Sheet) -> Vec<String> {
    let entries = fs::read_dir(sheet.run_folder().join("videos")).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// The next run saves the whole film and leaves nothing else.
fn continues(sheet: &Sheet) {
    let said = sheet.run_whole(&[]);
    assert_eq!(said.code, 0, "{said}");
    assert_eq!(names(sheet), ["pair-0.mp4"]);
    let saved = fs::read(sheet.run_folder().join("videos/pair-0.mp4")).unwrap();
    assert!(saved == film(), "the bytes are others");
}

#[test]
fn a_download_that_was_killed_goes_on_where_it_was() {
    let (_server, sheet, served) = killed(|_| "\"v1\"");
    assert_eq!(names(&sheet), ["pair-0.mp4.part", "pair-0.mp4.part.json"]);
    continues(&sheet);
    let asked = served.asked.lock().unwrap();
    assert_eq!(asked.len(), 2);
    assert_eq!(asked[1].if_range.as_deref(), Some("\"v1\""));
    assert!(asked[1].from.unwrap() >= 3 * MEGABYTE, "{:?}", asked[1]);
    let bytes = served.bytes.load(Ordering::SeqCst);
    assert!(bytes <= film().len() + 3 * MEGABYTE / 2, "{bytes} bytes were sent");
}

#[test]
fn a_film_that_was_changed_in_between_is_fetched_from_its_start() {
    let (_server, sheet, served) = killed(|number| if number == 0 { "\"v1\"" } else { "\"v2\"" });
    continues(&sheet);
    assert_eq!(served.asked.lock().unwrap().len(), 2);
}

#[test]
fn half_a_film_that_is_not_what_was_received_is_dropped() {
    let (_server, sheet, served) = killed(|_| "\"v1\"");
    let part = sheet.run_folder().join("videos/pair-0.mp4.part");
    let mut bytes = fs::read(&part).unwrap();
    bytes[2 * MEGABYTE] ^= 1;
    fs::write(&part, bytes).unwrap();
    continues(&sheet);
    assert_eq!(served.asked.lock().unwrap()[1].from, None);
}

#[test]
fn a_range_of_another_film_is_not_pieced_together() {
    let served = Arc::new(Served::default());
    let (log, film) = (served.clone(), film());
    // It sends the range whatever it is a range of, as some do, but says what that is.
    let server = studio(move |asked, connection| {
        let blind = Asked { if_range: Some("\"v2\"".to_owned()), ..asked.clone() };
        let (asked, tag) = if asked.number == 0 { (asked, "\"v1\"") } else { (&blind, "\"v2\"") };
        serve(&film, tag, asked, connection, &log);
    });
    let sheet = Sheet::pairs(1, &server.url, "");
    let said = sheet.run_whole(&["--stall-timeout", "1s"]);
    assert_eq!(said.code, 0, "{said}");
    let from: Vec<_> =
        served.asked.lock().unwrap().iter().map(|asked| asked.from.is_some()).collect();
    assert_eq!(from, [false, true, false], "the range that came was of another file");
}

#[test]
fn what_was_left_of_videos_that_are_not_wanted_is_swept_and_nothing_of_others() {
    let (_server, sheet, _served) = killed(|_| "\"v1\"");
    let (videos, films) = (sheet.run_folder().join("videos"), sheet.folder().join("films"));
    fs::create_dir_all(&films).unwrap();
    for folder in [&videos, &films] {
        for name in ["holiday.mp4.part", "holiday.mp4.part.json", "pair-0.mov.part"] {
            fs::write(folder.join(name), "half").unwrap();
        }
    }
    assert_eq!(sheet.run_whole(&["--videos", "films"]).code, 0);
    assert!(videos.join("pair-0.mp4.part").exists(), "that is another folder");
    assert_eq!(sheet.run_whole(&[]).code, 0);
    let theirs = ["holiday.mp4.part", "holiday.mp4.part.json", "pair-0.mov.part"];
    assert_eq!(names(&sheet), theirs);
    assert_eq!(fs::read_dir(&films).unwrap().count(), 4);
}

#[test]
fn what_a_kill_left_of_tables_is_swept_by_the_next_run() {
    let api = fake(Scenario::default());
    let sheet = Sheet::pairs(1, api.url(), "");
    assert_eq!(sheet.run(&[]).code, 0);
    let left = sheet.run_folder().join(".callsheet-Xy12");
    let file = fs::File::create(&left).unwrap();
    assert_eq!(sheet.run(&[]).code, 0);
    assert!(left.exists(), "somebody may be writing it");
    file.set_modified(std::time::SystemTime::now() - Duration::from_secs(120)).unwrap();
    assert_eq!(sheet.call("status", &[]).code, 4);
    assert!(left.exists(), "only who has the ledger clears away");
    assert_eq!(sheet.run(&[]).code, 0);
    assert!(!left.exists());
}
