//! What people see while a run goes on: the bar, a second terminal, and links that will die.

use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use callsheet_mock::{Account, Fault, Links, MockApi, On, Rule, Scenario, Span, Work};

use crate::child::{self, Running};
use crate::sheet::{KEY, Said, Sheet, fake};
use crate::stops::until;
use crate::studio::{VIDEO, part, studio};

/// A run of two pairs that takes a few seconds, and what a second terminal shows of it.
fn watched(watch: impl FnOnce(&Sheet) -> Command) -> (MockApi, Sheet, Said) {
    let api = fake(Scenario { work: Work::Polls(8), ..Scenario::default() });
    let sheet = Sheet::pairs(2, api.url(), "");
    assert_eq!(sheet.run(&[]).code, 0);
    let mut command = watch(&sheet);
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let watching = Running::start(&mut command);
    assert_eq!(sheet.run_whole(&["--poll-interval", "500ms"]).code, 0);
    assert!(!sheet.run_folder().join("progress.json").exists(), "the run has ended");
    let said = watching.said();
    assert_eq!(said.code, 0, "{said}");
    (api, sheet, said)
}

#[test]
fn a_second_terminal_gets_a_line_for_each_change() {
    let (_api, _sheet, said) = watched(|sheet| sheet.command("status", &["--watch"]));
    let lines: Vec<_> = said.out.lines().collect();
    assert!(lines[0].starts_with("2 created"), "{said}");
    assert!(lines.iter().any(|line| line.starts_with("2 created; 2 waiting (")), "{said}");
    assert_eq!(lines.last(), Some(&"2 saved"), "{said}");
    assert!(lines.windows(2).all(|pair| pair[0] != pair[1]), "no news: {said}");
}

#[test]
fn a_program_gets_an_object_for_each_change() {
    let (_api, _sheet, said) = watched(|sheet| sheet.command("status", &["--watch", "--json"]));
    let objects: Vec<serde_json::Value> =
        said.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(objects.iter().any(|object| object["activity"]["waiting"] == 2), "{said}");
    let last = objects.last().unwrap();
    assert_eq!((&last["states"]["saved"], last.get("activity")), (&2.into(), None), "{said}");
}

/// The same command on a terminal of so many columns; what `first` says is done there before.
pub(crate) fn on_terminal(command: &Command, (columns, first): (usize, &str)) -> Command {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<_> = words.map(|word| format!("'{}'", word.to_str().unwrap())).collect();
    let mut script = Command::new("script");
    let words = words.join(" ");
    script.arg("-qec").arg(format!("stty cols {columns} rows 50; {first} exec {words}"));
    script.arg("/dev/null").env_clear().env("PATH", std::env::var_os("PATH").unwrap());
    script.env("TERM", "xterm").env("CALLSHEET_API_KEY", KEY);
    script.current_dir(command.get_current_dir().unwrap());
    script.stdin(std::process::Stdio::null());
    script
}

#[test]
#[cfg(target_os = "linux")]
fn on_a_terminal_it_is_drawn_anew_in_its_place() {
    let (_api, _sheet, said) =
        watched(|sheet| on_terminal(&sheet.command("status", &["--watch"]), (200, "")));
    assert!(said.out.contains("a run is under way: 2 waiting ("), "{said}");
    assert!(said.out.contains("\u{1b}[1A"), "the cursor went nowhere: {said}");
    let end = said.out.rsplit("batch.yaml: ").next().unwrap();
    assert!(end.contains("2  saved") && !end.contains("created"), "{said}");
}

/// Two pairs, one of which has a link to a video that nobody could fetch yet, learned long ago.
fn with_old_link(sheet: &Sheet, age: Duration) {
    assert_eq!(sheet.run_whole(&["--wait-for", "1500ms"]).code, 4);
    assert_eq!(sheet.states()["completed"], 1);
    let ledger = rusqlite::Connection::open(sheet.run_folder().join("ledger.sqlite")).unwrap();
    let millis = i64::try_from(age.as_millis()).unwrap();
    ledger.execute("UPDATE standings SET linked_at = linked_at - ?1", [millis]).unwrap();
}

const OLD: Duration = Duration::from_secs(22 * 3600 + 48 * 60 + 30);

#[test]
fn links_that_die_soon_are_warned_of_by_status_and_at_the_end_of_a_run() {
    let server = studio(|_, _| sleep(Duration::from_secs(5)));
    let sheet = Sheet::pairs(1, &server.url, "");
    with_old_link(&sheet, Duration::ZERO);
    let warning = "1 link to a finished video dies within 2 hours: fetch it now";
    let said = sheet.call("status", &[]);
    assert!(!said.err.contains("within 2 hours"), "{said}");
    with_old_link(&sheet, OLD);
    let said = sheet.call("status", &[]);
    assert_eq!(said.code, 4);
    assert!(said.err.contains(warning), "{said}");
    assert!(said.out.contains("the next link dies 2"), "{said}");
    let said = sheet.run_whole(&["--wait-for", "1s"]);
    assert_eq!(said.code, 4);
    assert!(said.err.contains(warning), "{said}");
}

#[test]
#[cfg(target_os = "linux")]
fn the_bar_names_the_time_of_the_link_that_dies_next() {
    let server = studio(|_, _| sleep(Duration::from_secs(5)));
    let sheet = Sheet::pairs(1, &server.url, "");
    with_old_link(&sheet, OLD);
    let run = sheet.whole(&["--wait-for", "1500ms"]);
    let said = child::said(&mut on_terminal(&run, (200, "")));
    assert_eq!(said.code, 4);
    assert!(said.out.contains("0/1  0 saved  "), "{said}");
    assert!(said.out.contains("next link dies in 1 h 11 min"), "{said}");
}

#[test]
fn a_day_too_late_the_video_is_lost_and_the_exit_code_says_so() {
    let keys = vec![Account::new(KEY)];
    let links = Links { live: Span::secs(24 * 3600), renewed: false };
    let good = Scenario { work: Work::AtOnce, links, keys, ..Scenario::default() };
    let stalls = vec![Rule::new(Fault::Stall).on(On::Media)];
    let api = fake(Scenario { faults: stalls, ..good.clone() });
    let sheet = Sheet::pairs(1, api.url(), "");
    let said = sheet.run_whole(&["--wait-for", "2s"]);
    assert_eq!((said.code, sheet.states()["completed"]), (4, 1), "{said}");
    api.advance(Duration::from_secs(25 * 3600));
    api.set_scenario(good);
    let said = sheet.run_whole(&[]);
    assert_eq!(said.code, 3, "{said}");
    assert!(said.err.contains("pair-0: its video cannot be fetched: link_dead"), "{said}");
    assert_eq!(sheet.call("status", &[]).code, 3);
}

#[test]
fn a_run_that_was_killed_is_not_taken_for_one_that_is_under_way() {
    let server = studio(|asked, connection| {
        part(asked, connection, "\"v1\"", VIDEO.len() / 2);
        sleep(Duration::from_secs(20));
    });
    let sheet = Sheet::pairs(1, &server.url, "");
    let mut run = sheet.start_whole(&[]);
    let under_way =
        || sheet.call("status", &[]).out.contains("under way: 0 waiting, 1 downloading");
    until("a sign of life", under_way);
    run.kill().unwrap();
    run.wait();
    sleep(Duration::from_millis(5100));
    assert!(!under_way());
}

#[test]
fn a_video_that_is_on_disk_is_kept_though_its_link_is_dead() {
    let keys = vec![Account::new(KEY)];
    let links = Links { live: Span::secs(24 * 3600), renewed: false };
    let api = fake(Scenario { work: Work::AtOnce, links, keys, ..Scenario::default() });
    let sheet = Sheet::pairs(2, api.url(), "");
    assert_eq!(sheet.run_whole(&[]).code, 0);
    api.advance(Duration::from_secs(25 * 3600));
    let (videos, away) = (sheet.run_folder().join("videos"), sheet.folder().join("away"));
    std::fs::rename(&videos, &away).unwrap();
    assert_eq!((sheet.run_whole(&[]).code, sheet.states()["completed"]), (3, 2));
    std::fs::remove_dir_all(&videos).unwrap();
    std::fs::rename(&away, &videos).unwrap();
    let other = videos.join("pair-1.mp4");
    let length = std::fs::metadata(&other).unwrap().len();
    std::fs::write(&other, vec![0; usize::try_from(length).unwrap()]).unwrap();
    let said = sheet.run_whole(&[]);
    assert!(said.err.contains("1 missing video found again"), "{said}");
    assert_eq!(sheet.states(), [("completed".to_owned(), 1), ("saved".to_owned(), 1)].into());
    assert!(std::fs::read(&other).unwrap().iter().all(|byte| *byte == 0), "it is not ours");
    assert_eq!((sheet.run_whole(&[]).code, sheet.states()["saved"]), (3, 1));
}
