//! `check` of tables that are too long to be held.

use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::child::Running;
use crate::sheet::Sheet;

fn rows(count: usize) -> String {
    let row = |n: usize| {
        format!(
            "pair-{n:07},https://example.com/portraits/{}.jpg,https://example.com/speech/{n:07}.mp3,\
             \"The person smiles and nods, calmly, number {n}\"\n",
            n % 500
        )
    };
    format!("id,image,audio,prompt\n{}", (0..count).map(row).collect::<String>())
}

/// The most memory that a command had, in kilobytes.
fn peak(command: &mut Command) -> u64 {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = Running::start(command);
    let status = format!("/proc/{}/status", child.id());
    let mut most = 0;
    while let Ok(text) = fs::read_to_string(&status)
        && let Some(line) = text.lines().find(|line| line.starts_with("VmHWM:"))
    {
        let number = line.split_whitespace().nth(1).and_then(|number| number.parse().ok());
        most = number.unwrap_or(most).max(most);
        std::thread::sleep(Duration::from_millis(5));
    }
    let said = child.said();
    assert_eq!(said.code, 0, "{said}");
    most
}

/// Nine times as many rows take as good as no more memory. Held, they took 7 MB more.
#[cfg(target_os = "linux")]
#[test]
fn a_long_table_takes_no_more_memory_than_a_short_one() {
    let peak_of = |count: usize| {
        let sheet = Sheet::named("long.csv", rows(count).as_bytes());
        peak(&mut sheet.command("check", &[]))
    };
    let (short, long) = (peak_of(1_000), peak_of(9_000));
    assert!(short > 5_000, "nothing was measured: {short} kB");
    assert!(long < short + 4_000, "{short} kB, and {long} kB for nine times as many rows");
}

/// Of many pairs that share a portrait it is said once, with how many there are.
#[test]
fn what_many_rows_share_is_said_once() {
    let text = rows(1_000).replace("portraits/7.jpg", "portraits/7.heic");
    let sheet = Sheet::named("long.csv", text.as_bytes());
    let said = sheet.call("check", &[]);
    assert_eq!(said.code, 6, "{said}");
    assert!(said.err.contains("the image of `pair-0000007` and of another pair"), "{said}");
    assert!(said.err.contains("long.csv:9:"), "{said}");
    assert!(said.out.is_empty() || said.out.contains("1 error"), "{said}");
    let said = sheet.call("check", &["--json"]).json();
    assert_eq!(said["problems"].as_array().map(Vec::len), Some(1), "{said}");
    assert_eq!(said["pairs"], 1_000);
}

/// Thousands of bad links are shown as fifty and counts, and all of them are counted.
#[test]
fn very_many_bad_links_are_counted() {
    let text = rows(1_500).replace(".mp3,", ".flac,");
    let said = Sheet::named("long.csv", text.as_bytes()).call("check", &[]);
    assert_eq!(said.code, 6, "{said}");
    assert_eq!(said.err.matches("error: ").count(), 50, "{said}");
    assert!(said.err.contains("… and 1450 more:"), "{said}");
    assert!(said.out.contains("1500 errors"), "{said}");
}

/// Links into this house are refused as everywhere, before anything else is said.
#[test]
fn addresses_of_this_house_are_refused_in_tables_too() {
    let text = rows(3).replace("https://example.com/speech", "https://10.0.0.7/speech");
    let sheet = Sheet::named("long.csv", text.as_bytes());
    let said = sheet.call("check", &[]);
    assert_eq!(said.code, 2, "{said}");
    assert_eq!(said.err.matches("this address is inside a private network").count(), 3, "{said}");
    assert!(said.err.contains("nothing was sent"), "{said}");
    assert_eq!(sheet.call("check", &["--endpoint", "https://10.0.0.1"]).code, 0);
}
