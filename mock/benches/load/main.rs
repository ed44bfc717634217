//! How much the fake bears, beside a bare hyper handler that answers with the same bytes.
//!
//! `cargo bench -p callsheet-mock` sends 450,000 creates and polls at 64 connections to each of them,
//! alternating; then it looks at what a million tasks take, at ten thousand connections, and at a book
//! of 60,000 entries. Words choose among `speed`, `tasks`, `connections` and `book`; a number asks for
//! fewer requests. The last line is all of it in JSON. `against HOST:PORT [PATH]` sends the same to
//! another server, whose tasks are below that path; `benches/peers` does so.

mod client;
mod server;

use std::io::Write as _;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use client::What;
use server::{SERVER, Server};

const CONNECTIONS: usize = 64;
const ROUNDS: usize = 6;
/// Requests that come before anything is counted: caches fill, and the journal.
const WARM: usize = 5_000;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match std::env::var(SERVER).as_deref() {
        Ok("fake") => runtime.block_on(server::serve_fake()),
        Ok(_) => runtime.block_on(server::serve_bare()),
        Err(_) => runtime.block_on(measure()),
    }
}

async fn measure() -> Result<(), Failure> {
    let words: Vec<_> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let number = words.iter().find_map(|word| word.parse::<usize>().ok());
    let named = |name: &str| words.iter().any(|word| word == name);
    let mut out = std::io::stdout();
    if let Some(place) = words.iter().position(|word| word == "against") {
        let address = words.get(place + 1).ok_or("against which HOST:PORT?")?;
        let tasks = words.get(place + 2).filter(|word| word.starts_with('/'));
        let tasks = tasks.map_or(client::TASKS, String::as_str);
        let found = against(address, tasks, number.unwrap_or(20_000)).await?;
        return Ok(writeln!(out, "{found}")?);
    }
    let all = !["speed", "tasks", "connections", "book"].iter().any(|name| named(name));
    let mut found = json!({});
    if all || named("speed") {
        found["speed"] = speed(number.unwrap_or(450_000)).await?;
    }
    if all || named("tasks") {
        found["tasks"] = tasks(number.unwrap_or(1_000_000)).await?;
    }
    if all || named("connections") {
        found["connections"] = connections(number.unwrap_or(10_000)).await?;
    }
    if all || named("book") {
        found["book"] = book(number.unwrap_or(60_000)).await?;
    }
    Ok(writeln!(out, "{found}")?)
}

/// Creates and polls, alternating between the two servers.
async fn speed(requests: usize) -> Result<Value, Failure> {
    let mut out = std::io::stdout();
    let polls = client::POLLS;
    writeln!(out, "{requests} requests (1 create, {polls} polls, …) at {CONNECTIONS} connections")?;
    let servers = [Server::start("bare")?, Server::start("fake")?];
    let mut seconds = [0.0; 2];
    for _ in 0..ROUNDS {
        for (server, seconds) in servers.iter().zip(&mut seconds) {
            let start = Instant::now();
            let share = requests / ROUNDS;
            client::load(&server.address, CONNECTIONS, share, What::CreatesAndPolls(client::TASKS))
                .await?;
            *seconds += start.elapsed().as_secs_f64();
        }
    }
    let mut found = json!({"requests": requests, "connections": CONNECTIONS});
    let mut shares = [(0.0, 0.0); 2];
    for ((server, seconds), share) in servers.iter().zip(seconds).zip(&mut shares) {
        let speed = requests as f64 / seconds;
        let micros = micros(server.computed()?) / requests as f64;
        let memory = server.most_memory()? as f64 / 1024.0;
        let name = server.name;
        writeln!(
            out,
            "{name}: {speed:.0} requests/s, {micros:.1} µs of a processor each, {memory:.1} MB at most"
        )?;
        found[name] = json!({
            "requests_per_second": speed.round(), "processor_micros": round(micros),
            "most_megabytes": round(memory),
        });
        *share = (speed, micros);
    }
    let [(bare, least), (fake, most)] = shares;
    writeln!(
        out,
        "fake / bare: {:.2} of the requests/s, {:.2} of the time",
        fake / bare,
        most / least
    )?;
    found["share"] = round(fake / bare);
    found["share_of_time"] = round(most / least);
    Ok(found)
}

/// What each of so many tasks takes, all of other pairs.
async fn tasks(count: usize) -> Result<Value, Failure> {
    let server = Server::start("fake")?;
    client::load(&server.address, CONNECTIONS, WARM, What::Creates).await?;
    let before = server.memory()?;
    client::load(&server.address, CONNECTIONS, count, What::Creates).await?;
    let bytes = (server.memory()? - before) as f64 * 1024.0 / (count - WARM) as f64;
    writeln!(std::io::stdout(), "{count} tasks: {bytes:.0} bytes each")?;
    Ok(json!({"count": count, "bytes_each": bytes.round()}))
}

/// Connections that are all open at once, each with a request under way.
async fn connections(count: usize) -> Result<Value, Failure> {
    let server = Server::start("fake")?;
    let start = Instant::now();
    client::at_once(&server.address, count).await?;
    let seconds = start.elapsed().as_secs_f64();
    let memory = server.most_memory()? as f64 / 1024.0;
    writeln!(std::io::stdout(), "{count} connections at once: {seconds:.1} s, {memory:.1} MB")?;
    Ok(json!({"count": count, "seconds": round(seconds), "most_megabytes": round(memory)}))
}

/// What it takes to tell a book of so many entries.
async fn book(entries: usize) -> Result<Value, Failure> {
    let server = Server::start("fake")?;
    client::load(&server.address, CONNECTIONS, entries, What::Creates).await?;
    let before = server.memory()?;
    let start = Instant::now();
    let length = client::asked(&server.address, "/__mock/book").await? as f64 / f64::from(1 << 20);
    let seconds = start.elapsed().as_secs_f64();
    let more = (server.most_memory()?.saturating_sub(before)) as f64 / 1024.0;
    writeln!(
        std::io::stdout(),
        "a book of {entries} entries: {length:.1} MB told in {seconds:.2} s with {more:.1} MB more"
    )?;
    let (length, seconds, more) = (round(length), round(seconds), round(more));
    Ok(json!({"entries": entries, "megabytes": length, "seconds": seconds, "more_megabytes": more}))
}

/// The same requests to another server.
async fn against(address: &str, tasks: &str, requests: usize) -> Result<Value, Failure> {
    let start = Instant::now();
    client::load(address, CONNECTIONS, requests, What::CreatesAndPolls(tasks)).await?;
    let speed = requests as f64 / start.elapsed().as_secs_f64();
    Ok(json!({"requests": requests, "requests_per_second": speed.round()}))
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

fn round(number: f64) -> Value {
    json!((number * 100.0).round() / 100.0)
}
