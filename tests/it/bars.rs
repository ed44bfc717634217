//! What a person sees of a run: the bar on a terminal, why creates wait, lines where nothing can be
//! drawn, and what it came to.

use std::io::Read;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use unicode_width::UnicodeWidthStr;

use crate::child::Running;
use crate::monitored::once;
use crate::rude::{Rude, answer};
use crate::sheet::{Sheet, side_by_side};
use crate::speeches::{Speeches, measure};
use crate::stops::signal;
use crate::watched::on_terminal;

const NO_TASK: &str = r#"{"error":{"message":"no such task","code":"task_not_found"}}"#;
const BUSY: &str = r#"{"error":{"message":"slow down, please","code":"rate_limited"}}"#;
const NO_IMAGE: &str =
    r#"{"error":{"message":"image_url cannot be fetched","code":"invalid_image_url"}}"#;
const WORKING: &str = r#"{"object":"video.generation.task","status":"processing","progress":40}"#;
const FAILED: &str = r#"{"object":"video.generation.task","status":"failed",
    "error":{"code":"service_error","message":"try again"}}"#;
const BUSY_STATUS: &str = "429 Too Many Requests";
const DOWN: &str = "503 Service Unavailable";

/// As much of a terminal as is drawn on here.
#[derive(Default)]
struct Glass {
    lines: Vec<String>,
    row: usize,
    column: usize,
    escape: Option<String>,
}

impl Glass {
    fn write(&mut self, text: &str) {
        for c in text.chars() {
            match (self.escape.take(), c) {
                (None, '\u{1b}') => self.escape = Some(String::new()),
                (Some(escape), c) if c != '[' && !c.is_ascii_alphabetic() => {
                    self.escape = Some(escape + &c.to_string());
                }
                (Some(escape), '[') => self.escape = Some(escape),
                (Some(escape), c) => self.obey(c, escape.parse().unwrap_or(0)),
                (None, '\r') => self.column = 0,
                (None, '\n') => self.row += 1,
                (None, c) => self.put(c),
            }
        }
    }

    fn obey(&mut self, command: char, number: usize) {
        match command {
            'A' => self.row = self.row.saturating_sub(number.max(1)),
            'B' => self.row += number.max(1),
            'K' => self.line().clear(),
            'J' => self.lines.truncate(self.row),
            // Colours.
            'm' => {}
            other => panic!("a control code that nobody draws with: {other}"),
        }
    }

    fn line(&mut self) -> &mut String {
        let rows = self.lines.len().max(self.row + 1);
        self.lines.resize(rows, String::new());
        &mut self.lines[self.row]
    }

    fn put(&mut self, c: char) {
        let column = self.column;
        let line = self.line();
        let kept: String = line.chars().take(column).chain([c]).collect();
        *line = kept + &line.chars().skip(column + 1).collect::<String>();
        self.column += 1;
    }

    fn shown(&self) -> String {
        self.lines.join("\n").trim_end().to_owned()
    }
}

/// All that a terminal of so many columns shows of a program, one after the other; whole drawings only.
fn frames(command: &Command, (columns, first): (usize, &str)) -> Vec<String> {
    let mut script = on_terminal(command, (columns, first));
    script.env("TZ", "UTC0").stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = Running::start(&mut script);
    let mut output = running.stdout.take().unwrap();
    let (mut glass, mut frames, mut bytes, mut rest) =
        (Glass::default(), Vec::new(), [0; 4096], Vec::new());
    while let Ok(count @ 1..) = output.read(&mut bytes) {
        rest.extend_from_slice(&bytes[..count]);
        let whole = std::str::from_utf8(&rest).map_or_else(|error| error.valid_up_to(), str::len);
        glass.write(std::str::from_utf8(&rest[..whole]).unwrap());
        rest.drain(..whole);
        if glass.column == 0 && frames.last() != Some(&glass.shown()) {
            frames.push(glass.shown());
        }
    }
    running.wait();
    frames
}

/// What is drawn under all that was said, in the midst of the time in which it holds these words.
fn drawn<'f>(frames: &'f [String], words: &str) -> &'f str {
    let with: Vec<_> = frames.iter().filter(|frame| frame.contains(words)).collect();
    assert!(!with.is_empty(), "{words} was never drawn: {:?}", frames.last());
    under(with[with.len() / 2])
}

fn under(frame: &str) -> &str {
    let said = |line: &&str| !line.starts_with(|c: char| c.is_ascii_digit());
    let above: usize = frame.lines().take_while(said).map(|line| line.len() + 1).sum();
    &frame[above..]
}

/// A day of 429s, an outage, a refusal and a budget that ends: each reason to wait lasts a while.
fn bad_day() -> Rude {
    let (creates, down) = (AtomicUsize::new(0), Mutex::new(None::<Instant>));
    let done = Mutex::new(None::<Instant>);
    let is_over = |since: &Mutex<Option<Instant>>, millis| {
        since.lock().unwrap().is_some_and(|at| at.elapsed() > Duration::from_millis(millis))
    };
    Rude::any(move |request, c| {
        if request.starts_with("POST ") {
            let n = creates.fetch_add(1, Ordering::SeqCst);
            match n {
                1 => answer(c, "400 Bad Request", "", NO_IMAGE),
                2 => answer(c, BUSY_STATUS, "retry-after: 3\r\n", BUSY),
                4 => {
                    *down.lock().unwrap() = Some(Instant::now());
                    answer(c, DOWN, "", "<html>away</html>");
                }
                n => {
                    *done.lock().unwrap() = (n == 5).then(Instant::now);
                    answer(c, "200 OK", "", &format!(r#"{{"id":"t{n}","status":"pending"}}"#));
                }
            }
        } else if !request.contains("/t") {
            let is_there = down.lock().unwrap().is_none() || is_over(&down, 4000);
            let (status, body) = if is_there { ("404 Not Found", NO_TASK) } else { (DOWN, "") };
            answer(c, status, "", body);
        } else if down.lock().unwrap().is_some() && !is_over(&down, 4000) {
            answer(c, DOWN, "", "");
        } else {
            answer(c, "200 OK", "", if is_over(&done, 6000) { FAILED } else { WORKING });
        }
    })
}

/// With the warnings in order: those of several pairs, and of what creates do, come in any.
fn in_order(text: &str) -> String {
    let mut lines: Vec<_> = text.lines().collect();
    let is_warning = |line: &&str| line.starts_with("warning: ");
    let from = lines.iter().position(is_warning).unwrap();
    let count = lines[from..].iter().take_while(|line| is_warning(line)).count();
    lines[from..from + count].sort_unstable();
    lines.join("\n")
}

/// What differs from day to day, replaced by words; a snapshot is for each number of columns.
fn steady(name: String, text: &str) {
    let mut settings = insta::Settings::clone_current();
    for (pattern, word) in [
        (r"127\.0\.0\.1:\d+", "127.0.0.1:[PORT]"),
        (r"\d+(\.\d)?/(s|min|h)\b", "[RATE]"),
        (r"\d\d:\d\d", "[TIME]"),
        (r"in \d+ s\b", "in [S] s"),
        (r"\(\d+ %\)", "([P] %)"),
        (r"\[[=> ]+\]", "[BAR]"),
        (r"\d+\.\d s\b", "[SECONDS] s"),
        (r"sent \S+ \S+ UTC", "sent [TIME]"),
        (r"'\S+/callsheet'|\S+/callsheet\b", "callsheet"),
    ] {
        settings.add_filter(pattern, word);
    }
    settings.set_prepend_module_to_snapshot(false);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

#[test]
#[cfg(target_os = "linux")]
fn a_bad_day_is_told_whole_on_any_terminal() {
    side_by_side([60, 80, 200], |columns| {
        let (api, speeches) = (bad_day(), Speeches::start());
        let settings = "concurrency: 1\nbudget: 13s\nprobe: false";
        let sheet = speeches.batch(&api.url, settings, &[3000; 7]);
        measure(&sheet);
        let run = sheet.whole(&["--poll-interval", "500ms"]);
        let frames = frames(&run, (columns, ""));
        let reasons = ["429 from the API", "asking whether", "budget: 1 s left"];
        let shown = reasons.map(|reason| drawn(&frames, reason));
        for line in shown.iter().flat_map(|frame| frame.lines()) {
            assert!(line.width() < columns, "{} of {columns}: {line}", line.width());
        }
        let end = frames.last().unwrap();
        assert!(!end.contains("[="), "the bar is gone: {end}");
        let text = format!("{}\n\n----- the end\n{}", shown.join("\n\n"), in_order(end));
        steady(format!("bad_day_{columns}"), &text);
    });
}

#[test]
#[cfg(target_os = "linux")]
fn a_terminal_that_becomes_narrower_is_drawn_on_as_it_is_then() {
    let server = Rude::any(|request, c| match request.starts_with("POST ") {
        true => answer(c, BUSY_STATUS, "retry-after: 60\r\n", BUSY),
        false => answer(c, "404 Not Found", "", NO_TASK),
    });
    let sheet = Sheet::pairs(3, &server.url, "concurrency: 2");
    let narrower = "(sleep 1.5; stty cols 50 </dev/tty) &";
    let run = sheet.whole(&["--wait-for", "4s"]);
    let frames = frames(&run, (200, narrower));
    let drawn: Vec<_> = frames.iter().filter(|frame| frame.contains("429 from")).collect();
    let widest = |frame: &str| under(frame).lines().map(str::len).max().unwrap();
    let (first, last) = (widest(drawn[0]), widest(drawn[drawn.len() - 1]));
    assert!(first > 60 && last < 50, "{first}, then {last}");
}

/// A run that creates wait in: its manifest's settings, what the API does, and what is told.
struct Spell {
    why: &'static str,
    settings: &'static str,
    create: fn(usize, &mut std::net::TcpStream),
    text: &'static str,
}

fn accepted(n: usize, c: &mut std::net::TcpStream) {
    answer(c, "200 OK", "", &format!(r#"{{"id":"t{n}","status":"pending"}}"#));
}

const SPELLS: &[Spell] = &[
    Spell {
        why: "asked",
        settings: "concurrency: 16",
        create: |_, c| answer(c, BUSY_STATUS, "retry-after: 60\r\n", BUSY),
        text: "429 from the API, going on in ",
    },
    Spell {
        why: "doubts",
        settings: "concurrency: 8",
        create: |_, c| answer(c, DOWN, "", "<html>away</html>"),
        text: " doubts in a row: asking whether the API is there, gives up ",
    },
    Spell {
        why: "foreign",
        settings: "",
        create: |_, c| answer(c, "404 Not Found", "", "<html>no such app</html>"),
        text: "no API answers at 127.0.0.1:",
    },
    Spell {
        why: "not_relayed",
        settings: "",
        create: |_, c| {
            let refusal = r#"{"error":{"message":"no channel (distributor)","type":"new_api_error",
                "code":"model_not_found"}}"#;
            answer(c, DOWN, "", refusal);
        },
        text: "refused on the way to 127.0.0.1:",
    },
    Spell {
        why: "in_flight",
        settings: "in_flight: 1",
        create: accepted,
        text: "in_flight 1 reached",
    },
    Spell {
        why: "stopped",
        settings: "concurrency: 1",
        create: |n, c| match n {
            0 => accepted(n, c),
            _ => {
                let broke = r#"{"error":{"message":"no credits","code":"insufficient_balance"}}"#;
                answer(c, "402 Payment Required", "", broke);
            }
        },
        text: "no more is created: the balance is used up",
    },
];

/// Answers creates as a spell has it, and questions only where it answers creates.
fn service(spell: &'static Spell) -> Rude {
    let creates = AtomicUsize::new(0);
    let is_down = ["doubts", "foreign", "not_relayed"].contains(&spell.why);
    Rude::any(move |request, c| match request.starts_with("POST ") {
        true => (spell.create)(creates.fetch_add(1, Ordering::SeqCst), c),
        false if is_down => (spell.create)(0, c),
        false if request.contains("/t") => answer(c, "200 OK", "", WORKING),
        false => answer(c, "404 Not Found", "", NO_TASK),
    })
}

/// What the run's second terminal and its log say of why creates wait.
fn told(sheet: &Sheet, why: &str) -> [String; 3] {
    let run = sheet.start_whole(&[]);
    let pulse = once(&sheet.run_folder().join("progress.json"), &format!(r#""why":"{why}""#));
    let pulse: serde_json::Value = serde_json::from_str(&pulse).unwrap();
    let status = sheet.call("status", &[]).out;
    sleep(Duration::from_millis(3500));
    signal(&run, "-TERM");
    [pulse["held"]["text"].as_str().unwrap().to_owned(), status, run.said().err]
}

#[test]
fn why_creates_wait_is_told_in_the_same_words_everywhere() {
    side_by_side(SPELLS, |spell| {
        let server = service(spell);
        let sheet = Sheet::pairs(20, &server.url, spell.settings);
        let [pulse, status, log] = told(&sheet, spell.why);
        assert!(pulse.contains(spell.text), "{}: {pulse}", spell.why);
        assert!(status.contains(spell.text), "{}: {status}", spell.why);
        // That a limit is kept to is no news.
        let is_news = spell.why != "in_flight";
        assert_eq!(log.contains(spell.text), is_news, "{}: {log}", spell.why);
        assert!(!log.contains('\u{1b}'), "{log}");
    });
}

#[test]
fn nobody_who_listens_is_told_of_with_the_time_of_giving_up() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let sheet = Sheet::pairs(3, &format!("http://{address}"), "");
    let [pulse, _, log] = told(&sheet, "not_sent");
    let begin = format!("cannot connect to {address} since ");
    assert!(pulse.starts_with(&begin) && pulse.contains(", gives up "), "{pulse}");
    assert!(log.contains(&begin), "{log}");
}

/// Two tasks that are done after a while.
fn slow() -> Rude {
    let begun = Instant::now();
    let creates = AtomicUsize::new(0);
    Rude::any(move |request, c| match request.starts_with("POST ") {
        true => accepted(creates.fetch_add(1, Ordering::SeqCst), c),
        false if begun.elapsed() < Duration::from_secs(4) => answer(c, "200 OK", "", WORKING),
        false => answer(c, "200 OK", "", FAILED),
    })
}

#[test]
fn where_nothing_can_be_drawn_a_line_now_and_then_says_where_it_stands() {
    let server = slow();
    let sheet = Sheet::pairs(2, &server.url, "");
    let said = sheet.run_whole(&["--progress", "bar", "--hurry", "60"]);
    assert!(said.err.contains("  0/2  0 saved  2 waiting (40 %)\n"), "{said}");
    assert!(!said.err.contains('\u{1b}') && !said.err.contains('\r'), "{said}");
    let said = Sheet::pairs(2, &slow().url, "").run_whole(&["--progress", "none", "--hurry", "60"]);
    assert!(!said.err.contains("waiting"), "{said}");
    assert!(said.err.contains("warning: pair-0: failed: service_error"), "{said}");
}

#[test]
fn a_program_gets_an_object_in_each_line_also_for_what_is_said() {
    let server = slow();
    let sheet = Sheet::pairs(2, &server.url, "in_flight: 1");
    let said = sheet.run_whole(&["--progress", "json"]);
    assert_eq!(said.code, 3, "{said}");
    let objects: Vec<serde_json::Value> =
        said.err.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |kind: &str| objects.iter().filter(|one| one["type"] == kind).collect::<Vec<_>>();
    let progress = of("progress");
    assert!(progress.len() >= 3, "{said}");
    assert!(progress.iter().any(|one| one["held"]["text"] == "in_flight 1 reached"), "{said}");
    let last = progress.last().unwrap();
    assert_eq!((&last["done"], &last["failed"]), (&2.into(), &2.into()), "{said}");
    let warned = of("warning");
    assert!(warned.iter().any(|one| one["text"].as_str().unwrap().contains("service_error")));
    assert!(of("hint")[0]["text"].as_str().unwrap().ends_with("--retry-failed"), "{said}");
    let last = said.out.lines().last().unwrap();
    assert!(last.starts_with("2 failed; "), "{said}");
}

#[test]
fn the_end_says_which_pairs_were_left_planned_and_why() {
    let server = slow();
    let sheet = Sheet::pairs(5, &server.url, "");
    let said = sheet.run(&["--limit", "2"]);
    assert!(said.err.contains("3 left planned because of --limit\n"), "{said}");
    let said = sheet.run(&["--no-create"]);
    assert!(said.err.contains("3 left planned because of --no-create\n"), "{said}");
    assert!(said.out.lines().last().unwrap().starts_with("3 planned, 2 created; "), "{said}");
}
