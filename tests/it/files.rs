//! Files of others where videos belong: never overwritten, never taken for ours, never mixed into;
//! and one bad file is one pair's trouble.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::sleep;
use std::time::{Duration, Instant};

use callsheet_mock::{Scenario, Work};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::child;
use crate::crash::shim;
use crate::rude::{Rude, answer};
use crate::sheet::{KEY, Said, Sheet, fake, side_by_side};
use crate::studio::{VIDEO, is_whole, part, studio};

/// Two pairs with a task each, whose videos are still to be fetched.
fn created() -> (callsheet_mock::MockApi, Sheet, PathBuf) {
    let api = fake(Scenario { work: Work::AtOnce, ..Scenario::default() });
    let sheet = Sheet::pairs(2, api.url(), "");
    assert_eq!(sheet.run(&[]).code, 0);
    let videos = sheet.run_folder().join("videos");
    fs::create_dir(&videos).unwrap();
    (api, sheet, videos)
}

/// The first pair is told of and stays completed, the other one is saved.
fn first_is_in_the_way(sheet: &Sheet, said: &Said) {
    assert_eq!(said.code, 3, "{said}");
    let rows = sheet.rows();
    assert_eq!((&*rows["pair-0"]["state"], &*rows["pair-1"]["state"]), ("completed", "saved"));
    assert_eq!(rows["pair-0"]["error_code"], "file_in_the_way", "{said}");
    assert!(said.err.contains("is not the video of this pair"), "{said}");
}

fn downloads(api: &callsheet_mock::MockApi) -> usize {
    api.journal().iter().filter(|seen| seen.target.starts_with("/output/")).count()
}

/// What somebody put at a place, and a look at whether it is still there.
type Obstacle = (&'static str, fn(&Path, &Path), fn(&Path, &Path));

const DIARY: &[u8] = b"dear diary";

fn diary_is_there(place: &Path, diary: &Path) {
    assert_eq!(fs::read(place).unwrap(), DIARY);
    assert_eq!(fs::read(diary).unwrap(), DIARY);
}

const OBSTACLES: [Obstacle; 6] = [
    ("a file", |place, _| fs::write(place, DIARY).unwrap(), diary_is_there),
    ("a link", |place, diary| std::os::unix::fs::symlink(diary, place).unwrap(), diary_is_there),
    ("another name", |place, diary| fs::hard_link(diary, place).unwrap(), diary_is_there),
    (
        "a link to nowhere",
        |place, _| std::os::unix::fs::symlink("nowhere", place).unwrap(),
        |place, _| assert!(fs::read_link(place).unwrap() == Path::new("nowhere")),
    ),
    (
        "a folder",
        |place, _| fs::create_dir(place).unwrap(),
        |place, _| assert!(place.is_dir() && fs::read_dir(place).unwrap().next().is_none()),
    ),
    (
        "the same bytes",
        |place, _| fs::write(place, VIDEO).unwrap(),
        |place, _| assert_eq!(fs::read(place).unwrap(), VIDEO),
    ),
];

#[test]
#[cfg(unix)]
fn what_somebody_else_put_there_stays_as_it_is_and_the_rest_goes_on() {
    let names = ["pair-0.mp4", "pair-0.mp4.part", "pair-0.mp4.part.json"];
    let cases = names.iter().flat_map(|name| OBSTACLES.map(|obstacle| (*name, obstacle)));
    let cases: Vec<_> = cases.collect();
    for some in cases.chunks(6) {
        side_by_side(some, |(name, (what, put, look))| {
            let (api, sheet, videos) = created();
            let (place, diary) = (videos.join(name), sheet.folder().join("diary"));
            fs::write(&diary, DIARY).unwrap();
            put(&place, &diary);
            for _ in 0..2 {
                first_is_in_the_way(&sheet, &sheet.run_whole(&[]));
                look(&place, &diary);
            }
            assert!(!videos.join("nowhere").exists(), "{what} at {name}");
            if place.is_dir() { fs::remove_dir(&place) } else { fs::remove_file(&place) }.unwrap();
            let before = downloads(&api);
            let said = sheet.run_whole(&[]);
            assert_eq!(said.code, 0, "{what} at {name}: {said}");
            assert!(is_whole(&fs::read(videos.join("pair-0.mp4")).unwrap()));
            assert_eq!(fs::read_dir(&videos).unwrap().count(), 2, "{what} at {name}");
            // What was fetched was kept beside the place until that was free.
            let again = usize::from(*name != "pair-0.mp4");
            assert_eq!(downloads(&api) - before, again, "{what} at {name}");
        });
    }
}

#[test]
#[cfg(unix)]
fn a_file_that_appears_while_the_video_comes_is_not_overwritten() {
    let place = Arc::new(OnceLock::<PathBuf>::new());
    let at = Arc::clone(&place);
    let server = studio(move |asked, connection| {
        let at = at.get().unwrap();
        if !at.exists() {
            fs::write(at, DIARY).unwrap();
        }
        part(asked, connection, "\"v1\"", VIDEO.len());
    });
    let sheet = Sheet::pairs(1, &server.url, "");
    place.set(sheet.run_folder().join("videos/pair-0.mp4")).unwrap();
    let said = sheet.run_whole(&[]);
    assert_eq!((said.code, &*sheet.rows()["pair-0"]["error_code"]), (3, "file_in_the_way"));
    assert_eq!(fs::read(place.get().unwrap()).unwrap(), DIARY);
}

/// The notes that stay beside a file until it is recorded that it is in its place.
fn notes(sheet: &Sheet, video: &[u8]) -> String {
    let ledger = rusqlite::Connection::open(sheet.run_folder().join("ledger.sqlite")).unwrap();
    let sql = "SELECT task_id, video_url FROM standings WHERE pair = 1";
    let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
    let (task, link): (String, String) = ledger.query_row(sql, (), read).unwrap();
    let sum = |bytes: &[u8]| -> String {
        Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
    };
    let (link, sha256) = (sum(link.as_bytes()), sum(video));
    json!({"task": task, "link": link, "validator": null, "bytes": video.len(), "sha256": sha256,
        "whole": true})
    .to_string()
        + "\n"
}

#[test]
fn what_was_moved_to_its_place_and_not_recorded_is_known_by_its_content_alone() {
    let (api, sheet, videos) = created();
    assert_eq!(sheet.run_whole(&[]).code, 0);
    let (place, beside) = (videos.join("pair-0.mp4"), videos.join("pair-0.mp4.part.json"));
    let video = fs::read(&place).unwrap();
    let forget = || {
        let ledger = rusqlite::Connection::open(sheet.run_folder().join("ledger.sqlite")).unwrap();
        let forget = "UPDATE standings SET state = 'completed', video_path = NULL,
            video_bytes = NULL, video_sha256 = NULL, video_millis = NULL WHERE pair = 1";
        assert_eq!(ledger.execute(forget, ()).unwrap(), 1);
    };
    let before = downloads(&api);
    // As a kill between the move and its record leaves it.
    forget();
    fs::write(&beside, notes(&sheet, &video)).unwrap();
    let said = sheet.run_whole(&[]);
    assert_eq!((said.code, downloads(&api) - before), (0, 0), "{said}");
    assert!(!beside.exists() && fs::read(&place).unwrap() == video);
    // One that is as long and as whole, but another.
    forget();
    fs::write(&beside, notes(&sheet, &video)).unwrap();
    let mut other = video.clone();
    *other.last_mut().unwrap() ^= 1;
    fs::write(&place, &other).unwrap();
    first_is_in_the_way(&sheet, &sheet.run_whole(&[]));
    assert_eq!(fs::read(&place).unwrap(), other);
}

#[test]
fn no_two_videos_have_one_file_even_while_they_are_not_whole() {
    let api = fake(Scenario { work: Work::AtOnce, ..Scenario::default() });
    let pairs = |ids: [&str; 2]| {
        let mut yaml = format!("version: 1\nendpoint: {}\npairs:\n", api.url());
        for id in ids {
            yaml += &format!("  - {{id: {id}, image: 'https://e.com/{id}.jpg', ");
            yaml += &format!("audio: 'https://e.com/{id}.mp3'}}\n");
        }
        Sheet::new(&yaml)
    };
    for ids in [["x", "x.part"], ["x.PART", "X"], ["x.part.json", "x"]] {
        let said = pairs(ids).run_whole(&["--video-name", "{id}"]);
        assert_eq!((said.code, api.book().creates_read), (2, 0), "{ids:?}: {said}");
        assert!(said.err.contains("as if it were its own"), "{said}");
    }
    let said = pairs(["x", "x.part"]).run_whole(&["--video-name", "{id}.mp4"]);
    assert_eq!(said.code, 0, "{said}");
}

/// Gives the first task a name that is too long for a file, and a short one to the other.
fn long_winded() -> Rude {
    let tasks = Mutex::new(vec!["short".to_owned(), "l".repeat(250)]);
    Rude::any(move |request, connection| {
        let path = request.split_whitespace().nth(1).unwrap_or_default().to_owned();
        let host = connection.local_addr().unwrap();
        if request.starts_with("POST") {
            let id = tasks.lock().unwrap().pop().unwrap();
            return answer(connection, "200 OK", "", &json!({ "id": id }).to_string());
        }
        if let Some(id) = path.strip_prefix("/v1/tasks/") {
            let url = format!("http://{host}/{id}.mp4");
            let task = json!({"id": id, "status": "completed", "results": [{ "url": url }]});
            return answer(connection, "200 OK", "", &task.to_string());
        }
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", VIDEO.len());
        let _ = connection.write_all(&[head.as_bytes(), VIDEO].concat());
    })
}

#[test]
#[cfg(unix)]
fn a_name_that_is_too_long_is_that_pairs_trouble() {
    let server = long_winded();
    let sheet = Sheet::pairs(2, &server.url, "concurrency: 1");
    let said = sheet.run_whole(&["--video-name", "{id}-{task_id}.mp4"]);
    assert_eq!(said.code, 3, "{said}");
    let rows = sheet.rows();
    assert_eq!((&*rows["pair-0"]["state"], &*rows["pair-1"]["state"]), ("completed", "saved"));
    assert_eq!(rows["pair-0"]["error_code"], "bad_file_name", "{said}");
    assert_eq!(sheet.run_whole(&[]).code, 3, "the two are byte for byte the same");
    assert_eq!(sheet.states()["saved"], 2, "under another name it is saved");
}

#[test]
#[cfg(unix)]
fn a_file_that_may_not_grow_so_large_is_that_pairs_trouble() {
    let server = studio(|asked, connection| {
        if asked.number > 0 {
            return part(asked, connection, "\"v1\"", VIDEO.len());
        }
        let size = 8_u32 << 20;
        let film = [VIDEO, &size.to_be_bytes(), b"free", &vec![7; size as usize - 8]].concat();
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", film.len());
        let _ = connection.write_all(&[head.as_bytes(), &film].concat());
    });
    let sheet = Sheet::pairs(2, &server.url, "concurrency: 1");
    let run = sheet.whole(&["--downloads", "1"]);
    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' XFSZ; ulimit -f 8192 && exec \"$0\" \"$@\""]);
    shell.arg(run.get_program()).args(run.get_args());
    shell.current_dir(sheet.folder()).env("CALLSHEET_API_KEY", KEY).env("CALLSHEET_YES", "1");
    let said = child::said(&mut shell);
    assert_eq!(said.code, 3, "{said}");
    let codes: Vec<_> = sheet.rows().into_values().map(|row| row["error_code"].clone()).collect();
    assert!(codes.contains(&"file_too_large".to_owned()), "{codes:?}: {said}");
    assert_eq!(sheet.states()["saved"], 1, "{said}");
    assert_eq!(fs::read_dir(sheet.run_folder().join("videos")).unwrap().count(), 1);
}

#[test]
#[cfg(unix)]
fn a_folder_that_cannot_be_written_is_known_before_anything_is_paid_for() {
    let api = fake(Scenario { work: Work::AtOnce, ..Scenario::default() });
    let sheet = Sheet::pairs(1, api.url(), "");
    let said = sheet.run_whole(&["--videos", "/proc/self"]);
    assert_eq!((said.code, api.book().creates_read), (1, 0), "{said}");
    assert!(said.err.contains("choose another folder for the videos"), "{said}");
}

/// How long the slow disk takes.
const SLOW: Duration = Duration::from_secs(2);

/// Notes when the task of the first pair is asked for, which fails once another one's video was
/// fetched and a slow disk has had its time; takes uploads, and any number of creates.
fn patient(polls: Arc<Mutex<Vec<Instant>>>) -> Rude {
    let (tasks, fetched) = (Mutex::new(0), Mutex::new(None::<Instant>));
    Rude::any(move |request, connection| {
        let path = request.split_whitespace().nth(1).unwrap_or_default().to_owned();
        let host = connection.local_addr().unwrap();
        if path.starts_with("/v1/files/") {
            let url = format!("http://{host}/uploaded.jpg");
            return answer(connection, "200 OK", "", &json!({"id": "f", "url": url}).to_string());
        }
        if request.starts_with("POST") {
            let mut tasks = tasks.lock().unwrap();
            *tasks += 1;
            return answer(
                connection,
                "200 OK",
                "",
                &json!({"id": format!("t{tasks}")}).to_string(),
            );
        }
        let id = path.trim_start_matches("/v1/tasks/");
        if id == "t1" {
            polls.lock().unwrap().push(Instant::now());
            let ended = fetched.lock().unwrap().is_some_and(|at| at.elapsed() > SLOW);
            let task = json!({"id": "t1", "status": if ended { "failed" } else { "processing" }});
            return answer(connection, "200 OK", "", &task.to_string());
        }
        if id.ends_with(".mp4") {
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", VIDEO.len());
            let _ = connection.write_all(&[head.as_bytes(), VIDEO].concat());
            fetched.lock().unwrap().get_or_insert_with(Instant::now);
            return;
        }
        let url = format!("http://{host}/{id}.mp4");
        let task = json!({"id": id, "status": "completed", "results": [{ "url": url }]});
        answer(connection, "200 OK", "", &task.to_string());
    })
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "needs LD_PRELOAD")]
fn a_slow_disk_holds_up_no_poll() {
    side_by_side(["slow.jpg", "slow.mp4"], |slow| {
        let polls = Arc::new(Mutex::new(Vec::new()));
        let server = patient(Arc::clone(&polls));
        let pairs = "- {id: first, image: 'https://e.com/a.jpg', audio: 'https://e.com/a.mp3'}\n  \
            - {id: slow, image: slow.jpg, audio: 'https://e.com/b.mp3'}";
        let yaml = format!("version: 1\nendpoint: {}\npairs:\n  {pairs}\n", server.url);
        let sheet = Sheet::new(&yaml);
        crate::locals::add(&sheet, "slow.jpg", &crate::locals::shipped("pictures/portrait.jpg"));
        assert_eq!(sheet.run(&["--limit", "1"]).code, 4);
        let mut run = sheet.whole(&["--allow-http"]);
        run.env("LD_PRELOAD", shim())
            .env("SHIM_SLOW", slow)
            .env("SHIM_SLOW_MS", SLOW.as_millis().to_string());
        let said = child::said(&mut run);
        assert_eq!((said.code, sheet.states()["saved"]), (3, 1), "{slow}: {said}");
        let polls = polls.lock().unwrap();
        let longest = polls.windows(2).map(|two| two[1] - two[0]).max().unwrap();
        assert!(longest < Duration::from_millis(1700), "{slow}: no poll for {longest:?}");
        assert!(polls.len() > 2, "{slow}: {} polls", polls.len());
    });
}

#[test]
fn the_link_that_dies_first_is_followed_first_whenever_it_was_learned() {
    let order = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&order);
    let server = Rude::any(move |request, connection| {
        let path = request.split_whitespace().nth(1).unwrap_or_default().to_owned();
        let host = connection.local_addr().unwrap();
        if request.starts_with("POST") {
            let number = request.split("/q").nth(1).or_else(|| request.split("sig=q").nth(1));
            let id = format!("t{}", &number.unwrap_or_default()[..1]);
            return answer(connection, "200 OK", "", &json!({ "id": id }).to_string());
        }
        if let Some(id) = path.strip_prefix("/v1/tasks/") {
            let left = if id == "t3" { 60 } else { 90_000 };
            let dies = jiff::Timestamp::now().as_second() + left;
            let url = format!("http://{host}/{id}.mp4?Expires={dies}&Signature=x");
            let task = json!({"id": id, "status": "completed", "results": [{ "url": url }]});
            return answer(connection, "200 OK", "", &task.to_string());
        }
        log.lock().unwrap().push(path[1..3].to_owned());
        if log.lock().unwrap().len() == 1 {
            sleep(Duration::from_millis(1500));
        }
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", VIDEO.len());
        let _ = connection.write_all(&[head.as_bytes(), VIDEO].concat());
    });
    let sheet = Sheet::pairs(4, &server.url, "concurrency: 1");
    sheet.run_whole(&["--downloads", "1"]);
    let order = order.lock().unwrap();
    assert_eq!(order.len(), 4);
    assert_eq!(order[1], "t3", "the link that dies first after the one under way: {order:?}");
}
