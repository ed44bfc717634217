//! Looks at the machine: the program, its certificates, the disk, the ledger, the terminal.

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::process::Command;
use tokio::time::timeout;

use crate::cli::DoctorArgs;
use crate::client::trust;
use crate::commands::batch::Site;
use crate::commands::failure::Failure;
use crate::commands::runtime::runtime;
use crate::commands::sharing::Shared;
use crate::diagnosis::{self, Disk, Finding, Ledger, Screen};
use crate::files::{file_system, free, network_disk, sync_folder};
use crate::ledger::{View, sqlite};
use crate::state::State;

/// How long another program may take to name itself.
const NAMED_WITHIN: Duration = Duration::from_secs(5);

/// What this is.
pub(super) fn program() -> Finding {
    let has =
        |feature: bool, what: &str| format!("{} {what}", if feature { "with" } else { "without" });
    Finding::good(
        "callsheet",
        format!(
            "{} on {} {}, {}, {}",
            env!("CARGO_PKG_VERSION"),
            std::env::consts::OS,
            std::env::consts::ARCH,
            has(cfg!(feature = "face"), "faces"),
            has(cfg!(feature = "postgres"), "PostgreSQL"),
        ),
    )
}

pub(super) fn certificates() -> Finding {
    let trust = trust();
    diagnosis::certificates(trust.of_system, trust.added, &trust.errors)
}

/// The disk of the run folder, which need not be there yet.
pub(super) fn disk(folder: Option<&Path>) -> Finding {
    let wanted = folder.unwrap_or(Path::new("."));
    let network = network_disk(wanted).is_some();
    let there = nearest(wanted);
    let shown = if there == Path::new(".") {
        "this folder".to_owned()
    } else {
        there.display().to_string()
    };
    diagnosis::disk(&Disk {
        folder: shown,
        kind: network_disk(wanted).or_else(|| file_system(&there)),
        network,
        free: free(&there),
        synced: synced(&there).map_err(|error| error.to_string()),
    })
}

/// The folder itself, or the one in which it is to be made.
fn nearest(folder: &Path) -> PathBuf {
    let there = folder.ancestors().find(|folder| folder.exists());
    there.filter(|there| !there.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned()
}

/// Does what a commit does, with a file of its own.
fn synced(folder: &Path) -> io::Result<Duration> {
    let mut file = tempfile::Builder::new().prefix(".callsheet-doctor-").tempfile_in(folder)?;
    let began = Instant::now();
    file.write_all(b"callsheet doctor\n")?;
    file.as_file().sync_all()?;
    sync_folder(folder)?;
    let took = began.elapsed();
    file.close()?;
    Ok(took)
}

/// The ledger of the batch; without one, that of many machines, if one is named.
pub(super) fn ledger(args: &DoctorArgs, site: Option<&Site>) -> Finding {
    let (own, url) = (format!("SQLite {}", sqlite()), args.shared.ledger.as_ref());
    let name = || args.shared.batch_name.clone().unwrap_or_default();
    let named = url.map(|url| Shared::named(url.clone(), name()));
    match (site, named) {
        (Some(site), _) => match &site.shared {
            Some(shared) => diagnosis::ledger(&shown(shared), "PostgreSQL", &read(site.view())),
            None => {
                let place = site.folder.display().to_string();
                diagnosis::ledger(&place, &own, &read(site.view()))
            }
        },
        (None, Some(shared)) => {
            diagnosis::ledger(&shown(&shared), "PostgreSQL", &read(shared.view()))
        }
        (None, None) => {
            Finding::good("ledger", format!("{own}; name a manifest to have its own looked at"))
        }
    }
}

fn read(view: Result<Option<View>, Failure>) -> Ledger {
    let counts = match view {
        Ok(None) => return Ledger::None,
        Ok(Some(view)) => view.counts().map_err(Failure::from),
        Err(failure) => Err(failure),
    };
    match counts {
        Ok(counts) => Ledger::There {
            pairs: counts.iter().map(|(_, count)| count).sum(),
            in_doubt: counts
                .iter()
                .filter(|(state, _)| *state == State::InDoubt)
                .map(|(_, count)| count)
                .sum(),
        },
        Err(Failure { message, hint, .. }) => Ledger::Unread { why: message, help: hint },
    }
}

/// A database without what nobody should read.
#[cfg(feature = "postgres")]
fn shown(shared: &Shared) -> String {
    shared.settings().map_or_else(|_| "the shared ledger".to_owned(), |it| it.to_string())
}

#[cfg(not(feature = "postgres"))]
fn shown(_: &Shared) -> String {
    "the shared ledger".to_owned()
}

pub(super) fn terminal() -> Finding {
    let is_terminal = io::stderr().is_terminal();
    let columns = is_terminal.then(|| console::Term::stderr().size().1);
    let said = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    // The first that is set decides, as everywhere.
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(|name| said(name));
    let locale = locale.unwrap_or_default().to_ascii_lowercase().replace('-', "");
    let utf8 = cfg!(windows) || locale.contains("utf8");
    let dumb = said("TERM").is_some_and(|name| name == "dumb");
    diagnosis::screen(Screen { columns, utf8, dumb })
}

/// ffprobe, if it is there and names itself in time.
pub(super) fn prober() -> Finding {
    let version = runtime().ok().and_then(|runtime| runtime.block_on(named()));
    diagnosis::prober(version.as_deref())
}

async fn named() -> Option<String> {
    let mut command = Command::new("ffprobe");
    command.arg("-version").stdin(Stdio::null()).kill_on_drop(true);
    let output = timeout(NAMED_WITHIN, command.output()).await.ok()?.ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let first = text.lines().next().filter(|_| output.status.success())?;
    // `ffprobe version 5.1.6-0+deb12u1 Copyright …`
    let version = first.split(" Copyright").next().unwrap_or(first);
    Some(version.strip_prefix("ffprobe ").unwrap_or(version).to_owned())
}
