//! Batches through proxies, with certificates of the house.

use std::fs;
use std::process::{Command, Stdio};

use callsheet_mock::Scenario;

use crate::child::{Running, said};
use crate::sheet::{Said, Sheet, fake, root};
use crate::ways::{House, NAME, Proxy, authority};

/// `run --until created` through what these variables name.
fn run(sheet: &Sheet, options: &[&str], variables: &[(&str, &str)]) -> Said {
    said(sheet.run_command(options).envs(variables.iter().copied()))
}

#[test]
fn a_batch_goes_through_a_proxy_that_asks_for_a_password() {
    let api = fake(Scenario::default());
    let proxy = Proxy::to(api.url());
    let sheet = Sheet::pairs(5, &format!("http://{NAME}"), "");
    let said = run(&sheet, &["--allow-http"], &[("HTTP_PROXY", &proxy.url)]);
    assert_eq!(said.code, 0, "{said}");
    assert_eq!(api.book().entries.len(), 5);
    assert!(proxy.let_through() >= 1);
    assert!(!said.to_string().contains("geheim"), "{said}");
}

#[test]
fn what_a_proxy_refuses_was_not_sent() {
    let api = fake(Scenario::default());
    let proxy = Proxy::to(api.url());
    let house = Sheet::pairs(2, &format!("https://{NAME}"), "");
    let said = run(&house, &["--retry-for", "1s"], &[("HTTPS_PROXY", &proxy.bare)]);
    assert_eq!(said.code, 4, "{said}");
    assert_eq!(house.states()["planned"], 2, "no doubt: {said}");
    assert_eq!(api.book().creates_read, 0);
}

#[test]
fn tls_goes_through_proxies_of_both_kinds_and_the_name_is_looked_up_there() {
    let house = House::api();
    for scheme in ["http", "socks5h"] {
        let proxy = Proxy::to(&house.place);
        let sheet = Sheet::pairs(1, &format!("https://{NAME}"), "");
        let url = proxy.url.replace("http", scheme);
        let said = run(&sheet, &["--ca", &authority()], &[("ALL_PROXY", &url)]);
        assert_eq!(said.code, 0, "{scheme}: {said}");
        assert_eq!(sheet.rows()["pair-0"]["task_id"], "task-unified-1-house");
        assert!(
            proxy.asked_for().iter().all(|asked| asked.contains(NAME)),
            "{:?}",
            proxy.asked_for()
        );
        assert!(proxy.let_through() > 0);
    }
}

#[test]
fn media_are_fetched_from_a_house_whose_authority_is_named() {
    let house = House::start(|line| {
        let name = if line.contains(".jpg") { "eileen.jpg" } else { "eileen-hello.mp3" };
        let bytes = fs::read(root().join("jobs/folder").join(name)).unwrap();
        ("200 OK", "content-type: application/octet-stream\r\n", bytes)
    });
    let yaml = format!(
        "version: 1\nendpoint: http://127.0.0.1:9\npairs:\n  - {{id: a, image: '{0}/a.jpg', audio: \
         '{0}/a.mp3'}}\n",
        house.url
    );
    let sheet = Sheet::new(&yaml);
    let ca = authority();
    let probe =
        |options: &[&str]| sheet.call("check", &[&["--probe", "--no-faces"], options].concat());
    let unknown = probe(&[]).to_string();
    assert!(unknown.contains("certificate"), "{unknown}");
    let named = probe(&["--ca", &ca]);
    assert_eq!(named.code, 0, "{named}");
}

#[test]
fn files_go_to_a_bucket_of_the_house_once_its_authority_is_named() {
    let house = House::start(|_| ("200 OK", "", Vec::new()));
    let api = fake(Scenario::default());
    let yaml = format!(
        "version: 1\nendpoint: {}\nuploads: {{bucket: films, endpoint: '{}', region: eu-1, \
         path_style: true}}\npairs:\n  - {{id: a, image: ./eileen.jpg, audio: ./eileen-hello.mp3}}\n",
        api.url(),
        house.url
    );
    let sheet = Sheet::new(&yaml);
    for name in ["eileen.jpg", "eileen-hello.mp3"] {
        fs::copy(root().join("jobs/folder").join(name), sheet.folder().join(name)).unwrap();
    }
    let key = [("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"), ("AWS_SECRET_ACCESS_KEY", "secret")];
    let unknown = run(&sheet, &["--retry-for", "1s"], &key);
    assert_eq!((unknown.code, api.book().creates_read), (4, 0), "{unknown}");
    let named = run(&sheet, &["--ca", &authority()], &key);
    assert_eq!((named.code, api.book().creates_read), (0, 1), "{named}");
}

/// tinyproxy asks for a password, and leads to a proxy that knows the way.
#[test]
#[ignore = "needs tinyproxy"]
fn a_real_proxy() {
    let house = House::api();
    let behind = Proxy::open(&house.place);
    let folder = tempfile::tempdir().unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let settings = folder.path().join("tinyproxy.conf");
    let upstream = behind.bare.trim_start_matches("http://");
    let text = format!(
        "Port {port}\nListen 127.0.0.1\nTimeout 60\nMaxClients 20\nBasicAuth eva geheim\n\
         Upstream http {upstream}\nConnectPort 443\n"
    );
    fs::write(&settings, text).unwrap();
    let mut tinyproxy = Command::new("tinyproxy");
    tinyproxy.arg("-d").arg("-c").arg(&settings).stdout(Stdio::null()).stderr(Stdio::null());
    let _tinyproxy = Running::start(&mut tinyproxy);
    for _ in 0..200 {
        if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let ca = authority();
    let sheet = Sheet::pairs(3, &format!("https://{NAME}"), "concurrency: 1");
    let right = format!("http://eva:geheim@127.0.0.1:{port}");
    let wrong = format!("http://eva:falsch@127.0.0.1:{port}");
    let options = ["--ca", ca.as_str(), "--retry-for", "1s"];
    let refused = run(&sheet, &options, &[("HTTPS_PROXY", &wrong)]);
    assert_eq!((refused.code, behind.let_through()), (4, 0), "{refused}");
    assert_eq!(sheet.states()["planned"], 3, "{refused}");
    let one = Sheet::pairs(1, &format!("https://{NAME}"), "");
    let passed = run(&one, &options, &[("HTTPS_PROXY", &right)]);
    assert_eq!(passed.code, 0, "{passed}");
    assert!(
        behind.asked_for().iter().all(|asked| asked.starts_with(&format!("CONNECT {NAME}:443")))
    );
    assert!(!passed.to_string().contains("geheim"), "{passed}");
    let mut doctor = one.command("doctor", &["--ca", ca.as_str()]);
    let doctor = said(doctor.env("CALLSHEET_API_KEY", "sk-any").env("https_proxy", &right));
    assert_eq!(doctor.code, 0, "{doctor}");
}
