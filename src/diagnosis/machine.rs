//! What a machine has: whom it believes, the way out of it, its disk, its ledger, its terminal.

use std::time::Duration;

use super::Finding;
use crate::view::{printable, size};

/// Less room than this is soon used up by videos, in bytes.
const LITTLE_ROOM: u64 = 2_000_000_000;
/// With less than this not even a ledger is safe, in bytes.
const NO_ROOM: u64 = 50_000_000;
/// A disk that takes longer to sync makes each commit slow.
const SLOW_SYNC: Duration = Duration::from_millis(200);
/// Narrower terminals cut what is drawn on them.
const NARROW: u16 = 60;

/// Whom connections believe: `of_system` authorities of the system's, if they can be counted, and
/// those that were added.
#[must_use]
pub fn certificates(of_system: Option<usize>, added: usize, errors: &[String]) -> Finding {
    const ABOUT: &str = "certificates";
    let added = match added {
        0 => String::new(),
        some => format!(", and {some} of --ca"),
    };
    match (of_system, errors.first()) {
        (None, _) => Finding::good(ABOUT, format!("as the system judges them{added}")),
        (Some(0), why) => Finding::odd(
            ABOUT,
            match why {
                Some(why) => format!("the system's cannot be read ({}){added}", printable(why)),
                None => format!("the system has none{added}"),
            },
            "those that callsheet brings are used. Install ca-certificates, or mend SSL_CERT_FILE",
        ),
        (Some(some), None) => Finding::good(ABOUT, format!("{some} of the system's{added}")),
        (Some(some), Some(why)) => Finding::odd(
            ABOUT,
            format!("{some} of the system's{added}; others cannot be read ({})", printable(why)),
            "mend or remove what SSL_CERT_FILE or SSL_CERT_DIR names",
        ),
    }
}

/// The way to the API: what is said of it, and what to do if a variable was not understood.
#[must_use]
pub fn proxy(way: String, misread: Option<&str>) -> Finding {
    match misread {
        None => Finding::good("proxy", way),
        Some(variable) => Finding::odd(
            "proxy",
            way,
            format!("write {variable}=http://HOST:PORT, or socks5h://HOST:PORT"),
        ),
    }
}

/// A disk, as far as it could be looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disk {
    /// The folder that was looked at.
    pub folder: String,
    /// The kind of its file system.
    pub kind: Option<String>,
    /// Whether it is a network's.
    pub network: bool,
    /// How many bytes are free.
    pub free: Option<u64>,
    /// How long it took to write a file, to sync it and its folder, and to take it away; or why that
    /// cannot be done.
    pub synced: Result<Duration, String>,
}

/// Whether a ledger can be trusted to it.
#[must_use]
pub fn disk(disk: &Disk) -> Finding {
    const ABOUT: &str = "disk";
    let folder = &disk.folder;
    let took = match &disk.synced {
        Ok(took) => *took,
        Err(why) => {
            return Finding::bad(
                ABOUT,
                format!("{folder}: nothing can be written there: {}", printable(why)),
                "choose a run folder that is yours with --out DIR",
            );
        }
    };
    let kind = disk.kind.as_ref().map_or_else(String::new, |kind| format!("{}, ", printable(kind)));
    let free = disk.free.map_or_else(String::new, |free| format!("{} free, ", size(free)));
    let text = format!("{folder}: {kind}{free}synced in {} ms", took.as_millis());
    if disk.network {
        return Finding::bad(
            ABOUT,
            format!("{text}; it is a network's disk, where what was paid can be forgotten"),
            "keep the run folder on a local disk with --out DIR",
        );
    }
    match disk.free {
        Some(..NO_ROOM) => Finding::bad(ABOUT, text, "make room: a ledger has none there"),
        Some(..LITTLE_ROOM) => Finding::odd(
            ABOUT,
            text,
            "make room, or keep the videos elsewhere with --videos DIR or s3://BUCKET/FOLDER",
        ),
        _ if took > SLOW_SYNC => Finding::odd(
            ABOUT,
            text,
            "each commit waits for that: a run folder on a faster disk (--out DIR) creates faster",
        ),
        _ => Finding::good(ABOUT, text),
    }
}

/// A ledger, as far as it could be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ledger {
    /// There is none yet.
    None,
    /// It can be read: so many pairs, so many of them in doubt.
    There {
        /// All pairs.
        pairs: u64,
        /// Those that a person has to settle.
        in_doubt: u64,
    },
    /// It cannot be read, or not reached.
    Unread {
        /// Why.
        why: String,
        /// What to do.
        help: Option<String>,
    },
}

/// The ledger at a place, which `made_by` says with what it is made.
#[must_use]
pub fn ledger(place: &str, made_by: &str, ledger: &Ledger) -> Finding {
    const ABOUT: &str = "ledger";
    match ledger {
        Ledger::None => Finding::good(ABOUT, format!("{place}: none yet ({made_by})")),
        Ledger::There { pairs, in_doubt: 0 } => {
            Finding::good(ABOUT, format!("{place}: {pairs} pairs, none in doubt ({made_by})"))
        }
        Ledger::There { pairs, in_doubt } => Finding::odd(
            ABOUT,
            format!("{place}: {pairs} pairs, {in_doubt} in doubt ({made_by})"),
            "settle them: callsheet status MANIFEST, then callsheet resolve",
        ),
        Ledger::Unread { why, help } => {
            let help = help.as_deref().unwrap_or("is it the right one, and yours to read?");
            // Most errors name the place themselves.
            let text = if why.contains(place) { why.clone() } else { format!("{place}: {why}") };
            Finding::bad(ABOUT, text, help)
        }
    }
}

/// Where people read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Screen {
    /// How wide it is, in columns, if it is a terminal.
    pub columns: Option<u16>,
    /// Whether letters of all scripts arrive there.
    pub utf8: bool,
    /// Whether a cursor can be moved there.
    pub dumb: bool,
}

/// What can be shown there.
#[must_use]
pub fn screen(screen: Screen) -> Finding {
    const ABOUT: &str = "terminal";
    let Some(columns) = screen.columns else {
        return Finding::open(ABOUT, "none: progress is told in lines, and nobody is asked");
    };
    let wide = format!("{columns} columns");
    match screen {
        Screen { dumb: true, .. } => {
            Finding::open(ABOUT, format!("{wide}, and it cannot be drawn on: progress in lines"))
        }
        Screen { utf8: false, .. } => Finding::odd(
            ABOUT,
            format!("{wide}, not UTF-8"),
            "set LANG=C.UTF-8, or names in other scripts are not readable",
        ),
        _ if columns < NARROW => {
            Finding::odd(ABOUT, wide, "a wider window shows the progress of a run whole")
        }
        _ => Finding::good(ABOUT, format!("{wide}, UTF-8")),
    }
}

/// The prober of others that looks at videos, in its own words, if it is there. It is not needed.
#[must_use]
pub fn prober(version: Option<&str>) -> Finding {
    match version {
        Some(version) => Finding::good("ffprobe", printable(version)),
        None => {
            Finding::open("ffprobe", "not there; nothing needs it: callsheet checks videos itself")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::Verdict::{self, Bad, Good, Odd, Open};

    #[test]
    fn a_disk_is_judged_by_what_a_ledger_needs() {
        let verdict = |change: &dyn Fn(&mut Disk)| {
            let mut one = Disk {
                folder: "/data".to_owned(),
                kind: Some("ext4".to_owned()),
                network: false,
                free: Some(1 << 40),
                synced: Ok(Duration::from_millis(3)),
            };
            change(&mut one);
            disk(&one)
        };
        let good = verdict(&|_| {});
        assert_eq!(good, Finding::good("disk", "/data: ext4, 1099512 MB free, synced in 3 ms"));
        assert_eq!(verdict(&|disk| disk.network = true).verdict, Bad);
        assert_eq!(verdict(&|disk| disk.free = Some(1_000_000)).verdict, Bad);
        assert_eq!(verdict(&|disk| disk.free = Some(1_000_000_000)).verdict, Odd);
        assert_eq!(verdict(&|disk| disk.free = None).verdict, Good);
        assert_eq!(verdict(&|disk| disk.synced = Ok(Duration::from_secs(1))).verdict, Odd);
        let unwritable = verdict(&|disk| disk.synced = Err("Read-only file system".to_owned()));
        assert_eq!(unwritable.verdict, Bad);
        assert!(unwritable.text.ends_with("written there: Read-only file system"));
    }

    #[test]
    fn certificates_that_are_missing_have_a_stand_in() {
        let verdicts = |of: Option<usize>, errors: &[String]| certificates(of, 1, errors).verdict;
        let error = ["bad PEM".to_owned()];
        assert_eq!(verdicts(Some(140), &[]), Good);
        assert_eq!(verdicts(None, &[]), Good);
        assert_eq!(verdicts(Some(140), &error), Odd);
        assert_eq!(verdicts(Some(0), &[]), Odd);
        let none = certificates(Some(0), 0, &error);
        assert_eq!(none.text, "the system's cannot be read (bad PEM)");
    }

    #[test]
    fn a_ledger_is_there_or_not_or_not_to_be_read() {
        let verdict = |found: &Ledger| ledger("spring.run", "SQLite", found).verdict;
        assert_eq!(verdict(&Ledger::None), Good);
        assert_eq!(verdict(&Ledger::There { pairs: 3, in_doubt: 0 }), Good);
        assert_eq!(verdict(&Ledger::There { pairs: 3, in_doubt: 1 }), Odd);
        let why = "spring.run/ledger.sqlite is damaged".to_owned();
        let found = ledger("spring.run", "SQLite", &Ledger::Unread { why, help: None });
        assert_eq!((found.verdict, found.text.matches("spring.run").count()), (Bad, 1));
    }

    #[test]
    fn a_terminal_is_looked_at_only_if_there_is_one() {
        let verdict = |columns, utf8, dumb| screen(Screen { columns, utf8, dumb }).verdict;
        assert_eq!(verdict(None, false, false), Open);
        assert_eq!(verdict(Some(80), true, false), Good);
        assert_eq!(verdict(Some(80), false, false), Odd);
        assert_eq!(verdict(Some(40), true, false), Odd);
        assert_eq!(verdict(Some(80), true, true), Open);
    }

    #[test]
    fn what_is_no_address_of_a_proxy_is_told() {
        let verdict = |misread| -> Verdict { proxy("none".to_owned(), misread).verdict };
        assert_eq!(verdict(None), Good);
        assert_eq!(verdict(Some("HTTPS_PROXY")), Odd);
        assert_eq!(prober(None).verdict, Open);
        assert_eq!(prober(Some("ffprobe version 6")).verdict, Good);
    }
}
