//! Pairs, and the two that create them in every comparison: callsheet, and a bare loop.

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use futures::stream::{self, StreamExt};

/// What is sent as the key; the server looks at none.
pub(crate) const KEY: &str = "bench-key-0123456789";
/// Says that this process is the bare loop, and where it sends.
const BARE: &str = "FAN_OUT_BARE";

/// A manifest of so many pairs.
pub(crate) fn yaml(url: &str, pairs: u64, concurrency: u64) -> String {
    let mut yaml = format!("version: 1\nendpoint: {url}\nconcurrency: {concurrency}\npairs:\n");
    for n in 0..pairs {
        let _ = writeln!(
            yaml,
            "  - id: pair-{n}\n    image: https://example.com/portraits/{n}.jpg\n    \
             audio: https://example.com/speech/{n}.mp3"
        );
    }
    yaml
}

/// What is sent for a pair.
pub(crate) fn body(n: u64) -> String {
    format!(
        r#"{{"model":"omnihuman-1.5","image_url":"https://example.com/portraits/{n}.jpg","audio_url":"https://example.com/speech/{n}.mp3"}}"#
    )
}

/// `callsheet run --until created`, with more words.
pub(crate) fn callsheet(manifest: &Path, words: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_callsheet"))
        .args(["run", "--until", "created", "--quiet", "--yes"])
        .args(words)
        .arg(manifest)
        .env("CALLSHEET_API_KEY", KEY)
        .stdout(Stdio::null())
        .spawn()
        .expect("callsheet")
}

/// This program once more, as the bare loop.
pub(crate) fn bare(url: &str, pairs: u64, concurrency: u64) -> Child {
    Command::new(std::env::current_exe().expect("our own path"))
        .args([pairs.to_string(), concurrency.to_string()])
        .env(BARE, url)
        .spawn()
        .expect("the bare loop")
}

/// Does what the bare loop does if this process is one; says whether it was.
pub(crate) fn was_bare() -> bool {
    let Ok(url) = std::env::var(BARE) else { return false };
    let numbers: Vec<u64> = std::env::args().filter_map(|word| word.parse().ok()).collect();
    super::runtime().block_on(send(&url, numbers[0], numbers[1]));
    true
}

/// The yardstick: the same requests, nothing recorded.
async fn send(url: &str, pairs: u64, concurrency: u64) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder()
        .http1_only()
        .pool_max_idle_per_host(64)
        .tls_certs_only([])
        .no_proxy()
        .build()
        .expect("a client");
    let url: reqwest::Url = format!("{url}/v1/videos/generations").parse().expect("a URL");
    let create = |n: u64| {
        let request = client
            .post(url.clone())
            .header("authorization", format!("Bearer {KEY}"))
            .header("content-type", "application/json")
            .body(body(n));
        async move {
            let answer = request.send().await.expect("an answer").bytes().await.expect("a body");
            let json: serde_json::Value = serde_json::from_slice(&answer).expect("JSON");
            assert!(json["id"].is_string());
        }
    };
    let concurrency = usize::try_from(concurrency).expect("a small number");
    stream::iter(0..pairs).map(create).buffer_unordered(concurrency).collect::<()>().await;
}
