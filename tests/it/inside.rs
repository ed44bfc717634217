//! Links that lead inside: nothing is fetched from there, by whatever name.

use std::path::Path;
use std::process::Command;

use crate::child::said;
use crate::rude::{Rude, answer};
use crate::sheet::{Said, Sheet, root};
use crate::studio::VIDEO;

/// Has a program find addresses of ours behind some names.
fn with_names(mut command: Command, names: &str) -> Said {
    let shim = Path::new(env!("CARGO_TARGET_TMPDIR")).join("names.so");
    let built = shim.with_extension(format!("{:?}", std::thread::current().id()));
    let mut build = Command::new("cc");
    build.args(["-shared", "-fPIC", "-o"]).arg(&built).arg(root().join("tests/it/names.c"));
    assert!(build.arg("-ldl").status().unwrap().success());
    std::fs::rename(built, &shim).unwrap();
    said(command.env("LD_PRELOAD", shim).env("NAMES", names))
}

/// An API whose only task has its video behind this link, with its own port for `PORT`.
fn api(link: &'static str) -> Rude {
    Rude::any(move |request, connection| {
        let port = connection.local_addr().unwrap().port().to_string();
        let link = link.replace("PORT", &port);
        let path = request.split_whitespace().nth(1).unwrap_or_default();
        match path {
            "/v1/videos/generations" => answer(connection, "200 OK", "", "{\"id\":\"t1\"}"),
            path if path.starts_with("/v1/tasks/") => {
                let links = format!("\"results\":[{{\"url\":\"{link}\"}}]");
                let body = format!("{{\"id\":\"t1\",\"status\":\"completed\",{links}}}");
                answer(connection, "200 OK", "", &body);
            }
            _ => {
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", VIDEO.len());
                let bytes = [head.as_bytes(), VIDEO].concat();
                drop(std::io::Write::write_all(connection, &bytes));
            }
        }
    })
}

/// What a run makes of such a link: its exit code, and why the video was not fetched.
fn fetched(link: &'static str, names: &str) -> (i32, String) {
    let api = api(link);
    let sheet = Sheet::pairs(1, &api.url, "");
    let ran = with_names(sheet.whole(&["-q", "--allow-http", "--retry-for", "2s"]), names);
    (ran.code, sheet.rows()["pair-0"]["error"].clone())
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "needs LD_PRELOAD")]
fn a_video_is_not_fetched_from_inside_by_whatever_name() {
    for (link, names, told) in [
        ("https://169.254.169.254/a.mp4", "", "(169.254.169.254)"),
        ("https://[::ffff:a9fe:a9fe]/a.mp4", "", "([::ffff:a9fe:a9fe])"),
        (
            "http://cdn.example:PORT/a.mp4",
            "cdn.example=169.254.169.254",
            "(cdn.example is 169.254.169.254)",
        ),
        ("http://cdn.example:PORT/a.mp4", "cdn.example=100.64.0.9", "(cdn.example is 100.64.0.9)"),
    ] {
        let (code, error) = fetched(link, names);
        assert_eq!(code, 3, "{link}: {error}");
        assert!(error.contains(&format!("a link into a private network {told}")), "{error}");
    }
    // The API is on this machine, so its links may be as well.
    let (code, error) = fetched("http://cdn.example:PORT/a.mp4", "cdn.example=127.0.0.1");
    assert_eq!((code, error.as_str()), (0, ""));
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "needs LD_PRELOAD")]
fn media_inside_are_refused_by_the_address_behind_their_name() {
    let sheet = Sheet::pairs(1, "https://api.example", "");
    let names = "example.com=10.0.0.5 api.example=9.9.9.9";
    let probed = with_names(sheet.command("check", &["--probe", "--json"]), names);
    assert_eq!(probed.code, 6, "{probed}");
    let told = "a link into a private network (example.com is 10.0.0.5)";
    assert!(probed.out.contains("private_address") && probed.out.contains(told), "{probed}");

    // An address can be judged without a look, if it is known where the API is.
    let yaml = "version: 1\nendpoint: https://api.example\npairs:\n\
        - {image: 'https://10.0.0.5/a.jpg', audio: 'https://10.0.0.5/a.mp3'}\n";
    let sheet = Sheet::new(yaml);
    for (home, code) in [("9.9.9.9", 2), ("10.0.0.1", 0), ("127.0.0.1", 0), ("169.254.0.1", 2)] {
        let checked = with_names(sheet.command("check", &[]), &format!("api.example={home}"));
        assert_eq!(checked.code, code, "{home}: {checked}");
    }
    assert_eq!(sheet.call("plan", &["--mock"]).code, 0, "a rehearsal asks for none of them");
}

#[test]
fn a_rehearsal_follows_no_redirect_off_this_machine() {
    let host = Rude::any(|_, connection| {
        answer(connection, "302 Found", "location: http://9.9.9.9/a\r\n", "");
    });
    let yaml =
        format!("version: 1\npairs:\n- {{image: '{0}/a.jpg', audio: '{0}/a.mp3'}}\n", host.url);
    let probed = Sheet::new(&yaml).call("check", &["--probe", "--mock", "--json", "--allow-http"]);
    assert_eq!(probed.code, 6, "{probed}");
    assert!(probed.out.contains("to another machine (9.9.9.9)"), "{probed}");
}
