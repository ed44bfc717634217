//! Downloads beside `curl --parallel`: the same files from the same server, four at once.

use std::fmt::Write as _;
use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::batch::{Batch, Taken, taken};
use crate::server::Server;

const FILES: usize = 200;
const BYTES: usize = 5_000_000;
const ROUNDS: usize = 3;
const AT_ONCE: &str = "4";

pub(crate) fn measure() {
    println!("{FILES} files of {} MB, {AT_ONCE} at once", BYTES / 1_000_000);
    let has_curl = Command::new("curl").arg("--version").stdout(Stdio::null()).status().is_ok();
    if !has_curl {
        println!("curl is not installed: nothing to compare with");
    }
    println!("{:>18} {:>8} {:>10} {:>8}", "", "MB/s", "CPU s/GB", "peak MB");
    let server = Server::start(BYTES);
    server.end_tasks(vec![0; FILES * ROUNDS]);
    let mut ratios = Vec::new();
    for _ in 0..ROUNDS {
        let theirs = has_curl.then(|| curl(&server));
        let ours = callsheet(&server);
        ratios.extend(theirs.map(|theirs| ours / theirs));
    }
    ratios.sort_by(f64::total_cmp);
    if let Some(median) = ratios.get(ratios.len() / 2) {
        println!("median ratio to curl with its files synced {median:.2}");
    }
}

/// Every file checked, hashed, synced, moved to its place and recorded. From the first request for
/// a file to the end of the process.
fn callsheet(server: &Server) -> f64 {
    let batch = Batch::created(FILES, server);
    server.first_download();
    let polls = ["--poll-interval", "100ms", "--poll-rate", "1000/s"];
    let taken = batch.run(&[&polls[..], &["--downloads", AT_ONCE]].concat());
    let seconds = server.first_download().expect("a download").elapsed().as_secs_f64();
    assert_eq!(taken.code, Some(0), "not all were saved");
    compare(&batch.run_folder().join("videos"), server);
    report("callsheet", seconds, taken)
}

/// Files as they come; then the same with every file synced, which is what is compared.
fn curl(server: &Server) -> f64 {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut config = String::new();
    for n in 0..FILES {
        let _ = writeln!(config, "url = {}/film/{n}.mp4\noutput = {n}.mp4", server.url);
    }
    std::fs::write(folder.path().join("list"), config).expect("a list");
    server.first_download();
    let mut command = Command::new("curl");
    command.current_dir(folder.path()).args(["--silent", "--fail", "--parallel"]);
    command.args(["--parallel-max", AT_ONCE, "--noproxy", "*", "--config", "list"]);
    command.stdin(Stdio::null()).stderr(Stdio::null());
    let taken = taken(command.spawn().expect("curl"));
    let begun = server.first_download().expect("a download");
    assert_eq!(taken.code, Some(0), "curl failed");
    report("curl", begun.elapsed().as_secs_f64(), taken);
    let syncing = Instant::now();
    for n in 0..FILES {
        let file = File::open(folder.path().join(format!("{n}.mp4"))).expect("a file");
        file.sync_all().expect("a disk");
    }
    let synced = taken.wall + syncing.elapsed();
    std::fs::remove_file(folder.path().join("list")).expect("a list");
    compare(folder.path(), server);
    report("curl, synced", synced.as_secs_f64(), taken)
}

fn compare(folder: &Path, server: &Server) {
    let files: Vec<_> = std::fs::read_dir(folder).expect("a folder").collect();
    assert_eq!(files.len(), FILES, "another number of files");
    for file in files {
        let bytes = std::fs::read(file.expect("a file").path()).expect("a file");
        assert!(bytes.starts_with(server.film()), "a file differs");
    }
}

/// Prints a line and returns MB/s.
fn report(name: &str, seconds: f64, taken: Taken) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    let (megabytes, peak) = ((FILES * BYTES) as f64 / 1e6, taken.peak as f64 / 1024.0);
    let rate = megabytes / seconds;
    println!("{name:>18} {rate:>8.0} {:>10.2} {peak:>8.0}", taken.cpu * 1000.0 / megabytes);
    rate
}
