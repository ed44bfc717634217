//! `check` and `run` of tables and manifests that are too long to be held.

use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use callsheet_mock::Scenario;

use crate::child::Running;
use crate::sheet::{Sheet, fake};

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

/// A plan as well, also one that is kept, and one against a ledger that has listed them all. Held,
/// these rows took 8 MB more.
#[cfg(target_os = "linux")]
#[test]
fn the_plan_of_a_long_table_takes_no_more_memory_than_that_of_a_short_one() {
    let peaks = |count: usize| {
        let sheet = Sheet::named("long.csv", rows(count).as_bytes());
        let plan = |options: &[&str]| peak(&mut sheet.command("plan", options));
        let new = [plan(&[]), plan(&["--save", "a.plan"])];
        let said = sheet.call("run", &["--mock", "--limit", "1", "--until", "created", "--yes"]);
        assert_eq!(said.code, 4, "{said}");
        let listed = plan(&["--mock"]);
        fs::write(&sheet.manifest, rows(count).replace("smiles", "laughs")).unwrap();
        let changed = [plan(&["--mock"]), plan(&["--mock", "--save", "b.plan"])];
        [&new[..], &[listed], &changed].concat()
    };
    let (short, long) = (peaks(1_000), peaks(12_000));
    for (n, (short, long)) in short.into_iter().zip(long).enumerate() {
        assert!(short > 5_000, "{n}: nothing was measured: {short} kB");
        assert!(long < short + 5_000, "{n}: {short} kB, and {long} kB for twelve times as many");
    }
}

/// The same for a manifest, but for its text. Held, these pairs took 5 MB more.
#[cfg(target_os = "linux")]
#[test]
fn a_long_manifest_takes_little_besides_its_text() {
    let manifest = |count: usize| Sheet::named("long.yaml", yaml(count).as_bytes());
    let peak_of = |count: usize| peak(&mut manifest(count).command("check", &[]));
    let text = (yaml(12_000).len() / 1024) as u64;
    let (short, long) = (peak_of(1_000), peak_of(12_000));
    assert!(long < short + text + 3_500, "{short} kB, and {long} kB with {text} kB of text");
}

fn yaml(count: usize) -> String {
    let pair = |n: usize| {
        format!(
            "  - id: pair-{n:07}\n    image: https://example.com/portraits/{}.jpg\n    \
             audio: https://example.com/speech/{n:07}.mp3\n    prompt: Smiles and nods, {n}\n",
            n % 500
        )
    };
    format!("version: 1\npairs:\n{}", (0..count).map(pair).collect::<String>())
}

/// What is under way is as much in a long batch as in a short one; and the second run, which finds
/// nothing to do, holds no more than the first. Held, these pairs took 5 MB more.
#[cfg(target_os = "linux")]
#[test]
fn a_run_of_a_long_manifest_takes_little_besides_its_text() {
    let api = fake(Scenario::default());
    let peaks_of = |count: usize| {
        let text = yaml(count).replace("pairs:\n", &format!("endpoint: {}\npairs:\n", api.url()));
        let sheet = Sheet::new(&text);
        let run = || peak(&mut sheet.run_command(&["-q", "--yes", "--concurrency", "64"]));
        (text.len() as u64 / 1024, run(), run())
    };
    let ((_, short, short_again), (text, long, long_again)) = (peaks_of(300), peaks_of(9_000));
    assert!(short > 5_000, "nothing was measured: {short} kB");
    // What a run takes differs by a megabyte from one to the next.
    assert!(long < short + text + 4_500, "{short} kB, and {long} kB with {text} kB of text");
    assert!(
        long_again < short_again + text + 2_000,
        "{short_again} kB, and {long_again} kB with {text} kB of text"
    );
    assert_eq!(api.book().entries.len(), 9_300);
}

/// A manifest that is read twice rather than held is told of in the same words.
#[test]
fn a_long_manifest_is_told_of_like_a_short_one() {
    let bad = yaml(1_010)
        .replace("portraits/7.jpg", "portraits/7.heic")
        .replace("speech/0000003", "speech.local/3?X-Amz-Date=20200101T000000Z&X-Amz-Expires=60#")
        .replace("nods, 9\n", "nods, 9\n    expires: 2020-01-01T00:00:00Z\n")
        .replace("0000011.mp3", "0000011.png");
    let inside = yaml(5).replace("https://example.com/speech", "https://10.0.0.7/speech");
    let local = yaml(5).replace("https://example.com/portraits/3.jpg", "nowhere.jpg");
    for text in [yaml(3), bad, inside, local, yaml(3).replace("prompt", "words")] {
        let long = format!("{text}{}", "# nothing\n".repeat(200_000));
        let [short, long] = [text, long].map(|text| {
            let sheet = Sheet::named("spring.yaml", text.as_bytes());
            [sheet.call("check", &[]), sheet.call("check", &["--json"])]
        });
        for (short, long) in short.into_iter().zip(long) {
            assert_eq!((short.code, short.out, short.err), (long.code, long.out, long.err));
        }
    }
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
