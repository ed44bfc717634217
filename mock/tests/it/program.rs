//! The program: what it prints, how it ends.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use callsheet_mock::KEY;

use crate::client::{CREATE, Client, filters, pair, request, with_key};

pub(crate) fn program(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_callsheet-mock"));
    command.args(args).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A running program that does not outlive its test.
pub(crate) struct Running(Option<Child>);

impl Running {
    /// Starts it and waits for its first line, which is returned too.
    pub(crate) fn start(args: &[&str]) -> (Self, String, BufReader<std::process::ChildStdout>) {
        let mut child = program(args).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut first = String::new();
        lines.read_line(&mut first).unwrap();
        (Self(Some(child)), first, lines)
    }

    pub(crate) fn signal(&self, name: &str) {
        let id = self.0.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args([name, &id]).status().unwrap().success());
    }

    pub(crate) fn end(mut self) -> Output {
        self.0.take().unwrap().wait_with_output().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.0.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

pub(crate) fn rest(mut lines: BufReader<std::process::ChildStdout>) -> String {
    let mut text = String::new();
    std::io::Read::read_to_string(&mut lines, &mut text).unwrap();
    text
}

pub(crate) fn scratch(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("callsheet-mock-{name}-{}", std::process::id()))
}

pub(crate) fn url_of(line: &str) -> &str {
    let start = line.find("http://").unwrap();
    line[start..].split([' ', '"']).next().unwrap()
}

fn shown(text: &str) -> String {
    text.replace(char::is_whitespace, " ")
}

#[test]
#[cfg(unix)]
fn it_prints_a_line_per_request_and_a_summary() {
    for (name, flags) in [("lines", &["--port", "0"][..]), ("json", &["--port", "0", "--json"])] {
        let (running, first, lines) = Running::start(flags);
        let mut client = Client::to_url(url_of(&first));
        client.create(&pair("anna.jpg?signature=secret"));
        client.create(&pair("anna.jpg?signature=secret"));
        client.send("GET", "/nowhere?x=1", "", "");
        client.write(request(
            "POST",
            CREATE,
            &with_key(KEY),
            &pair("ben%1b.jpg?fault=reset-after-accept").to_string(),
        ));
        assert!(client.read_answer(true).is_err());
        running.signal("-TERM");
        let text = format!("{first}{}", rest(lines));
        let output = running.end();
        assert!(output.status.success());
        assert_eq!(shown(&String::from_utf8_lossy(&output.stderr)), "");
        let mut settings = filters();
        settings.add_filter(r"\d+ ms", "[time] ms");
        settings.add_filter(r#""millis":\d+"#, r#""millis":"[time]""#);
        settings.bind(|| insta::assert_snapshot!(format!("program_{name}"), text));
    }
}

#[test]
#[cfg(unix)]
fn the_port_goes_to_a_file_and_the_book_to_another() {
    let (port, book) = (scratch("port"), scratch("book"));
    let args = ["--port", "0", "--key", "one", "--key", "two"];
    let args = [&args[..], &["--port-file", port.to_str().unwrap()]].concat();
    let (running, first, lines) =
        Running::start(&[&args[..], &["--book", book.to_str().unwrap()]].concat());
    let url = format!("http://127.0.0.1:{}", std::fs::read_to_string(&port).unwrap().trim());
    assert_eq!(url_of(&first), url);
    assert!(!first.contains("one") && !first.contains(KEY), "no key of the user's: {first}");
    let mut client = Client::to_url(&url);
    let mut create =
        |key| client.send("POST", CREATE, &with_key(key), &pair("a.jpg").to_string()).status;
    assert_eq!([create("one"), create("two"), create(KEY)], [200, 200, 401]);
    running.signal("-INT");
    assert!(rest(lines).ends_with("1 requests accepted more than once\n"));
    assert!(running.end().status.success());
    assert_eq!(std::fs::read_to_string(&book).unwrap().lines().count(), 2);
    for path in [port, book] {
        std::fs::remove_file(path).unwrap();
    }
}

#[test]
#[cfg(unix)]
fn a_second_signal_does_not_wait() {
    let file = scratch("slow.yaml");
    std::fs::write(&file, "latency: {fixed: 1h}\n").unwrap();
    let (running, first, lines) =
        Running::start(&["--port", "0", "--scenario", file.to_str().unwrap()]);
    let mut client = Client::to_url(url_of(&first));
    client.write(request("POST", CREATE, &with_key(KEY), &pair("a.jpg").to_string()));
    std::thread::sleep(Duration::from_millis(100));
    let started = Instant::now();
    running.signal("-TERM");
    std::thread::sleep(Duration::from_millis(100));
    running.signal("-TERM");
    assert!(rest(lines).contains("of these 1 whose task was not delivered"));
    assert!(running.end().status.success());
    assert!(started.elapsed() < Duration::from_secs(5));
    std::fs::remove_file(file).unwrap();
}

#[test]
#[cfg(unix)]
fn strictness_sees_what_was_answered_last() {
    let file = scratch("late.yaml");
    std::fs::write(&file, "latency: {fixed: 1s}\n").unwrap();
    let (running, first, lines) =
        Running::start(&["--port", "0", "--strict", "--scenario", file.to_str().unwrap()]);
    let mut client = Client::to_url(url_of(&first));
    let wrong = request("POST", CREATE, &with_key(KEY), r#"{"model": 5}"#);
    let (head, end) = wrong.split_at(wrong.len() - 5);
    client.write(head);
    std::thread::sleep(Duration::from_millis(100));
    running.signal("-TERM");
    std::thread::sleep(Duration::from_millis(300));
    client.write(end);
    assert_eq!(client.read_answer(true).unwrap().status, 400);
    rest(lines);
    let output = running.end();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.starts_with("error: requests broke the contract:\nPOST"), "{said}");
    std::fs::remove_file(file).unwrap();
}

#[test]
#[cfg(unix)]
fn what_happened_in_worlds_that_have_ended_counts_at_the_end() {
    let (running, first, lines) = Running::start(&["--port", "0", "--any-key", "--strict"]);
    assert!(first.ends_with("(scenario calm, any key)\n"), "{first}");
    let mut client = Client::to_url(url_of(&first));
    for key in ["one", "one", "two"] {
        client.send("POST", CREATE, &with_key(key), &pair("a.jpg").to_string());
    }
    client.send("POST", CREATE, &with_key("one"), r#"{"model": 5}"#);
    assert_eq!(client.send("DELETE", "/__mock/accounts/one", "", "").status, 204);
    running.signal("-TERM");
    let said = rest(lines);
    let summary = "4 creates read, 3 accepted; of these 0 whose task was not delivered; 1 requests \
        accepted more than once\n";
    assert!(said.ends_with(summary), "{said}");
    let output = running.end();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("/model: 5"), "{output:?}");
}

#[test]
#[cfg(unix)]
fn it_serves_on_when_nobody_reads_its_lines() {
    let (running, first, lines) = Running::start(&["--port", "0"]);
    drop(lines);
    let mut client = Client::to_url(url_of(&first));
    for n in 0..3 {
        assert_eq!(client.create(&pair(&format!("{n}.jpg"))).status, 200);
        std::thread::sleep(Duration::from_millis(50));
    }
    running.signal("-TERM");
    let output = running.end();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

/// Enough lines to fill every pipe and queue on the way, and one more connection that is served.
#[test]
#[cfg(unix)]
fn who_does_not_read_its_lines_costs_no_memory() {
    let (running, first, lines) = Running::start(&["--port", "0"]);
    let mut client = Client::to_url(url_of(&first));
    let one = request("GET", "/v1/tasks/t", "", "");
    for _ in 0..150 {
        client.write(one.repeat(100));
        for _ in 0..100 {
            assert_eq!(client.read_answer(true).unwrap().status, 401);
        }
    }
    running.signal("-TERM");
    let said = rest(lines);
    assert!(running.end().status.success());
    let count = said.lines().filter(|line| line.starts_with("401 ")).count();
    let missed: Vec<_> = said.lines().filter(|line| line.contains("lines left out")).collect();
    let [missed] = missed[..] else { panic!("{count} lines, {missed:?}") };
    let missed: usize = missed.split(' ').next().unwrap().parse().unwrap();
    assert!(missed > 0 && count + missed == 15_000, "{count} lines and {missed} left out");
}

#[test]
#[cfg(target_os = "linux")]
fn a_book_that_cannot_be_written_is_not_paid_for() {
    let file = scratch("one.yaml");
    std::fs::write(&file, "balance: 1\n").unwrap();
    let file_name = file.to_str().unwrap();
    let (running, first, lines) =
        Running::start(&["--port", "0", "--book", "/dev/full", "--scenario", file_name]);
    let mut client = Client::to_url(url_of(&first));
    for _ in 0..2 {
        assert_eq!(client.create(&pair("a.jpg")).status, 500, "and never 402");
    }
    running.signal("-TERM");
    assert!(rest(lines).contains("2 creates read, 0 accepted"));
    assert!(running.end().status.success());
    std::fs::remove_file(file).unwrap();
}

#[test]
fn mistakes_end_it_with_a_message() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    for (name, args, code) in [
        ("unknown_scenario", &["--port", "0", "--scenario", "sunny"][..], 2),
        ("no_such_file", &["--port", "0", "--scenario", "no/such.yaml"], 2),
        ("port_taken", &["--port", &port], 1),
        ("empty_key", &["--port", "0", "--key", ""], 2),
        ("no_such_folder", &["--port", "0", "--book", "no/such/folder/book"], 1),
    ] {
        let output = program(args).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{name}");
        assert!(output.stdout.is_empty());
        let text = String::from_utf8(output.stderr).unwrap();
        filters().bind(|| insta::assert_snapshot!(format!("program_{name}"), text));
    }
}
