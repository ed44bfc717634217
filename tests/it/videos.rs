//! From a link to a file: whole or not at all, and only from where it may come.

use std::fs;
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use callsheet_mock::{Account, Fault, Links, On, Rule, Scenario, Span, Work};

use crate::child::said;
use crate::rude::{Rude, answer};
use crate::sheet::{KEY, Said, Sheet, fake, side_by_side};
use crate::stops::until;
use crate::studio::{Asked, VIDEO, is_whole, part, studio};

/// Everything in the folder of the videos, by name.
fn videos(sheet: &Sheet) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(sheet.run_folder().join("videos")).unwrap();
    let mut found: Vec<_> = entries
        .map(|entry| {
            let entry = entry.unwrap();
            (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())
        })
        .collect();
    found.sort();
    found
}

fn one(server: &Rude) -> Sheet {
    Sheet::pairs(1, &server.url, "")
}

/// The whole way of one pair, which must end in the whole video and nothing beside it.
fn arrives(server: &Rude, options: &[&str]) -> Said {
    let sheet = one(server);
    let said = sheet.run_whole(options);
    assert_eq!(said.code, 0, "{said}");
    assert_eq!(videos(&sheet), [("pair-0.mp4".to_owned(), VIDEO.to_vec())]);
    said
}

/// The whole way of one pair whose video cannot be had: says so, and leaves no file.
fn is_lost(server: &Rude, options: &[&str], code: &str) {
    let sheet = one(server);
    let said = sheet.run_whole(options);
    assert_eq!(said.code, 3, "{said}");
    let row = &sheet.rows()["pair-0"];
    assert_eq!((row["state"].as_str(), row["error_code"].as_str()), ("completed", code), "{said}");
    assert!(said.err.contains("pair-0: its video cannot be fetched"), "{said}");
    assert_eq!(videos(&sheet), []);
}

#[test]
fn a_download_that_is_cut_at_every_tenth_is_taken_up_where_it_broke_off() {
    let asked = Arc::new(Mutex::new(Vec::<Asked>::new()));
    let log = Arc::clone(&asked);
    let server = studio(move |asked, connection| {
        log.lock().unwrap().push(asked.clone());
        part(asked, connection, "\"v1\"", VIDEO.len().div_ceil(10));
    });
    arrives(&server, &[]);
    let asked = asked.lock().unwrap();
    let from: Vec<_> = asked.iter().map(|asked| asked.from.unwrap_or(0)).collect();
    let tenths: Vec<_> = (0..10).map(|n| n * VIDEO.len().div_ceil(10)).collect();
    assert_eq!(from, tenths, "nothing is fetched twice");
    assert!(asked[1..].iter().all(|asked| asked.if_range.as_deref() == Some("\"v1\"")));
}

#[test]
fn a_server_that_ignores_ranges_gives_the_whole_video() {
    let server = studio(|asked, connection| {
        let whole = Asked { from: None, ..asked.clone() };
        let most = if asked.number == 0 { VIDEO.len() / 2 } else { VIDEO.len() };
        part(&whole, connection, "\"v1\"", most);
    });
    arrives(&server, &[]);
}

#[test]
fn another_range_than_the_one_asked_for_is_not_used() {
    let server = studio(|asked, connection| {
        let wrong = Asked { from: asked.from.map(|from| from + 7), ..asked.clone() };
        part(&wrong, connection, "\"v1\"", if asked.number == 0 { 1000 } else { VIDEO.len() });
    });
    arrives(&server, &[]);
}

#[test]
fn without_a_strong_validator_nothing_is_pieced_together() {
    let asked = Arc::new(Mutex::new(Vec::<Asked>::new()));
    let log = Arc::clone(&asked);
    let server = studio(move |asked, connection| {
        log.lock().unwrap().push(asked.clone());
        part(asked, connection, "W/\"v1\"", if asked.number < 2 { 1000 } else { VIDEO.len() });
    });
    arrives(&server, &[]);
    assert!(asked.lock().unwrap().iter().all(|asked| asked.from.is_none()));
}

#[test]
fn what_is_no_video_is_said_plainly_and_leaves_no_file() {
    let page = "<!doctype html><title>Sign in</title>";
    is_lost(&studio(move |_, c| answer(c, "200 OK", "", page)), &[], "not_a_video");
    is_lost(&studio(|_, c| answer(c, "200 OK", "", "")), &[], "not_a_video");
    is_lost(&studio(|_, c| answer(c, "410 Gone", "", "")), &[], "link_dead");
    let cut = studio(|_, connection| {
        // Without a length a cut body looks whole.
        let _ = connection.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n");
        let _ = connection.write_all(&VIDEO[..VIDEO.len() - 100]);
    });
    is_lost(&cut, &[], "video_cut");
    let endless = studio(|_, connection| {
        let _ = connection.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n");
        while connection.write_all(&[b'x'; 65536]).is_ok() {}
    });
    is_lost(&endless, &["--max-video", "1"], "too_large");
    let boast = studio(|_, c| {
        let _ = c.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9000000000000\r\n\r\nx");
    });
    is_lost(&boast, &[], "too_large");
}

#[test]
fn redirects_are_followed_without_the_key_and_not_for_ever() {
    let other = studio(|asked, connection| part(asked, connection, "\"v1\"", VIDEO.len()));
    let there = format!("location: {}/elsewhere.mp4\r\n", other.url);
    arrives(&studio(move |_, c| answer(c, "302 Found", &there, "")), &[]);
    let request = &other.requests()[0];
    assert!(request.starts_with("GET /elsewhere.mp4"), "{request}");
    assert!(!request.to_ascii_lowercase().contains("authorization"), "{request}");
    is_lost(&studio(|_, c| answer(c, "302 Found", "location: /again\r\n", "")), &[], "link_dead");
    let file = "location: file:///etc/passwd\r\n";
    is_lost(&studio(move |_, c| answer(c, "301 Moved", file, "")), &[], "link_dead");
}

#[test]
fn a_download_that_stands_still_is_taken_up_anew() {
    let faults =
        [Fault::Stall, Fault::Truncated, Fault::ResetInAnswer, Fault::Drip, Fault::Garbage];
    side_by_side(faults, |fault| {
        let faults = vec![Rule::new(fault).on(On::Media).first(2)];
        let api = fake(Scenario { work: Work::AtOnce, faults, ..Scenario::default() });
        let sheet = Sheet::pairs(2, api.url(), "");
        let said = sheet.run_whole(&["--stall-timeout", "1s"]);
        assert_eq!(said.code, 0, "{fault:?}: {said}");
        assert_eq!(videos(&sheet).len(), 2, "{fault:?}");
        assert!(api.breaches().is_empty(), "{:?}", api.breaches());
    });
}

fn events(sheet: &Sheet) -> String {
    fs::read_to_string(sheet.run_folder().join("events.jsonl")).unwrap()
}

#[test]
fn a_link_that_died_is_asked_for_again() {
    let links = Links { live: Span::secs(0), renewed: true };
    let dead = Scenario { work: Work::AtOnce, links, ..Scenario::default() };
    let api = fake(dead.clone());
    let sheet = Sheet::pairs(2, api.url(), "");
    let said = sheet.run_whole(&[]);
    assert_eq!(said.code, 3, "{said}");
    assert_eq!(sheet.states()["completed"], 2);
    assert_eq!(sheet.rows()["pair-0"]["error_code"], "link_dead");
    let status = sheet.call("status", &[]);
    assert_eq!(status.code, 3, "{status}");
    // A day later links live again; the one in the ledger does not.
    api.advance(Duration::from_secs(25 * 3600));
    let links = Links { live: Span::secs(60), renewed: true };
    let keys = vec![Account::new(KEY)];
    api.set_scenario(Scenario { links, keys, ..dead });
    let said = sheet.run_whole(&[]);
    assert_eq!(said.code, 0, "{said}");
    assert!(events(&sheet).contains("\"relinked\""));
    assert_eq!(api.book().entries.len(), 2, "created again");
    assert_eq!(sheet.rows()["pair-0"]["video_path"], "videos/pair-0.mp4");
    assert_eq!(sheet.rows()["pair-0"]["error_code"], "");
}

#[test]
fn links_that_die_before_their_turn_are_asked_for_again_by_the_same_run() {
    // A second for each download, one at a time; a link lives for less than two of them.
    let links = Links { live: Span::millis(1500), renewed: true };
    let faults = vec![Rule::new(Fault::Drip).on(On::Media)];
    let api = fake(Scenario { work: Work::AtOnce, links, faults, ..Scenario::default() });
    let sheet = Sheet::pairs(4, api.url(), "");
    let said = sheet.run_whole(&["--downloads", "1"]);
    assert_eq!((said.code, api.book().entries.len()), (0, 4), "{said}");
    assert_eq!(videos(&sheet).len(), 4);
    let relinked = events(&sheet).matches("\"relinked\"").count();
    assert!((1..4).contains(&relinked), "{relinked} of 4 links died in the queue");
    let status = |wanted| {
        let seen = api.journal().into_iter().filter(|seen| seen.target.starts_with("/output/"));
        seen.filter(|seen| seen.answer.is_some_and(|answer| answer.status == Some(wanted))).count()
    };
    assert_eq!((status(403), status(200)), (relinked, 4), "a dead link is tried once");
}

#[test]
fn a_day_at_the_server_passes_in_seconds() {
    let api = fake(Scenario { work: Work::AtOnce, ..Scenario::default() });
    let sheet = Sheet::pairs(8, api.url(), "");
    assert_eq!(sheet.run(&[]).code, 0);
    // The tasks take six hours, and the media host is away until the links have died.
    let work = Work::Elapsed(Span::secs(6 * 3600));
    let day = Scenario { work, keys: vec![Account::new(KEY)], ..Scenario::default() };
    let away = vec![Rule::new(Fault::Status503).on(On::Media)];
    api.set_scenario(Scenario { faults: away, ..day.clone() });
    let run = sheet.start_whole(&[]);
    let hour = || {
        api.advance(Duration::from_secs(3600));
        std::thread::sleep(Duration::from_millis(100));
    };
    let completed = || events(&sheet).matches("\"event\":\"completed\"").count();
    (0..5).for_each(|_| hour());
    assert_eq!(completed(), 0, "after five hours of six");
    hour();
    until("the videos", || completed() == 8);
    (0..25).for_each(|_| hour());
    api.set_scenario(day);
    let said = run.said();
    assert_eq!((said.code, api.book().entries.len()), (0, 8), "{said}");
    let videos = videos(&sheet);
    assert!(videos.len() == 8 && videos.iter().all(|(_, bytes)| is_whole(bytes)));
    assert_eq!(events(&sheet).matches("\"relinked\"").count(), 8, "no link outlives its day");
}

#[test]
fn a_saved_file_that_is_gone_or_changed_is_fetched_again() {
    let api = fake(Scenario { work: Work::AtOnce, ..Scenario::default() });
    let sheet = Sheet::pairs(3, api.url(), "");
    assert_eq!(sheet.run_whole(&[]).code, 0);
    let mut before = videos(&sheet);
    let folder = sheet.run_folder().join("videos");
    fs::remove_file(folder.join("pair-0.mp4")).unwrap();
    fs::write(folder.join("pair-1.mp4"), "somebody was here").unwrap();
    let said = sheet.run_whole(&[]);
    assert_eq!(said.code, 3, "{said}");
    assert!(said.err.contains("2 saved videos are not what was saved"), "{said}");
    // What somebody wrote is theirs now: the video waits beside it.
    assert_eq!(sheet.rows()["pair-1"]["error_code"], "file_in_the_way");
    assert_eq!(fs::read(folder.join("pair-1.mp4")).unwrap(), b"somebody was here");
    fs::remove_file(folder.join("pair-1.mp4")).unwrap();
    assert_eq!(sheet.run_whole(&[]).code, 0);
    before.sort();
    assert_eq!(videos(&sheet), before);
    assert_eq!(api.book().entries.len(), 3, "created again");
    let csv = sheet.run_folder().join("tasks.csv");
    let whole = fs::read(&csv).unwrap();
    assert_eq!(sheet.call("report", &[]).code, 0);
    assert_eq!(fs::read(&csv).unwrap(), whole, "the same bytes again");
}

#[test]
fn videos_go_where_they_are_told_under_names_that_cannot_collide() {
    let api = fake(Scenario { work: Work::AtOnce, ..Scenario::default() });
    let sheet = Sheet::pairs(1, api.url(), "");
    for name in ["../{id}.mp4", "film.mp4", "/{id}", "{id}{task_id}"] {
        let said = sheet.run_whole(&["--video-name", name]);
        assert_eq!(said.code, 2, "{said}");
    }
    let films = sheet.folder().join("films");
    fs::create_dir(&films).unwrap();
    fs::write(films.join("Take-PAIR-0.mp4"), "holiday").unwrap();
    let options = ["--videos", "films", "--video-name", "take-{id}.mp4"];
    let said = sheet.run_whole(&options);
    assert_eq!((said.code, api.book().creates_read), (2, 0), "{said}");
    assert!(said.err.contains("is there already"), "{said}");
    assert_eq!(fs::read(films.join("Take-PAIR-0.mp4")).unwrap(), b"holiday");
    let options = ["--videos", "films", "--video-name", "{id}_{task_id}.mp4"];
    assert_eq!(sheet.run_whole(&options).code, 0);
    let row = &sheet.rows()["pair-0"];
    let path = films.join(format!("pair-0_{}.mp4", row["task_id"]));
    assert_eq!(row["video_path"], path.to_str().unwrap());
    assert!(path.is_file());
}

/// How many shades of gray the first frame has, and how much of it the most frequent one fills.
fn first_frame(video: &std::path::Path) -> (usize, f64) {
    let decoded = std::process::Command::new("ffmpeg")
        .args(["-v", "error", "-i"])
        .arg(video)
        .args(["-frames:v", "1", "-f", "rawvideo", "-pix_fmt", "gray", "-"])
        .output()
        .unwrap();
    assert!(decoded.status.success() && decoded.stderr.is_empty(), "{decoded:?}");
    let mut shades = [0_u32; 256];
    decoded.stdout.iter().for_each(|shade| shades[usize::from(*shade)] += 1);
    let most = f64::from(*shades.iter().max().unwrap());
    let all: u32 = shades.iter().sum();
    (shades.iter().filter(|pixels| **pixels > 0).count(), most / f64::from(all))
}

#[test]
#[ignore = "needs ffprobe and ffmpeg"]
fn what_a_rehearsal_saves_is_played_by_a_real_player() {
    let sheet = Sheet::job("demo.yaml");
    assert_eq!(sheet.call("run", &["--mock"]).code, 0);
    for id in ["anna-welcome", "ben-ja"] {
        let path = sheet.folder().join(format!("demo.mock.run/videos/{id}.mp4"));
        let mut probe = std::process::Command::new("ffprobe");
        probe
            .args(["-v", "error", "-show_entries", "stream=codec_type:format=duration"])
            .args(["-of", "csv=p=0"])
            .arg(&path);
        let said = said(&mut probe);
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{said}");
        assert!(said.out.contains("video") && said.out.contains("1.0"), "{said}");
        let (shades, most) = first_frame(&path);
        println!("{id}: {shades} shades, {:.0} % of the frame in one of them", most * 100.0);
        assert!(shades > 32 && most < 0.6, "{id}: a frame of {shades} shades, {most} in one");
    }
}
