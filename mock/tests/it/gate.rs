//! The gate: connections, limits, the end, and many at once.

use std::time::Duration;

use callsheet_mock::{KEY, Latency, MockApi, Scenario, Span};

use crate::client::{CREATE, Client, pair, request, with_key};

#[tokio::test]
async fn a_connection_carries_many_requests_also_at_once_and_in_pieces() {
    let api = MockApi::start(Scenario::default()).await.unwrap();
    let mut client = Client::to(&api);
    let body = pair("a.jpg").to_string();
    let one = request("POST", CREATE, &with_key(KEY), &body);
    client.write(format!("{one}{one}"));
    assert_eq!(client.read_answer(true).unwrap().status, 200);
    assert_eq!(client.read_answer(true).unwrap().status, 200);
    for piece in one.as_bytes().chunks(90) {
        client.write(piece);
        std::thread::sleep(Duration::from_millis(2));
    }
    assert_eq!(client.read_answer(true).unwrap().status, 200);
    assert!(api.journal().iter().all(|exchange| exchange.connection == 1));
}

#[tokio::test]
async fn chunked_bodies_and_expectations() {
    let api = MockApi::start(Scenario::default()).await.unwrap();
    let mut client = Client::to(&api);
    let body = pair("a.jpg").to_string();
    let (one, two) = body.split_at(20);
    client.write(format!(
        "POST {CREATE} HTTP/1.1\r\nHost: x\r\n{}Transfer-Encoding: chunked\r\n\r\n\
         14;x=y\r\n{one}\r\n{:X}\r\n{two}\r\n0\r\nTrailer: x\r\n\r\n",
        with_key(KEY),
        two.len()
    ));
    assert_eq!(client.read_answer(true).unwrap().status, 200);
    let head = format!("{}Expect: 100-continue\r\n", with_key(KEY));
    client.write(request("POST", CREATE, &head, &body));
    assert_eq!(client.read_answer(false).unwrap().status, 100);
    assert_eq!(client.read_answer(true).unwrap().status, 200);
    assert_eq!(api.book().duplicates()[0].tasks.len(), 2);
}

#[tokio::test]
async fn what_is_not_a_request_is_refused_and_the_connection_ends() {
    let api = MockApi::start(Scenario::default()).await.unwrap();
    let long = format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(70_000));
    for (bytes, status) in [
        ("SSH-2.0-OpenSSH_9.9\r\n\r\n", 400),
        ("CONNECT example.com:443 HTTP/1.1\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\nffffffffffffffff\r\n",
            413,
        ),
        (long.as_str(), 431),
    ] {
        let mut client = Client::to(&api);
        client.write(bytes);
        let answer = client.read_answer(true).unwrap();
        assert_eq!(answer.status, status, "{bytes:.40}");
        assert!(answer.json()["error"]["message"].is_string());
        assert!(client.read_answer(true).is_err(), "the connection ends");
    }
}

#[tokio::test]
async fn clients_cannot_speak_the_private_headers() {
    let api = MockApi::start(Scenario::default()).await.unwrap();
    let head = format!(
        "{}X-Callsheet-Fault: hang-after-read\r\nX-CALLSHEET-Exchange: 77\r\n",
        with_key(KEY)
    );
    let answer = Client::to(&api).send("POST", CREATE, &head, &pair("a.jpg").to_string());
    assert_eq!(answer.status, 200);
    assert!(answer.headers.iter().all(|(name, _)| !name.contains("callsheet")));
    assert!(api.shutdown().await.entries[0].delivered);
}

#[tokio::test]
async fn shutdown_answers_what_is_under_way_and_refuses_the_rest() {
    let latency = Latency::Fixed(Span::millis(200));
    let api = MockApi::start(Scenario { latency, ..Scenario::default() }).await.unwrap();
    let url = api.url().to_owned();
    let mut idle = Client::to(&api);
    let mut client = Client::to(&api);
    client.write(request("POST", CREATE, &with_key(KEY), &pair("a.jpg").to_string()));
    std::thread::sleep(Duration::from_millis(50));
    let book = api.shutdown().await;
    assert_eq!(client.read_answer(true).unwrap().status, 200);
    assert!(book.entries[0].delivered);
    assert!(idle.read_answer(true).is_err(), "an idle connection is ended");
    assert!(std::net::TcpStream::connect(url.strip_prefix("http://").unwrap()).is_err());
}

#[tokio::test]
async fn a_request_that_is_half_here_at_the_end_is_waited_for_but_not_for_ever() {
    let api = MockApi::start(Scenario::default()).await.unwrap();
    let (mut slow, mut stuck) = (Client::to(&api), Client::to(&api));
    let whole = request("POST", CREATE, &with_key(KEY), &pair("a.jpg").to_string());
    let (head, rest) = whole.split_at(whole.len() - 10);
    let rest = rest.to_owned();
    slow.write(head);
    stuck.write(head);
    std::thread::sleep(Duration::from_millis(100));
    let answer = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(300));
        slow.write(rest);
        slow.read_answer(true)
    });
    let started = std::time::Instant::now();
    let book = api.shutdown().await;
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    assert_eq!(answer.join().unwrap().unwrap().status, 200);
    assert_eq!(book.entries.len(), 1);
    assert!(stuck.read_answer(true).is_err());
}

#[tokio::test]
async fn a_dropped_fake_is_gone_at_once_even_in_the_middle_of_an_answer() {
    let latency = Latency::Fixed(Span::secs(600));
    let api = MockApi::start(Scenario { latency, ..Scenario::default() }).await.unwrap();
    let mut client = Client::to(&api);
    client.write(request("POST", CREATE, &with_key(KEY), &pair("a.jpg").to_string()));
    std::thread::sleep(Duration::from_millis(50));
    let started = std::time::Instant::now();
    drop(api);
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    assert!(client.read_answer(true).is_err());
}

#[tokio::test]
async fn it_moves_to_fresh_servers_without_losing_an_answer() {
    let api = MockApi::start(Scenario::default()).await.unwrap();
    // Each holds at most some 2000 requests that have to be matched, so this is more than one of them.
    let threads: Vec<_> = (0..8)
        .map(|thread| {
            let mut client = Client::to(&api);
            std::thread::spawn(move || {
                for n in 0..280 {
                    let body = pair(&format!("{thread}-{n}")).to_string();
                    client.write(request("POST", CREATE, &with_key(KEY), &body));
                    assert_eq!(client.read_answer(true).unwrap().status, 200);
                    client.write(request("HEAD", "/samples/anna.jpg", "", ""));
                    assert_eq!(client.read_answer(false).unwrap().status, 200);
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    let book = api.shutdown().await;
    let ids: std::collections::HashSet<_> = book.tasks().collect();
    assert_eq!((book.entries.len(), ids.len()), (2240, 2240), "each id is unique");
    assert_eq!(book.undelivered().count(), 0);
}

/// Creates, polls and downloads are answered without wiremock where their targets stand as they are
/// meant, and by way of it where not. No byte tells which.
#[tokio::test]
async fn both_ways_through_the_house_lead_to_the_same_answer() {
    let work = callsheet_mock::Work::AtOnce;
    let api = MockApi::start(Scenario { work, ..Scenario::default() }).await.unwrap();
    let mut client = Client::to(&api);
    let created = client.create(&pair("a.jpg")).json();
    let id = created["id"].as_str().unwrap();
    let link = client.task(id)["results"][0]["url"].as_str().unwrap().to_owned();
    let link = link.strip_prefix(api.url()).unwrap();
    let tag = client.send("GET", link, "", "").header("etag").unwrap().to_owned();
    let key = with_key(KEY);
    for (method, path, head, body) in [
        ("POST", CREATE, &*key, r#"{"model": 5}"#),
        ("POST", CREATE, "", "{}"),
        ("POST", CREATE, &key, &pair("b.jpg?fault=status-429").to_string()),
        ("POST", CREATE, &key, &pair("b.jpg?fault=status-524-html").to_string()),
        ("POST", CREATE, &key, &pair("b.jpg?fault=status-307").to_string()),
        ("POST", CREATE, &key, &pair("b.jpg?fault=status-429-bare").to_string()),
        ("POST", CREATE, &key, &pair("b.jpg?fault=empty-after-accept").to_string()),
        ("GET", &format!("/v1/tasks/{id}"), &key, ""),
        ("GET", &format!("/v1/tasks/{id}?sync_upstream=x"), &key, ""),
        ("GET", "/v1/tasks/task-unified-1-abcdefgh", &key, ""),
        ("GET", link, "", ""),
        ("GET", link, "Range: bytes=5-9\r\n", ""),
        ("GET", link, "Range: bytes=99999999-\r\n", ""),
        ("GET", link, &format!("If-None-Match: {tag}\r\n"), ""),
        ("GET", &link.replace("signature=", "signature=0"), "", ""),
    ] {
        let mut raw = |path: &str| {
            client.write(request(method, path, head, body));
            let answer = client.read_answer(true).unwrap();
            let dated = answer.header("date").is_some();
            assert!(dated, "{method} {path}: {answer:?}");
            let headers = answer.headers.into_iter().filter(|(name, _)| name != "date");
            (answer.status, headers.collect::<Vec<_>>(), answer.body)
        };
        let hot = raw(path);
        // A parameter that nobody reads, with a sign that is not among the plain ones.
        let cold = raw(&format!("{path}{}x=!", if path.contains('?') { "&" } else { "?" }));
        assert_eq!(hot, cold, "{method} {path}");
    }
}

#[tokio::test]
async fn a_hundred_at_once_in_one_process() {
    let all = (0..100).map(|_| MockApi::start(Scenario::default()));
    let mut apis = Vec::new();
    for api in all {
        apis.push(api.await.unwrap());
    }
    for api in &apis {
        assert_eq!(Client::to(api).create(&pair("a.jpg")).status, 200);
    }
    assert!(apis.iter().all(|api| api.book().entries.len() == 1));
}

#[tokio::test]
async fn who_has_read_an_answer_finds_it_settled() {
    let api =
        MockApi::start(Scenario { concurrency: Some(1), ..Scenario::default() }).await.unwrap();
    let mut client = Client::to(&api);
    for n in 0..300 {
        assert_eq!(client.create(&pair(&n.to_string())).status, 200, "no place is held too long");
        assert_eq!(api.book().undelivered().count(), 0);
    }
}

/// What a test can ask afterwards does not depend on how large a file was that went through.
#[tokio::test]
async fn large_uploads_leave_the_journal_what_was_there() {
    let api = MockApi::start(Scenario::default()).await.unwrap();
    let mut client = Client::to(&api);
    client.create(&pair("a.jpg"));
    // Refused for its kind, so that nobody has to read it: the journal keeps it all the same.
    let (body, upload) = ("x".repeat(9 << 20), "/v1/files/upload/stream");
    let head = format!("Authorization: Bearer {KEY}\r\nContent-Type: text/plain\r\n");
    for _ in 0..2 {
        assert_eq!(client.send("POST", upload, &head, &body).status, 415);
    }
    let journal = api.journal();
    let targets: Vec<_> = journal.iter().map(|exchange| exchange.target.as_str()).collect();
    assert_eq!(targets, [CREATE, upload, upload]);
    let kept = &journal[1].body;
    assert!(kept.starts_with("xxx") && kept.ends_with('…'), "{kept:.40}");
    assert!(kept.len() < 70_000, "{}", kept.len());
    let har = client.get("/__mock/journal.har");
    assert_eq!(har["log"]["entries"][1]["request"]["bodySize"], body.len());
}

/// A book of some thousand entries is told in pieces, whole and with its length.
#[tokio::test]
async fn a_long_book_is_told_whole_to_who_may_ask() {
    let options = callsheet_mock::Options { any_key: true, ..Default::default() };
    let api = MockApi::start_with(Scenario::default(), options).await.unwrap();
    let mut client = Client::to(&api);
    for n in 0..2_000 {
        client.write(request("POST", CREATE, &with_key("one"), &pair(&format!("{n}")).to_string()));
    }
    for _ in 0..2_000 {
        assert_eq!(client.read_answer(true).unwrap().status, 200);
    }
    let told = client.send("GET", "/__mock/accounts/one/book", "", "");
    assert_eq!(told.header("content-type"), Some("application/json"));
    let book = told.json();
    assert_eq!((&book["creates"], &book["creates_read"]), (&2_000.into(), &2_000.into()));
    assert_eq!(book["entries"].as_array().unwrap().len(), 2_000);
    assert_eq!(book["entries"][1_999]["request"], pair("1999"));
    assert_eq!(book["entries"][1_999]["delivered"], true);
    client.write(request("HEAD", "/__mock/book", &with_key("one"), ""));
    let head = client.read_answer(false).unwrap();
    assert_eq!(head.header("content-length"), told.header("content-length"));
    let empty = client.send("GET", "/__mock/book", &with_key("two"), "").json();
    assert_eq!(empty["entries"], serde_json::json!([]));
    let refused =
        |client: &mut Client, method: &str, path: &str| client.send(method, path, "", "").status;
    assert_eq!(refused(&mut client, "GET", "/__mock/book"), 401, "whose?");
    assert_eq!(refused(&mut client, "POST", "/__mock/accounts/one/book"), 405);
}

/// Ten thousand are a matter of `cargo bench`, and of how many files a process may open.
#[tokio::test]
async fn many_connections_that_wait_keep_nobody_waiting() {
    let api = MockApi::start(Scenario::default()).await.unwrap();
    let waiting: Vec<_> = (0..400)
        .map(|n| {
            let mut client = Client::to(&api);
            client.write(if n % 2 == 0 { "POST /v1/vid" } else { "" });
            client
        })
        .collect();
    assert_eq!(Client::to(&api).create(&pair("a.jpg")).status, 200);
    drop(waiting);
}
