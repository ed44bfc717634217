//! Videos that are saved and are not what they should be: pointed out, by code and by name.

use std::fs;
use std::io::Write;

use crate::rude::answer;
use crate::sheet::{Said, Sheet};
use crate::speeches::Speeches;
use crate::studio::{VIDEO, part, studio};

/// A video that plays, without a sound track.
const SILENT: &[u8] = include_bytes!("../fixtures/silent.mp4");

/// Sends these bytes whole.
fn whole(connection: &mut std::net::TcpStream, video: &[u8]) {
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", video.len());
    let _ = connection.write_all(&[head.as_bytes(), video].concat());
}

/// The pair is saved, and pointed out everywhere.
fn is_pointed_out(sheet: &Sheet, said: &Said, (id, code): (&str, &str)) {
    assert_eq!(said.code, 3, "{said}");
    assert!(said.err.contains(&format!("{id}: saved, but {code}: ")), "{said}");
    let status = sheet.call("status", &["--json"]);
    assert_eq!(status.code, 3, "{status}");
    let remarked = &status.json()["remarked"];
    assert_eq!(remarked.as_array().unwrap().len(), 1, "{status}");
    assert_eq!((&remarked[0]["id"], &remarked[0]["code"]), (&id.into(), &code.into()), "{status}");
}

#[test]
fn a_video_without_sound_is_saved_and_pointed_out_until_it_is_gone() {
    let server = studio(|asked, connection| match asked.number {
        0 => whole(connection, VIDEO),
        1 => whole(connection, SILENT),
        _ => answer(connection, "410 Gone", "", ""),
    });
    let sheet = Sheet::pairs(2, &server.url, "concurrency: 1");
    let said = sheet.run_whole(&["--downloads", "1"]);
    let rows = sheet.rows();
    let (id, row) = rows.iter().find(|(_, row)| !row["error_code"].is_empty()).unwrap();
    assert_eq!((&*row["state"], &*row["error_code"]), ("saved", "no_sound"), "{said}");
    assert_eq!(row["error"], "the video has no sound");
    is_pointed_out(&sheet, &said, (id, "no_sound"));
    assert_eq!(fs::read(sheet.run_folder().join(&row["video_path"])).unwrap(), SILENT);
    is_pointed_out(&sheet, &sheet.run_whole(&[]), (id, "no_sound"));
    // It is as silent when it is found again.
    let (here, away) = (sheet.run_folder().join("videos"), sheet.folder().join("away"));
    fs::rename(&here, &away).unwrap();
    fs::create_dir(&here).unwrap();
    assert_eq!(sheet.run_whole(&[]).code, 3);
    assert_eq!(sheet.states()["completed"], 2);
    fs::remove_dir_all(&here).unwrap();
    fs::rename(&away, &here).unwrap();
    let said = sheet.run_whole(&[]);
    assert!(said.err.contains("found again"), "{said}");
    is_pointed_out(&sheet, &said, (id, "no_sound"));
}

#[test]
fn a_video_of_another_length_than_its_recording_is_pointed_out() {
    let server = studio(|asked, connection| part(asked, connection, "\"v1\"", VIDEO.len()));
    let speeches = Speeches::start();
    // The video plays a second.
    for (millis, code) in [(1900, 0), (5000, 3)] {
        let sheet = speeches.batch(&server.url, "", &[millis]);
        let said = sheet.run_whole(&["--probe"]);
        assert_eq!(said.code, code, "{said}");
        if code > 0 {
            assert_eq!(sheet.rows()["p0"]["error_code"], "wrong_length");
            is_pointed_out(&sheet, &said, ("p0", "wrong_length"));
            assert!(said.err.contains("plays 1.0 s, its recording 5.0 s"), "{said}");
        }
    }
}

#[test]
fn one_video_for_two_recordings_is_pointed_out_by_name() {
    let server = studio(|asked, connection| part(asked, connection, "\"v1\"", VIDEO.len()));
    let sheet = Sheet::pairs(2, &server.url, "");
    let said = sheet.run_whole(&[]);
    is_pointed_out(&sheet, &said, ("pair-1", "same_video"));
    assert!(said.err.contains("byte for byte, that of pair-0"), "{said}");
    // The same recording under another signature is the same.
    let pairs = "- {id: a, image: 'https://e.com/a.jpg', audio: 'https://e.com/a.mp3?sig=1'}\n  \
        - {id: b, image: 'https://e.com/b.jpg', audio: 'https://e.com/a.mp3?sig=2'}";
    let sheet = Sheet::new(&format!("version: 1\nendpoint: {}\npairs:\n  {pairs}\n", server.url));
    assert_eq!(sheet.run_whole(&[]).code, 0);
}
