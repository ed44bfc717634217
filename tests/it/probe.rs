//! `check --probe`: what is wrong with media is said before anything is paid, at its place in the
//! manifest.

use std::net::TcpListener;
use std::time::Duration;

use serde_json::Value;

use crate::child::said;
use crate::library::{Library, fixture, tone};
use crate::rude::{Rude, answer};
use crate::sheet::{Said, Sheet, stable};

/// A manifest of these pictures and recordings; the API is on this machine, and never asked.
pub(crate) fn sheet<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Sheet {
    let mut yaml = "version: 1\nendpoint: http://127.0.0.1:9\npairs:\n".to_owned();
    for (n, (image, audio)) in pairs.into_iter().enumerate() {
        yaml.push_str(&format!("  - id: p{n}\n    image: {image}\n    audio: {audio}\n"));
    }
    Sheet::new(&yaml)
}

pub(crate) fn probe(sheet: &Sheet, options: &[&str]) -> Said {
    sheet.call("check", &[&["--probe"], options].concat())
}

/// The codes of all remarks on a medium, by the end of its name; a medium that is not there fails.
pub(crate) fn codes(value: &Value, name: &str) -> Vec<String> {
    let remarks = medium(value, name)["remarks"].as_array().unwrap();
    remarks.iter().map(|remark| remark["code"].as_str().unwrap().to_owned()).collect()
}

fn medium<'v>(value: &'v Value, name: &str) -> &'v Value {
    let media = value["media"].as_array().unwrap();
    let named = |medium: &&Value| {
        let source = medium["source"].as_str().unwrap();
        source.trim_end_matches("?…").ends_with(name)
    };
    media.iter().find(named).unwrap_or_else(|| panic!("no {name} in {value:#}"))
}

/// Each bad medium, the code, and words of what is said.
const BAD: [(&str, &str, &str); 22] = [
    ("page.jpg", "not_public", "it is a web page, not an image"),
    ("page.mp3", "not_public", "it is a web page, not audio"),
    ("401.jpg", "not_public", "(HTTP 401)"),
    ("403.jpg", "not_public", "it is not public, or the link has expired (HTTP 403)"),
    ("to-login.jpg", "not_public", "it is a web page, not an image"),
    ("short.jpg", "unreachable", "end of file before message length reached"),
    ("half.jpg", "image_cut", "the JPG image is cut off"),
    ("paper.jpg", "not_an_image", "it is a PDF, not JPG"),
    ("tune.jpg", "wrong_medium", "this is a recording (MP3), not a picture"),
    ("photo.mp3", "wrong_medium", "this is a picture (JPG), not a recording"),
    ("other.flac", "not_audio", "it is a FLAC sound, not MP3"),
    ("empty.png", "image_empty", "the file is empty"),
    ("drip.jpg", "too_slow", "it was not whole after 4 s"),
    ("stall.jpg", "unreachable", "timed out"),
    ("loop.jpg", "bad_redirect", "more than 8 redirects"),
    ("nowhere.jpg", "bad_redirect", "a redirect that leads nowhere"),
    ("large.jpg", "image_too_large", "it is 6.0 MB large; at most 5 MB are taken"),
    ("endless.jpg", "image_too_large", "it is larger; at most 5 MB are taken"),
    ("later.jpg", "unreachable", "HTTP 503"),
    ("broken.jpg", "unreachable", "HTTP 500"),
    ("gone.jpg", "not_found", "there is nothing at this URL (HTTP 404)"),
    ("teapot.jpg", "not_served", "(HTTP 418)"),
];

/// The bad media beside good ones, one that nobody serves, and one that takes its time.
fn bad_day(host: &Library) -> Sheet {
    host.put("/paper.jpg", &fixture("other.pdf"), "");
    host.put("/tune.jpg", &fixture("cbr.mp3"), "");
    host.put("/photo.mp3", &fixture("portrait.jpg"), "");
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let at = |name: &str| format!("{}/{name}", host.url());
    let good = [at("portrait.jpg"), at("cbr.mp3")];
    // Takes longer than a drip is waited for.
    let steady = [good[0].clone(), at("steady.wav")];
    let mut pairs = vec![good.clone(), [format!("http://{closed}/refused.jpg"), good[1].clone()]];
    pairs.push([at("busy.jpg"), good[1].clone()]);
    pairs.push(steady);
    pairs.extend(BAD.map(|(name, _, _)| match name.ends_with(".mp3") || name.ends_with(".flac") {
        true => [good[0].clone(), at(name)],
        false => [at(name), good[1].clone()],
    }));
    sheet(pairs.iter().map(|[image, audio]| (image.as_str(), audio.as_str())))
}

#[test]
fn all_that_is_wrong_is_said_at_once_each_at_its_place() {
    let host = Library::open().with(&["portrait.jpg", "cbr.mp3", "other.flac", "empty.png"]);
    let sheet = bad_day(&host);
    let said = probe(&sheet, &["--json", "--no-faces", "--stall-timeout", "1s"]);
    let value = said.json();
    assert_eq!(said.code, 6, "{said}");
    for (name, code, words) in BAD.into_iter().chain([("refused.jpg", "unreachable", "refused")]) {
        let [remark] = &medium(&value, name)["remarks"].as_array().unwrap()[..] else {
            panic!("{name}: {value:#}")
        };
        assert_eq!((&remark["code"], &remark["weight"]), (&code.into(), &"error".into()), "{name}");
        let message = remark["message"].as_str().unwrap();
        assert!(message.contains(words), "{name}: {message}");
        assert_ne!(remark["help"], "", "{name}");
    }
    for name in ["portrait.jpg", "cbr.mp3", "busy.jpg", "steady.wav"] {
        assert_eq!(codes(&value, name), [""; 0], "{name}");
    }
    let problems = value["problems"].as_array().unwrap();
    assert_eq!(problems.len(), BAD.len() + 1);
    let text = std::fs::read_to_string(&sheet.manifest).unwrap();
    for (problem, (name, ..)) in problems.iter().skip(1).zip(BAD) {
        let line = problem["line"].as_u64().unwrap() as usize;
        assert!(text.lines().nth(line - 1).unwrap().ends_with(name), "{name}: {problem}");
    }
    let asked = |path| host.asked_for(path).len();
    assert_eq!((asked("/cbr.mp3"), asked("/portrait.jpg")), (1, 1), "shared by many pairs");
    assert_eq!((asked("/busy.jpg"), asked("/gone.jpg"), asked("/later.jpg")), (2, 1, 1));
    assert_eq!((asked("/broken.jpg"), asked("/short.jpg"), asked("/drip.jpg")), (3, 3, 1));
    assert_eq!(asked("/loop.jpg"), 9);
    assert!(host.asked_for("/portrait.jpg")[0].to_ascii_lowercase().contains("callsheet"));
}

#[test]
fn what_people_see() {
    let names = ["portrait.jpg", "pattern.jpg", "cbr.mp3", "silent.mp3"];
    let host = Library::open().with(&names);
    host.put("/long.wav", &tone(31_200, 0), "");
    let at = |name: &str| format!("{}/{name}", host.url());
    let pairs = [
        [at("portrait.jpg?sig=secret"), at("cbr.mp3")],
        [at("page.jpg"), at("cbr.mp3")],
        [at("portrait.jpg?sig=secret"), at("long.wav")],
        [at("half.jpg"), at("silent.mp3")],
        [at("pattern.jpg"), at("gone.mp3")],
    ];
    let sheet = sheet(pairs.iter().map(|[image, audio]| (image.as_str(), audio.as_str())));
    let said = probe(&sheet, &[]);
    assert!(!said.to_string().contains("secret"), "{said}");
    stable(|| insta::assert_snapshot!("probe", said));
}

#[test]
fn media_inside_a_private_network_are_errors_unless_the_api_is_there_too() {
    let host = Library::open().with(&["portrait.jpg", "cbr.mp3"]);
    let yaml = format!(
        "version: 1\npairs:\n- {{image: '{0}/portrait.jpg', audio: '{0}/cbr.mp3'}}\n",
        host.url()
    );
    let sheet = Sheet::new(&yaml);
    // Without a look at them, too.
    let checked = sheet.call("check", &[]);
    assert_eq!((checked.code, host.asked()), (2, 0), "{checked}");
    assert!(checked.err.contains("this address is inside a private network"), "{checked}");
    assert!(checked.err.contains("2 problems"), "{checked}");
    let here = ["--json", "--no-faces", "--endpoint", "http://127.0.0.1:9"];
    let said = probe(&sheet, &here);
    assert_eq!(said.code, 0, "{said}");
}

/// A proxy stands in for the hosts outside: its own address is private, and theirs are not.
#[test]
fn through_a_proxy_private_addresses_are_only_those_of_media() {
    let jpeg = fixture("portrait.jpg");
    let proxy = Rude::any(move |request, connection| {
        let target = request.split_whitespace().nth(1).unwrap_or_default();
        if target.ends_with("/inside.jpg") {
            return answer(connection, "302 Found", "location: http://192.168.1.1/a.jpg\r\n", "");
        }
        if target.ends_with("/elsewhere.jpg") {
            return answer(connection, "301 Moved", "location: http://9.9.9.9/a.jpg\r\n", "");
        }
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", jpeg.len());
        let _ = std::io::Write::write_all(connection, &[head.as_bytes(), &jpeg].concat());
    });
    let at = |name: &str| format!("http://9.9.9.7/{name}");
    let pairs = [at("fine.jpg"), at("inside.jpg"), at("elsewhere.jpg")];
    let sheet = sheet(pairs.iter().map(|image| (image.as_str(), "http://9.9.9.7/x.mp3")));
    let options = ["--probe", "--json", "--no-faces", "--allow-http"];
    let mut command = sheet.command("check", &options);
    // An API elsewhere, which does not reach what this machine reaches.
    command.args(["--endpoint", "https://9.9.9.1"]).env("http_proxy", &proxy.url);
    let said = said(&mut command);
    let value = said.json();
    assert_eq!(codes(&value, "fine.jpg"), [""; 0], "{said}");
    assert_eq!(codes(&value, "elsewhere.jpg"), ["redirected"]);
    assert!(medium(&value, "elsewhere.jpg").to_string().contains("9.9.9.9"));
    assert_eq!(codes(&value, "inside.jpg"), ["bad_redirect"]);
    let text = medium(&value, "inside.jpg").to_string();
    assert!(text.contains("into a private network (192.168.1.1)"), "{text}");
    let asked = proxy.requests();
    assert!(asked.iter().all(|request| !request.contains("192.168")), "it was asked for");
}

#[test]
fn the_log_has_no_media_and_no_signatures_in_it() {
    let host = Library::open().with(&["portrait.jpg", "cbr.mp3"]);
    let at = |name: &str| format!("{}/{name}?sig=secret", host.url());
    let sheet = sheet([(at("portrait.jpg").as_str(), at("cbr.mp3").as_str())]);
    let said = probe(&sheet, &["-vv"]);
    assert!(said.err.contains("bytes: 24576"), "{said}");
    assert!(said.err.len() < 2000 && !said.err.contains("secret"), "{said}");
}

/// A rehearsal asks nobody outside this machine, and says so.
#[test]
fn a_rehearsal_looks_only_at_what_is_here() {
    let host = Library::open().with(&["portrait.jpg"]);
    let here = format!("{}/portrait.jpg", host.url());
    let sheet = sheet([(here.as_str(), "https://192.168.1.1/a.mp3")]);
    let said = probe(&sheet, &["--json", "--no-faces", "--mock"]);
    assert_eq!(said.code, 0, "{said}");
    assert_eq!(codes(&said.json(), "a.mp3"), ["not_checked"]);
    assert_eq!(codes(&said.json(), "portrait.jpg"), [""; 0]);
    assert!(!sheet.run_folder().exists());
}

#[test]
fn a_slow_host_holds_up_no_other() {
    let (slow, quick) = (Library::slow(Duration::from_millis(400)), Library::open());
    let mut images: Vec<_> = (0..64).map(|n| format!("{}/{n}.jpg", slow.url())).collect();
    images.push(format!("{}/quick.jpg", quick.url().replace("127.0.0.1", "localhost")));
    let sheet = sheet(images.iter().map(|image| (image.as_str(), image.as_str())));
    let mut running = sheet.command("check", &["--probe", "--no-faces", "-q"]);
    let running = crate::child::Running::start(
        running.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()),
    );
    // 128 media in rounds of 16 take the slow host more than three seconds.
    let begun = std::time::Instant::now();
    while quick.asked() < 2 && begun.elapsed() < Duration::from_secs(20) {
        std::thread::sleep(Duration::from_millis(5));
    }
    let slows = slow.asked();
    drop(running);
    assert!(quick.asked() >= 2 && slows < 64, "after {slows} of the slow host's");
}

/// Names are sent as people type them: in links, in redirects, in hosts.
#[test]
fn redirects_in_any_language_are_followed_as_browsers_do() {
    let paths: [(&str, &[u8], &str); 4] = [
        ("raw", "/王 小明.jpg".as_bytes(), "/%E7%8E%8B%20%E5%B0%8F%E6%98%8E.jpg"),
        ("whole", "//{host}/é/a.jpg".as_bytes(), "/%C3%A9/a.jpg"),
        ("latin", b"/caf\xe9.jpg", "/caf%E9.jpg"),
        ("coded", b"/%E7%8E%8B.jpg", "/%E7%8E%8B.jpg"),
    ];
    let host = Rude::any(move |request, connection| {
        use std::io::Write;
        let path = request.split(' ').nth(1).unwrap();
        let redirect = paths.iter().find(|(name, ..)| path == format!("/{name}"));
        let Some((_, to, _)) = redirect else {
            let bytes = fixture(if path.ends_with(".mp3") { "cbr.mp3" } else { "portrait.jpg" });
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", bytes.len());
            return drop(connection.write_all(&[head.as_bytes(), &bytes].concat()));
        };
        let here = connection.local_addr().unwrap().to_string();
        let to = match std::str::from_utf8(to) {
            Ok(text) => text.replace("{host}", &here).into_bytes(),
            Err(_) => to.to_vec(),
        };
        let head = b"HTTP/1.1 302 Found\r\nconnection: close\r\ncontent-length: 0\r\nlocation: ";
        let _ = connection.write_all(&[head, &to[..], b"\r\n\r\n"].concat());
    });
    let shouted = host.url.replace("http://", "HTTP://");
    let pairs: Vec<_> = paths
        .iter()
        .map(|(name, ..)| [name, "a.mp3"].map(|it| format!("{shouted}/{it}")))
        .collect();
    let sheet = sheet(pairs.iter().map(|[image, audio]| (image.as_str(), audio.as_str())));
    let said = probe(&sheet, &["--no-faces"]);
    assert!(said.code == 0 && said.out.contains("5 files looked at: 0 errors"), "{said}");
    let asked = host.requests();
    for (_, _, path) in paths {
        let line = format!("GET {path} HTTP/1.1\r\n");
        assert!(asked.iter().any(|request| request.starts_with(&line)), "{path}: {asked:#?}");
    }
}
