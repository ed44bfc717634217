//! From a link to an object in a bucket: whole or not at all, over nothing, and with no parts left.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex};

use callsheet_mock::{Scenario, Work};
use sha2::{Digest, Sha256};

use crate::buckets::Moto;
use crate::child::{Running, said};
use crate::crash::under_shim;
use crate::rude::{Rude, answer};
use crate::sheet::{Said, Sheet, fake, side_by_side};
use crate::storage::{Call, Manner, Storage};
use crate::studio::{Asked, VIDEO, is_whole, studio};

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
pub(crate) const VIDEOS: &str = "videos: s3://films/spring";
const KEY: &str = "spring/pair-0.mp4";

/// A video of a part and a bit.
static FILM: LazyLock<Vec<u8>> = LazyLock::new(|| longer_by(5 << 20));

fn longer_by(size: u32) -> Vec<u8> {
    [VIDEO, &size.to_be_bytes(), b"free", &vec![7; size as usize - 8]].concat()
}

/// Serves bytes from where they are asked for, but only so many of them.
fn serve(asked: &Asked, connection: &mut TcpStream, film: &[u8], most: usize) {
    let (total, from) = (film.len(), asked.from.unwrap_or(0));
    let (status, range) = match asked.from {
        Some(from) => {
            ("206 Partial", format!("content-range: bytes {from}-{}/{total}\r\n", total - 1))
        }
        None => ("200 OK", String::new()),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\netag: \"v1\"\r\n{range}content-length: {}\r\nconnection: close\r\n\r\n",
        total - from
    );
    let _ = connection.write_all(head.as_bytes());
    let _ = connection.write_all(&film[from..total.min(from + most)]);
}

fn film() -> Rude {
    studio(|asked, connection| serve(asked, connection, &FILM, FILM.len()))
}

fn clip() -> Rude {
    studio(|asked, connection| serve(asked, connection, VIDEO, VIDEO.len()))
}

/// A storage that does one call of a kind otherwise, the first so many times.
fn odd(call: Call, manner: Manner, times: usize) -> Storage {
    let left = AtomicUsize::new(times);
    Storage::start(move |_, made, storage| {
        // The trial before each run is another matter.
        let trial = storage.shelves().calls.last().unwrap().1.ends_with(".callsheet-trial");
        let hit = made == call && !trial;
        let less = |left: usize| left.checked_sub(1);
        match hit && left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less).is_ok() {
            true => manner,
            false => Manner::Well,
        }
    })
}

pub(crate) fn well() -> Storage {
    Storage::start(|_, _, _| Manner::Well)
}

fn with_keys<'c>(command: &'c mut Command, storage: &Storage) -> &'c mut Command {
    with_keys_of(command, &storage.url)
}

fn with_keys_of<'c>(command: &'c mut Command, url: &str) -> &'c mut Command {
    for name in ["AWS_ENDPOINT_URL_S3", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_SESSION_TOKEN"] {
        command.env_remove(name);
    }
    command.env("AWS_ENDPOINT_URL", url);
    command.env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE").env("AWS_SECRET_ACCESS_KEY", SECRET)
}

pub(crate) fn run(sheet: &Sheet, storage: &Storage, options: &[&str]) -> Said {
    said(with_keys(&mut sheet.whole(options), storage))
}

/// One pair whose video is saved in the bucket, and nothing beside it, in one run or the next.
fn is_saved(sheet: &Sheet, storage: &Storage, video: &[u8], what: &str) {
    let row = &sheet.rows()["pair-0"];
    assert_eq!(row["state"], "saved", "{what}");
    assert_eq!(row["video_path"], "s3://films/spring/pair-0.mp4", "{what}");
    let shelves = storage.shelves();
    assert_eq!(shelves.objects.keys().collect::<Vec<_>>(), [KEY], "{what}");
    assert!(shelves.objects[KEY].bytes == video, "{what}");
    drop(shelves);
    assert_eq!(storage.unfinished(), [""; 0], "{what}");
    assert!(!sheet.run_folder().join("multipart.jsonl").exists(), "{what}");
    is_recorded(sheet, video);
}

fn is_recorded(sheet: &Sheet, video: &[u8]) {
    let sum: String = Sha256::digest(video).iter().map(|byte| format!("{byte:02x}")).collect();
    let ledger = rusqlite::Connection::open(sheet.run_folder().join("ledger.sqlite")).unwrap();
    let sql = "SELECT state, video_sha256, video_bytes FROM standings";
    let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
    let recorded: (String, String, usize) = ledger.query_row(sql, (), read).unwrap();
    assert_eq!(recorded, ("saved".to_owned(), sum, video.len()));
}

#[test]
fn videos_go_to_the_bucket_in_parts_and_nothing_to_the_disk() {
    let long = Arc::new(longer_by(11 << 20));
    let served = Arc::clone(&long);
    let server = studio(move |asked, connection| serve(asked, connection, &served, served.len()));
    let storage = well();
    let sheet = Sheet::pairs(1, &server.url, VIDEOS);
    let said = run(&sheet, &storage, &[]);
    assert_eq!(said.code, 0, "{said}");
    is_saved(&sheet, &storage, &long, "the first run");
    let of_it = |(call, key): &(Call, String)| (key == KEY).then_some(*call);
    let calls: Vec<_> = storage.shelves().calls.iter().filter_map(of_it).collect();
    let way = [Call::Head, Call::Begin, Call::Part, Call::Part, Call::Part, Call::Head];
    assert_eq!(calls, [&way[..], &[Call::Complete, Call::Head]].concat());
    assert!(!sheet.run_folder().join("videos").exists());
    let events = fs::read_to_string(sheet.run_folder().join("events.jsonl")).unwrap();
    for text in [&said.err, &said.out, &events] {
        assert!(!text.contains("X-Amz") && !text.contains(SECRET), "{text}");
    }
    // The same command again changes nothing.
    let again = run(&sheet, &storage, &[]);
    assert_eq!((again.code, storage.count(Call::Part)), (0, 3), "{again}");
    assert_eq!(sheet.call("report", &[]).code, 0);
    is_saved(&sheet, &storage, &long, "the report");
    let plan = sheet.call("plan", &[]);
    assert!(plan.out.contains("videos go to s3://films/spring"), "{plan}");
    for said in [sheet.call("status", &[]), plan, sheet.call("check", &[])] {
        assert_eq!(said.code, 0, "they ask no bucket: {said}");
    }
}

#[test]
fn the_option_goes_before_the_manifest_and_a_rehearsal_stays_at_home() {
    let (api, storage) = (fake(Scenario { work: Work::AtOnce, ..Scenario::default() }), well());
    let sheet = Sheet::pairs(3, api.url(), VIDEOS);
    for said in [run(&sheet, &storage, &["--mock"]), sheet.run_whole(&["--mock"])] {
        assert_eq!(said.code, 0, "{said}");
    }
    let refused = run(&sheet, &storage, &["--mock", "--videos", "s3://films/x"]);
    assert_eq!(refused.code, 2, "{refused}");
    assert!(storage.shelves().calls.is_empty());
    assert_eq!(sheet.run(&[]).code, 0, "what saves no videos needs no bucket");
    let said = run(&sheet, &storage, &["--videos", "s3://films", "--video-name", "take-{id}.mp4"]);
    assert_eq!(said.code, 0, "{said}");
    let keys: Vec<_> = storage.shelves().objects.keys().cloned().collect();
    assert_eq!(keys, ["take-pair-0.mp4", "take-pair-1.mp4", "take-pair-2.mp4"]);
    assert!(storage.shelves().objects.values().all(|object| is_whole(&object.bytes)));
    let other = Sheet::pairs(1, api.url(), VIDEOS);
    assert_eq!(run(&other, &storage, &["--videos", "films"]).code, 0);
    assert!(other.folder().join("films/pair-0.mp4").is_file());
}

#[test]
fn what_goes_wrong_on_the_way_is_done_again_and_leaves_nothing() {
    use Manner::{CutAfter, CutBefore, Late, No, OtherTag};
    let cases = [
        (Call::Part, No(503, "SlowDown"), 2),
        (Call::Part, No(400, "BadDigest"), 1),
        (Call::Part, No(404, "NoSuchUpload"), 1),
        (Call::Part, CutBefore, 1),
        (Call::Part, CutAfter, 1),
        (Call::Part, OtherTag, 1),
        (Call::Begin, No(500, "InternalError"), 1),
        (Call::Begin, CutBefore, 1),
        (Call::Begin, CutAfter, 2),
        (Call::Head, CutBefore, 1),
        (Call::Complete, No(503, "SlowDown"), 1),
        (Call::Complete, No(501, "NotImplemented"), 1),
        (Call::Complete, No(412, "PreconditionFailed"), 1),
        (Call::Complete, CutBefore, 1),
        (Call::Complete, CutAfter, 1),
        (Call::Complete, Late("InternalError"), 1),
    ];
    for some in cases.chunks(4) {
        side_by_side(some, |(call, manner, times)| {
            let what = format!("{call:?} {manner:?}");
            let (server, storage) = (film(), odd(*call, *manner, *times));
            let sheet = Sheet::pairs(1, &server.url, VIDEOS);
            let said = run(&sheet, &storage, &[]);
            assert_eq!(said.code, 0, "{what}: {said}");
            is_saved(&sheet, &storage, &FILM, &what);
        });
    }
}

#[test]
fn a_download_that_breaks_off_goes_on_within_its_upload() {
    let server = studio(|asked, connection| serve(asked, connection, &FILM, 2_000_000));
    let storage = well();
    let sheet = Sheet::pairs(1, &server.url, VIDEOS);
    let said = run(&sheet, &storage, &[]);
    assert_eq!(said.code, 0, "{said}");
    is_saved(&sheet, &storage, &FILM, "in pieces");
    assert_eq!((storage.count(Call::Begin), storage.count(Call::Part)), (2, 2), "and the trial");
}

#[test]
fn what_is_no_video_becomes_no_object() {
    let page = "<!doctype html><title>Sign in</title>";
    let cut = || studio(|asked, c| serve(asked, c, &FILM[..FILM.len() - 100], FILM.len()));
    let page = studio(move |_, c| answer(c, "200 OK", "", page));
    for (server, code) in [(page, "not_a_video"), (cut(), "video_cut")] {
        let storage = well();
        let sheet = Sheet::pairs(1, &server.url, VIDEOS);
        let said = run(&sheet, &storage, &[]);
        assert_eq!(said.code, 3, "{said}");
        let row = &sheet.rows()["pair-0"];
        assert_eq!((&*row["state"], &*row["error_code"]), ("completed", code), "{said}");
        assert!(storage.shelves().objects.is_empty() && storage.unfinished().is_empty());
        assert_eq!(storage.count(Call::Complete), 0);
    }
}

#[test]
fn what_somebody_else_put_there_stays_and_is_told() {
    // Before anything is paid for.
    let (server, storage) = (clip(), well());
    storage.put("spring/PAIR-0.mp4", b"holiday", None);
    storage.put("spring/deep/pair-0.mp4", b"another folder", None);
    storage.put("spring/x.mp4", b"x", None);
    let sheet = Sheet::pairs(1, &server.url, VIDEOS);
    let said = run(&sheet, &storage, &[]);
    assert_eq!(said.code, 2, "{said}");
    let told = "s3://films/spring/pair-0.mp4, the place of its video, is there already";
    assert!(said.err.contains(told), "{said}");
    assert!(!server.requests().iter().any(|request| request.starts_with("POST")), "not paid");
    // Between the create and the video; while it comes; and just before it is complete.
    for call in [Call::Head, Call::Part, Call::Complete] {
        let server = clip();
        let storage = Storage::start(move |_, made, storage| {
            let trial = storage.shelves().calls.last().unwrap().1.ends_with(".callsheet-trial");
            if made == call && !trial && storage.shelves().objects.is_empty() {
                storage.put(KEY, b"holiday", Some("another task"));
            }
            Manner::Well
        });
        let sheet = Sheet::pairs(1, &server.url, VIDEOS);
        for run in [run(&sheet, &storage, &[]), run(&sheet, &storage, &[])] {
            assert_eq!(run.code, 3, "{call:?}: {run}");
            assert_eq!(sheet.rows()["pair-0"]["error_code"], "file_in_the_way", "{call:?}");
            assert_eq!(storage.shelves().objects[KEY].bytes, b"holiday", "{call:?}");
            assert_eq!(storage.unfinished(), [""; 0], "{call:?}");
        }
        storage.shelves().objects.clear();
        storage.put("spring/other.mp4", b"x", None);
        let said = run(&sheet, &storage, &[]);
        assert_eq!(
            (said.code, &*sheet.rows()["pair-0"]["state"]),
            (0, "saved"),
            "{call:?}: {said}"
        );
    }
}

#[test]
fn a_bucket_that_cannot_be_used_is_known_before_anything_is_paid_for() {
    type Manners = fn(usize, Call, &Storage) -> Manner;
    let cases: [(Manners, &str); 4] = [
        (|_, _, _| Manner::No(404, "NoSuchBucket"), "there is no such bucket"),
        (|_, _, _| Manner::No(403, "InvalidAccessKeyId"), "its credentials are wrong"),
        (
            |_, call, _| match call {
                Call::Begin => Manner::No(403, "AccessDenied"),
                _ => Manner::Well,
            },
            "the bucket takes no files: look at its credentials and its policy",
        ),
        (|_, _, _| Manner::CutBefore, "nothing got through to the bucket within 1 s"),
    ];
    for (manners, told) in cases {
        let (server, storage) = (clip(), Storage::start(manners));
        let sheet = Sheet::pairs(1, &server.url, VIDEOS);
        let said = run(&sheet, &storage, &["--retry-for", "1s"]);
        assert_eq!(said.code, 6, "{said}");
        assert!(said.err.contains("videos cannot go to s3://films/spring: "), "{said}");
        assert!(said.err.contains(told), "{said}");
        assert_eq!(server.read(), 0, "nothing was sent");
        assert!(storage.unfinished().is_empty());
    }
    let (server, storage) = (clip(), well());
    let sheet = Sheet::pairs(1, &server.url, VIDEOS);
    let missing = said(with_keys(&mut sheet.whole(&[]), &storage).env_remove("AWS_ACCESS_KEY_ID"));
    assert_eq!(missing.code, 2, "{missing}");
    assert!(missing.err.contains("`videos` names a bucket, and AWS_ACCESS_KEY_ID is not set"));
    let odd = run(&sheet, &storage, &["--videos", "s3://films/a//b"]);
    assert_eq!((odd.code, sheet.run_folder().exists()), (2, false), "{odd}");
}

#[test]
fn a_bucket_that_stops_taking_videos_ends_the_run_and_the_next_one_goes_on() {
    let server = clip();
    let storage = odd(Call::Begin, Manner::No(403, "ExpiredToken"), 1);
    let sheet = Sheet::pairs(1, &server.url, VIDEOS);
    let said = run(&sheet, &storage, &[]);
    assert_eq!(said.code, 1, "{said}");
    assert!(
        said.err.contains("videos cannot be stored: the bucket takes no files: its credentials")
    );
    assert_eq!(run(&sheet, &storage, &[]).code, 0);
    is_saved(&sheet, &storage, VIDEO, "the second run");
}

#[test]
fn an_object_that_is_gone_or_changed_is_stored_again_if_its_place_is_free() {
    let (server, storage) = (clip(), well());
    let sheet = Sheet::pairs(1, &server.url, VIDEOS);
    assert_eq!(run(&sheet, &storage, &[]).code, 0);
    storage.shelves().objects.clear();
    let said = run(&sheet, &storage, &[]);
    assert_eq!(said.code, 0, "{said}");
    assert!(said.err.contains("1 saved video are not what was saved, or gone"), "{said}");
    is_saved(&sheet, &storage, VIDEO, "gone");
    storage.put(KEY, b"holiday", None);
    let said = run(&sheet, &storage, &[]);
    assert_eq!(said.code, 3, "{said}");
    assert_eq!(storage.shelves().objects[KEY].bytes, b"holiday");
    let creates = server.requests().into_iter().filter(|request| request.starts_with("POST"));
    assert_eq!(creates.count(), 1, "paid once");
}

/// Kills a run at one call to the bucket, before or after the bucket has done it, and runs again.
/// Says whether the run came so far.
fn killed_at(point: usize, done: bool) -> bool {
    let what = format!("call {point}, {}", if done { "done" } else { "not done" });
    let (server, pid) = (film(), Arc::new(AtomicU32::new(0)));
    let process = Arc::clone(&pid);
    let storage = Storage::start(move |number, _, _| {
        if number != point {
            return Manner::Well;
        }
        let id = process.load(Ordering::SeqCst).to_string();
        assert!(Command::new("kill").args(["-KILL", &id]).status().unwrap().success());
        if done { Manner::CutAfter } else { Manner::CutBefore }
    });
    let sheet = Sheet::pairs(1, &server.url, VIDEOS);
    let mut command = sheet.whole(&[]);
    let command = with_keys(&mut command, &storage).stdout(Stdio::piped()).stderr(Stdio::piped());
    // Nothing is asked of the bucket before the manifest was read and the ledger made.
    let running = Running::start(command);
    pid.store(running.id(), Ordering::SeqCst);
    let killed = running.said();
    if killed.code == 0 {
        return false;
    }
    assert_eq!(killed.code, -1, "{what}: {killed}");
    let shelves = storage.shelves();
    assert!(shelves.objects.values().all(|object| object.bytes == *FILM), "{what}: half visible");
    drop(shelves);
    let next = run(&sheet, &storage, &[]);
    assert_eq!(next.code, 0, "{what}: {next}");
    is_saved(&sheet, &storage, &FILM, &what);
    let creates = server.requests().into_iter().filter(|request| request.starts_with("POST"));
    assert_eq!(creates.count(), 1, "{what}: paid once");
    true
}

#[test]
#[cfg(unix)]
fn a_run_that_is_killed_between_any_two_calls_leaves_no_parts_and_no_half_video() {
    let reached = Mutex::new(0);
    let points: Vec<_> = (0..11).flat_map(|point| [(point, false), (point, true)]).collect();
    for some in points.chunks(4) {
        side_by_side(some, |(point, done)| {
            *reached.lock().unwrap() += usize::from(killed_at(*point, *done));
        });
    }
    let reached = reached.into_inner().unwrap();
    // A list, a trial, and a video of two parts with what is looked at around it.
    assert_eq!(reached, 2 * 10, "calls of a run");
}

#[test]
#[cfg(unix)]
fn parts_that_may_not_be_looked_for_are_told_of_and_another_buckets_are_left_alone() {
    let (server, pid) = (film(), Arc::new(AtomicU32::new(0)));
    let (process, killed) = (Arc::clone(&pid), AtomicUsize::new(0));
    let storage = Storage::start(move |_, call, storage| {
        let own = storage.shelves().calls.last().unwrap().1 == KEY;
        match call {
            Call::Begin if own && killed.fetch_add(1, Ordering::SeqCst) == 0 => {
                let id = process.load(Ordering::SeqCst).to_string();
                assert!(Command::new("kill").args(["-KILL", &id]).status().unwrap().success());
                Manner::CutAfter
            }
            // Asked before, after the video and at the end of the next run; allowed in the one after it.
            Call::Uploads if storage.count(Call::Uploads) <= 3 => Manner::No(403, "AccessDenied"),
            _ => Manner::Well,
        }
    });
    let sheet = Sheet::pairs(1, &server.url, VIDEOS);
    let mut command = sheet.whole(&[]);
    let command = with_keys(&mut command, &storage).stdout(Stdio::piped()).stderr(Stdio::piped());
    let running = Running::start(command);
    pid.store(running.id(), Ordering::SeqCst);
    assert_eq!(running.said().code, -1);
    let journal = sheet.run_folder().join("multipart.jsonl");
    let theirs =
        r#"{"begins":{"n":900,"bucket":"http://127.0.0.1:9/films/","object":"spring/a.mp4"}}"#;
    let mut file = fs::OpenOptions::new().append(true).open(&journal).unwrap();
    writeln!(file, "{theirs}").unwrap();
    let said = run(&sheet, &storage, &[]);
    assert_eq!(said.code, 0, "the video is saved all the same: {said}");
    let told = format!("parts of {}/films/{KEY} may be left", storage.url);
    assert!(said.err.contains(&told), "{said}");
    assert_eq!(storage.unfinished(), [KEY]);
    let said = run(&sheet, &storage, &[]);
    assert_eq!((said.code, said.err.contains("parts of")), (0, false), "{said}");
    assert_eq!(storage.unfinished(), [""; 0]);
    assert!(fs::read_to_string(&journal).unwrap().contains(theirs));
}

/// Kills a run at one of its calls to the system, and runs again.
fn stopped_at(point: u64) -> Option<String> {
    let (api, storage) = (fake(Scenario { work: Work::AtOnce, ..Scenario::default() }), well());
    let sheet = Sheet::pairs(1, api.url(), VIDEOS);
    let mut command = sheet.whole(&["-q"]);
    with_keys(&mut command, &storage);
    let crashed = under_shim(command, "SHIM_KILL_AT", point);
    let booked = api.book().entries.len();
    let journal = fs::read_to_string(sheet.run_folder().join("multipart.jsonl"));
    let (shelves, noted) = (storage.shelves(), journal.unwrap_or_default());
    let stood = format!(
        "{} noted, {} begun, {} objects",
        noted.matches("\"begins\"").count(),
        shelves.calls.iter().filter(|(call, key)| *call == Call::Begin && key == KEY).count(),
        shelves.objects.len()
    );
    drop(shelves);
    let next = run(&sheet, &storage, &["-q"]);
    if booked == 0 || next.code == 5 {
        return None;
    }
    let what = format!("call {point}, {stood}");
    assert_eq!((next.code, api.book().entries.len()), (0, 1), "{what}: {next}");
    let video = storage.shelves().objects[KEY].bytes.clone();
    assert!(is_whole(&video), "{what}");
    is_saved(&sheet, &storage, &video, &what);
    (crashed.code == -1).then_some(stood)
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "needs LD_PRELOAD")]
fn a_run_that_is_stopped_at_any_call_stores_its_video_once_and_leaves_no_parts() {
    let (api, storage) = (fake(Scenario { work: Work::AtOnce, ..Scenario::default() }), well());
    let sheet = Sheet::pairs(1, api.url(), VIDEOS);
    let count = sheet.folder().join("count");
    let mut command = sheet.whole(&["-q"]);
    with_keys(&mut command, &storage);
    assert_eq!(under_shim(command, "SHIM_COUNT", count.display()).code, 0);
    let last: u64 = fs::read_to_string(count).unwrap().trim().parse().unwrap();
    let seen = Mutex::new(BTreeMap::<String, BTreeSet<u64>>::new());
    // From behind, until a run does not come as far as its task. Every other call: some are of the
    // projections, which have tests of their own.
    let points: Vec<_> = (1..=last).rev().step_by(2).collect();
    for some in points.chunks(8) {
        let early = Mutex::new(false);
        side_by_side(some, |point| match stopped_at(*point) {
            Some(stood) => drop(seen.lock().unwrap().entry(stood).or_default().insert(*point)),
            None => *early.lock().unwrap() = true,
        });
        if early.into_inner().unwrap() && seen.lock().unwrap().len() > 3 {
            break;
        }
    }
    let seen = seen.into_inner().unwrap();
    println!("stopped on the way from task to object: {seen:#?}");
    for step in ["0 begun, 0 objects", "1 begun, 0 objects", "1 begun, 1 objects"] {
        assert!(seen.keys().any(|stood| stood.ends_with(step)), "no call fell into: {step}");
    }
}

#[test]
#[cfg(unix)]
fn a_run_that_is_stopped_gives_up_what_it_has_begun() {
    let (parts, seen) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicU32::new(0)));
    let (counted, process) = (Arc::clone(&parts), Arc::clone(&seen));
    let storage = Storage::start(move |_, call, _| {
        if call == Call::Part && counted.fetch_add(1, Ordering::SeqCst) == 0 {
            let id = process.load(Ordering::SeqCst).to_string();
            assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
            std::thread::sleep(std::time::Duration::from_millis(500));
        }
        Manner::Well
    });
    let server = film();
    let sheet = Sheet::pairs(1, &server.url, VIDEOS);
    let mut command = sheet.whole(&[]);
    let command = with_keys(&mut command, &storage).stdout(Stdio::piped()).stderr(Stdio::piped());
    let running = Running::start(command);
    seen.store(running.id(), Ordering::SeqCst);
    let stopped = running.said();
    assert_eq!(stopped.code, 4, "{stopped}");
    assert!(storage.unfinished().is_empty() && storage.shelves().objects.is_empty());
    assert_eq!(run(&sheet, &storage, &[]).code, 0);
    is_saved(&sheet, &storage, &FILM, "the next run");
}

#[test]
#[ignore = "needs moto_server"]
fn a_real_server_of_the_protocol_takes_videos_and_knows_them_again() {
    let (server, moto) = (film(), Moto::start());
    let sheet = Sheet::pairs(1, &server.url, VIDEOS);
    let run = || said(with_keys_of(&mut sheet.whole(&[]), &moto.url()));
    let refused = run();
    assert_eq!((refused.code, server.read()), (6, 0), "{refused}");
    assert!(refused.err.contains("there is no such bucket"), "{refused}");
    assert!(moto.ask("PUT", "/films").0.starts_with("http/1.1 200"));
    let said = run();
    assert_eq!(said.code, 0, "{said}");
    assert_eq!(sheet.rows()["pair-0"]["video_path"], "s3://films/spring/pair-0.mp4");
    // As a kill between the object and its record leaves it.
    let ledger = rusqlite::Connection::open(sheet.run_folder().join("ledger.sqlite")).unwrap();
    let forget = "UPDATE standings SET state = 'completed', video_path = NULL,
        video_bytes = NULL, video_sha256 = NULL, video_millis = NULL";
    let downloads = |server: &Rude| {
        server.requests().into_iter().filter(|request| request.contains(".mp4")).count()
    };
    let before = downloads(&server);
    assert_eq!(ledger.execute(forget, ()).unwrap(), 1);
    drop(ledger);
    let said = run();
    assert_eq!((said.code, downloads(&server)), (0, before), "{said}");
    // It was read again for that.
    is_recorded(&sheet, &FILM);
}
