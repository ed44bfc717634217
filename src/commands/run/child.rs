//! One command of a person's, run to its end or to its limit of time.

use std::ffi::OsString;
use std::fs::File;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::fitness::roughly;
use crate::view::printable;

/// What no command of a person's is given: it has no need of what pays.
const SECRETS: [&str; 3] = ["CALLSHEET_API_KEY", "CALLSHEET_ACCESS_TOKEN", "CALLSHEET_NOTIFY"];
/// How much of what a command said last is kept, in bytes.
const KEPT: usize = 2048;
/// For how long what it said last is waited for, where something that it started goes on.
const LAST_WORDS: Duration = Duration::from_millis(100);
/// How much of its last line is shown, in characters.
const SHOWN: usize = 200;

/// What a command is given, and what becomes of what it says.
#[derive(Debug)]
pub(super) enum Talk {
    /// It is given nothing, and nothing that it says is shown but, if it fails, its last line of errors.
    Silent,
    /// It reads this, and what it says goes to standard error.
    Shown(File),
}

/// Runs a command; gives why it failed, if it did. It is killed if it takes too long, or if nobody
/// waits for it any more.
pub(super) async fn run(words: Vec<OsString>, talk: Talk, within: Duration) -> Result<(), String> {
    let mut child = Killed::start(words, talk)?;
    let mut said = Vec::new();
    let mut errors = child.0.stderr.take();
    let ended = timeout(within, async {
        tokio::select! {
            biased;
            status = child.0.wait() => status,
            () = listen(&mut errors, &mut said) => std::future::pending().await,
        }
    });
    let ended =
        ended.await.map_err(|_| format!("killed: it took longer than {}", roughly(within)))?;
    let status = ended.map_err(|error| format!("it was lost: {error}"))?;
    child.1 = None;
    // What it said last may still be on its way.
    let _ = timeout(LAST_WORDS, read(&mut errors, &mut said)).await;
    if status.success() { Ok(()) } else { Err(failure(status, &said)) }
}

/// Ends with its value, and everything that it started.
struct Killed(Child, Option<u32>);

impl Killed {
    fn start(words: Vec<OsString>, talk: Talk) -> Result<Self, String> {
        let mut words = words.into_iter();
        let program = words.next().unwrap_or_default();
        let mut command = Command::new(&program);
        command.args(words).kill_on_drop(true);
        for name in SECRETS {
            command.env_remove(name);
        }
        match talk {
            Talk::Silent => {
                command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
            }
            Talk::Shown(file) => {
                // Standard output is for results.
                command.stdin(file).stdout(std::io::stderr()).stderr(Stdio::inherit());
            }
        }
        // Ctrl-C is the run's to hear: what it started ends with it, and in its order.
        #[cfg(unix)]
        command.process_group(0);
        let program = program.to_string_lossy();
        let child = command.spawn();
        let child = child.map_err(|error| format!("{}: {error}", printable(&program)))?;
        let group = child.id();
        Ok(Self(child, group))
    }
}

impl Drop for Killed {
    fn drop(&mut self) {
        #[cfg(unix)]
        if let Some(group) =
            self.1.and_then(|id| rustix::process::Pid::from_raw(id.try_into().ok()?))
        {
            // It has not been waited for, so the number is still its own; nobody may be left in it.
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
    }
}

/// Keeps the end of what is said, and never blocks who says it.
async fn listen(from: &mut Option<impl AsyncRead + Unpin>, kept: &mut Vec<u8>) {
    read(from, kept).await;
    std::future::pending().await
}

async fn read(from: &mut Option<impl AsyncRead + Unpin>, kept: &mut Vec<u8>) {
    let Some(from) = from else { return };
    let mut bytes = [0; KEPT];
    while let Ok(length @ 1..) = from.read(&mut bytes).await {
        kept.extend_from_slice(&bytes[..length]);
        kept.drain(..kept.len().saturating_sub(KEPT));
    }
}

/// `exit code 3: no such bucket`
fn failure(status: ExitStatus, said: &[u8]) -> String {
    let how = match status.code() {
        Some(code) => format!("exit code {code}"),
        None => "ended by a signal".to_owned(),
    };
    let said = String::from_utf8_lossy(said);
    let last = said.lines().map(str::trim).rfind(|line| !line.is_empty());
    let Some(last) = last else { return how };
    let last: String = printable(last).chars().take(SHOWN).collect();
    format!("{how}: {last}")
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    fn shell(script: &str, within: Duration) -> Result<(), String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let words = ["sh", "-c", script].map(OsString::from).to_vec();
        runtime.block_on(run(words, Talk::Silent, within))
    }

    #[test]
    fn a_command_fails_with_its_last_words() {
        let minute = Duration::from_secs(60);
        assert_eq!(shell("echo out; echo err >&2", minute), Ok(()));
        let failed = shell("echo a >&2; printf 'no\\033[2J room\\n\\n' >&2; exit 3", minute);
        assert_eq!(failed.unwrap_err(), "exit code 3: no\u{fffd}[2J room");
        assert_eq!(shell("kill -9 $$", minute).unwrap_err(), "ended by a signal");
        let loud = shell("head -c 3000000 /dev/zero | tr '\\0' x >&2; exit 1", minute);
        assert_eq!(loud.unwrap_err().len(), "exit code 1: ".len() + SHOWN);
    }

    #[test]
    fn a_command_that_hangs_is_killed_with_what_it_started() {
        let (folder, begun) = (tempfile::tempdir().unwrap(), Instant::now());
        let file = folder.path().join("late");
        let script = format!("(sleep 1; touch {}) & sleep 30", file.display());
        let killed = shell(&script, Duration::from_millis(300)).unwrap_err();
        assert!(killed.starts_with("killed: it took longer than"), "{killed}");
        std::thread::sleep(Duration::from_millis(1500));
        assert!(begun.elapsed() < Duration::from_secs(20) && !file.exists());
    }

    #[test]
    fn what_a_command_leaves_behind_holds_nobody_up() {
        let begun = Instant::now();
        assert_eq!(shell("sleep 5 & exit 0", Duration::from_secs(60)), Ok(()));
        assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let words = vec![OsString::from("/nowhere/at all")];
        let failed =
            runtime.block_on(run(words, Talk::Silent, Duration::from_secs(9))).unwrap_err();
        assert!(failed.starts_with("/nowhere/at all: "), "{failed}");
    }
}
