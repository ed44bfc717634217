//! `report.html`, and what `report --format` prints: that the page is whole, asks nobody for anything,
//! and takes no text for markup.

use std::fs;
use std::path::Path;

use callsheet_mock::Scenario;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::rude::{Rude, answer};
use crate::sheet::{Sheet, fake, stable};

const HOSTILE: &str = "</script><img src=x onerror=alert(1)><!-- \u{2028} \u{202e}";

fn page(folder: &Path) -> String {
    fs::read_to_string(folder.join("report.html")).unwrap()
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    text.split_once(start).unwrap().1.split_once(end).unwrap().0
}

/// The block that the page's script draws from.
fn data(page: &str) -> Value {
    let block = between(page, "id=\"data\">", "</script>");
    serde_json::from_str(block).unwrap()
}

/// The bytes of a text in base 64.
fn decoded(text: &str) -> Vec<u8> {
    const DIGITS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bytes, mut bits, mut held) = (Vec::new(), 0_u32, 0);
    for digit in text.trim_end_matches('=').chars() {
        bits = bits << 6 | u32::try_from(DIGITS.find(digit).unwrap()).unwrap();
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from(bits >> held & 255).unwrap());
        }
    }
    bytes
}

#[test]
fn a_run_leaves_a_page_that_is_whole_and_asks_nobody_for_anything() {
    let sheet = Sheet::job("demo.yaml");
    let said = sheet.call("run", &["--mock"]);
    assert!(said.out.contains("demo.mock.run/report.html\n"), "{said}");
    let folder = sheet.folder().join("demo.mock.run");
    let page = page(&folder);
    for (element, policy) in [("style", "style-src"), ("script", "script-src")] {
        let text = between(&page, &format!("<{element}>"), &format!("</{element}>"));
        let named = between(&page, &format!("{policy} 'sha256-"), "'");
        assert_eq!(Sha256::digest(text).to_vec(), decoded(named), "{element}");
    }
    let policy = between(&page, "Content-Security-Policy\" content=\"", "\"");
    assert!(policy.starts_with("default-src 'none';") && !policy.contains("unsafe"), "{policy}");
    for source in ["src=\"", "srcset=", "@import", "url(", "<link", "<iframe", "<form", " on"] {
        let found =
            page.split(source).skip(1).map(|rest| rest.chars().take(30).collect::<String>());
        let loads = |rest: &String| source != " on" || rest.split_once('=').is_some_and(is_handler);
        let found: Vec<_> = found.filter(loads).collect();
        assert!(found.is_empty(), "{source}: {found:?}");
    }
    let data = data(&page);
    let rows = data["rows"].as_array().unwrap();
    let ids: Vec<_> = rows.iter().map(|row| row[0].as_str().unwrap()).collect();
    assert_eq!(ids, ["anna-welcome", "welcome-de", "welcome-de-again", "ben-ja", "ben-fast"]);
    assert!(rows.iter().all(|row| data["states"][row[1].as_u64().unwrap() as usize] == "saved"));
    let plain = between(&page, "<tbody>", "</tbody>");
    assert_eq!(plain.matches("<a href=\"videos/").count(), 5, "{plain}");
    let links = plain.matches("rel=\"noreferrer\" href=\"https://example.com/").count();
    assert_eq!(links, 9, "one has a query, and leads nowhere without it: {plain}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(folder.join("report.html")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "nobody else reads it");
    }
}

/// Whether what stands before an equals sign can be the name of a handler.
fn is_handler((name, _): (&str, &str)) -> bool {
    name.chars().all(|c| c.is_ascii_lowercase())
}

#[cfg(unix)]
#[test]
fn the_same_ledger_gives_the_same_page_and_a_run_that_changes_nothing_leaves_it() {
    use std::os::unix::fs::MetadataExt;

    let api = fake(Scenario::default());
    let sheet = Sheet::pairs(3, api.url(), "");
    let path = sheet.run_folder().join("report.html");
    assert_eq!(sheet.run(&["-q", "--no-report"]).code, 0);
    assert!(!path.exists());
    assert_eq!(sheet.run(&["-q"]).code, 0);
    let (first, inode) = (page(&sheet.run_folder()), fs::metadata(&path).unwrap().ino());
    assert_eq!(sheet.run(&["-q"]).code, 0);
    assert_eq!(fs::metadata(&path).unwrap().ino(), inode, "it was written again");
    fs::remove_file(&path).unwrap();
    assert_eq!(sheet.call("report", &["--no-report"]).code, 0);
    assert!(!path.exists());
    let said = sheet.call("report", &[]);
    assert_eq!((said.code, page(&sheet.run_folder()) == first), (0, true), "{said}");
    fs::write(&path, &first[..first.len() / 2]).unwrap();
    assert_eq!(sheet.run(&["-q"]).code, 0);
    assert_eq!(page(&sheet.run_folder()), first, "half a page is none");
    assert!(!first.contains("sig=q"), "a signature is nobody's business");
    assert!(data(&first)["rows"].as_array().unwrap().len() == 3 && first.contains("0.jpg?…"));
}

/// Server messages and prompts.
#[test]
fn what_comes_from_outside_is_text_in_every_form() {
    let error = serde_json::json!({"error": {"code": HOSTILE, "message": format!("{HOSTILE}`@all` | ]]>")}});
    let body = error.to_string();
    let server = Rude::any(move |_, connection| answer(connection, "400 Bad Request", "", &body));
    let prompt = serde_json::to_string(HOSTILE).unwrap();
    let sheet = Sheet::new(&format!(
        "version: 1\nendpoint: {}\ndefaults: {{prompt: {prompt}}}\npairs:\n  \
         - {{id: a, image: 'https://example.com/<b>.jpg', audio: 'https://example.com/a.mp3'}}\n",
        server.url
    ));
    let said = sheet.run(&[]);
    assert_eq!(said.code, 3, "{said}");
    let page = page(&sheet.run_folder());
    let code = ["style", "script"].map(|element| {
        between(&page, &format!("<{element}>"), &format!("</{element}>")).to_owned()
    });
    let page = code.iter().fold(page.clone(), |page, part| page.replace(part, ""));
    assert!(!page.contains("<img") && !page.contains("\u{202e}") && !page.contains("\u{2028}</"));
    assert_eq!(page.matches("<!--").count(), 1, "its own last words");
    assert_eq!(page.matches("</script>").count(), 2, "its own two");
    let data = data(&page);
    let row = &data["rows"][0];
    let text = |column: usize| data["texts"][row[column].as_u64().unwrap() as usize - 1].clone();
    assert_eq!(text(18), HOSTILE.replace('\u{202e}', "\u{fffd}"), "the prompt");
    assert!(text(17).as_str().unwrap().contains("<img src=x"), "{data}");

    let xml = sheet.call("report", &["--format", "junit"]);
    assert!(xml.out.contains("failures=\"1\"") && xml.out.contains("&lt;img src=x"), "{xml}");
    assert!(!xml.out.contains("<img") && !xml.out.contains("]]>"), "{xml}");
    let markdown = sheet.call("report", &["--format", "md"]).out;
    let line = markdown.lines().find(|line| line.starts_with("- 1 rejected")).unwrap();
    assert!(line.contains("``") && line.contains("@all"), "{line}");
    let whole = sheet.call("report", &["--format", "json"]).json();
    assert_eq!(whole["pairs"][0]["prompt"], HOSTILE);
}

#[test]
fn a_summary_is_printed_for_people_programs_and_ci() {
    let api = fake(Scenario::default());
    let pair = |id: &str, fault: &str| {
        format!(
            "  - {{id: {id}, image: 'https://example.com/{fault}{id}.jpg', \
             audio: 'https://example.com/a.mp3'}}\n"
        )
    };
    let sheet = Sheet::new(&format!(
        "version: 1\nendpoint: {}\npairs:\n{}{}{}{}",
        api.url(),
        pair("good", ""),
        pair("bad", "fault=status-400/"),
        pair("worse", "fault=status-400/"),
        pair("unclear", "fault=close-after-accept/")
    ));
    assert_eq!(sheet.run_whole(&["--concurrency", "1"]).code, 5);
    let before = fs::read(sheet.run_folder().join("report.html")).unwrap();
    let print = |form: &str| sheet.call("report", &["--format", form]);
    stable(|| {
        insta::assert_snapshot!("report_markdown", print("md"));
        insta::with_settings!({filters => vec![(r#"time="\d+\.\d+""#, r#"time="[SECONDS]""#)]}, {
            insta::assert_snapshot!("report_junit", print("junit"));
        });
    });
    let whole = print("json").json();
    assert_eq!((&whole["count"], whole["pairs"].as_array().unwrap().len()), (&4.into(), 4));
    assert_eq!(whole["causes"][0]["first"], serde_json::json!(["bad", "worse"]), "{whole}");
    assert_eq!(fs::read(sheet.run_folder().join("report.html")).unwrap(), before);
    assert_eq!(sheet.call("report", &["--format", "md", "--json"]).code, 2);
    let page = String::from_utf8(before).unwrap();
    assert!(page.contains("resolve batch.yaml unclear --adopt TASK_ID"), "{page}");
    assert!(page.contains("data-state=\"rejected\""), "{page}");
}
