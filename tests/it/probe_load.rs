//! `check --probe` of many large media, and of hosts that take their time: what it holds of the
//! memory, and who waits for whom.

#![cfg(target_os = "linux")]

use std::fs;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::child::Running;
use crate::library::fixture;
use crate::probe::sheet;
use crate::rude::Rude;

fn start(pairs: &[(String, String)]) -> (crate::sheet::Sheet, Running) {
    let sheet = sheet(pairs.iter().map(|(image, audio)| (image.as_str(), audio.as_str())));
    let mut command = sheet.command("check", &["--probe", "--no-faces", "-q"]);
    let running = Running::start(command.stdout(Stdio::null()).stderr(Stdio::null()));
    (sheet, running)
}

fn until(what: &str, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < Duration::from_secs(20), "{what}");
        sleep(Duration::from_millis(5));
    }
}

/// The most that a process ever held, in kilobytes.
fn peak(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// What looking at so many recordings takes, each of which has come but for its end.
fn held(recordings: usize) -> u64 {
    const SIZE: usize = 6_000_000;
    let came = Arc::new(AtomicUsize::new(0));
    let count = came.clone();
    let host = Rude::any(move |request, connection| {
        if request.starts_with("GET /a.jpg") {
            let bytes = fixture("portrait.jpg");
            return send(connection, bytes.len(), &bytes);
        }
        send(connection, SIZE + 1, &vec![b'x'; SIZE]);
        count.fetch_add(1, Ordering::SeqCst);
        sleep(Duration::from_secs(10));
    });
    let pair = |n| (format!("{}/a.jpg", host.url), format!("{}/{n}.wav", host.url));
    let (_sheet, running) = start(&(0..recordings).map(pair).collect::<Vec<_>>());
    until("all of them", || came.load(Ordering::SeqCst) == recordings);
    // What the kernel took is not read yet.
    sleep(Duration::from_millis(200));
    peak(running.id())
}

fn send(connection: &mut TcpStream, length: usize, bytes: &[u8]) {
    let head = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
    let _ = connection.write_all(head.as_bytes()).and_then(|()| connection.write_all(bytes));
}

#[test]
fn sixteen_large_recordings_take_hardly_more_memory_than_one() {
    let (one, many) = (held(1), held(16));
    println!("{one} kB for one, {many} kB for sixteen");
    assert!(many * 2 < one * 3, "{one} kB for one, {many} kB for sixteen");
}

#[test]
fn several_slow_hosts_hold_up_no_other() {
    let slow = [2, 3, 4].map(|end| {
        let listener = TcpListener::bind(format!("127.0.0.{end}:0")).unwrap();
        Rude::on(listener, |_, _| sleep(Duration::from_secs(10)))
    });
    let quick = Rude::any(|_, connection| {
        let bytes = fixture("portrait.jpg");
        send(connection, bytes.len(), &bytes);
    });
    let of = |host: &Rude| {
        let url = host.url.clone();
        (0..12).map(move |n| (format!("{url}/{n}.jpg"), format!("{url}/{n}.mp3")))
    };
    let mut pairs: Vec<_> = slow.iter().flat_map(of).collect();
    pairs.extend(of(&quick).take(4));
    let begun = Instant::now();
    let (_sheet, _running) = start(&pairs);
    until("the quick host was asked", || quick.read() == 8);
    assert!(begun.elapsed() < Duration::from_secs(8), "after {:?}", begun.elapsed());
    until("each of the others as far as it may be", || slow.iter().all(|host| host.read() == 16));
}
