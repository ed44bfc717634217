//! What was found out about a machine, a key and a service, judged: what works, what is odd, what will
//! not work, and what to do about it. Whoever asks the machine stands elsewhere.

mod machine;
mod service;

use serde_json::{Value, json};

pub use self::machine::{Disk, Ledger, Screen, certificates, disk, ledger, prober, proxy, screen};
pub use self::service::{Seen, clock, connection, contract, key, name};
use crate::view::printable;
use crate::words::wrapped;

/// How wide what people read is, in columns.
const WIDTH: usize = 80;
/// How wide the first column is: `ok`.
const VERDICT: usize = 5;
/// How wide the second is: what it is about.
const ABOUT: usize = 14;

/// How something stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It works.
    Good,
    /// It works, and somebody should know something of it.
    Odd,
    /// A run would fail, or should not be trusted.
    Bad,
    /// It was not looked at, or is not needed.
    Open,
}

impl Verdict {
    /// For programs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Odd => "odd",
            Self::Bad => "bad",
            Self::Open => "open",
        }
    }

    const fn mark(self) -> &'static str {
        match self {
            Self::Good => "ok",
            Self::Odd => "odd",
            Self::Bad => "BAD",
            Self::Open => "-",
        }
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What it is about, in a word.
    pub about: &'static str,
    /// How it stands.
    pub verdict: Verdict,
    /// What was found, in a sentence without an end.
    pub text: String,
    /// What to do, where anything is to be done.
    pub help: Option<String>,
}

impl Finding {
    /// What works.
    #[must_use]
    pub fn good(about: &'static str, text: impl Into<String>) -> Self {
        Self { about, verdict: Verdict::Good, text: text.into(), help: None }
    }

    /// What works, and is not as it should be.
    #[must_use]
    pub fn odd(about: &'static str, text: impl Into<String>, help: impl Into<String>) -> Self {
        Self { about, verdict: Verdict::Odd, text: text.into(), help: Some(help.into()) }
    }

    /// What does not work.
    #[must_use]
    pub fn bad(about: &'static str, text: impl Into<String>, help: impl Into<String>) -> Self {
        Self { about, verdict: Verdict::Bad, text: text.into(), help: Some(help.into()) }
    }

    /// What was not looked at.
    #[must_use]
    pub fn open(about: &'static str, text: impl Into<String>) -> Self {
        Self { about, verdict: Verdict::Open, text: text.into(), help: None }
    }

    fn lines(&self, say: &dyn Fn(&str) -> String) -> Vec<String> {
        let (mark, about) = (self.verdict.mark(), self.about);
        let head = format!("{mark:VERDICT$}{about:ABOUT$}");
        let indent = VERDICT + ABOUT;
        let help = self.help.as_ref().map(|help| format!("→ {}", say(&printable(help))));
        let all = [Some(say(&printable(&self.text))), help].into_iter().flatten();
        let all: Vec<_> = all.map(|text| wrapped(&text, WIDTH - indent)).collect();
        let mut lines: Vec<_> =
            all.iter().flat_map(|text| text.lines()).map(str::to_owned).collect();
        for (number, line) in lines.iter_mut().enumerate() {
            let before = if number == 0 { head.clone() } else { " ".repeat(indent) };
            line.insert_str(0, &before);
        }
        lines
    }

    fn json(&self) -> Value {
        json!({
            "about": self.about,
            "verdict": self.verdict.name(),
            "text": self.text,
            "help": self.help,
        })
    }
}

/// All of it, for people; `say` puts a sentence into their language.
#[must_use]
pub fn text(findings: &[Finding], say: &dyn Fn(&str) -> String) -> String {
    let lines: Vec<_> = findings.iter().flat_map(|finding| finding.lines(say)).collect();
    let count = |verdict| findings.iter().filter(|one| one.verdict == verdict).count();
    let end = match (count(Verdict::Bad), count(Verdict::Odd)) {
        (0, 0) => "all of it works; nothing was paid".to_owned(),
        (0, odd) => format!("it works, {odd} odd; nothing was paid"),
        (bad, _) => format!("{bad} to be mended before a run; nothing was paid"),
    };
    format!("{}\n{}", lines.join("\n"), say(&end))
}

/// All of it, for programs.
#[must_use]
pub fn document(findings: &[Finding]) -> Value {
    json!({
        "ok": !is_bad(findings),
        "findings": findings.iter().map(Finding::json).collect::<Vec<_>>(),
    })
}

/// Whether a run would fail.
#[must_use]
pub fn is_bad(findings: &[Finding]) -> bool {
    findings.iter().any(|one| one.verdict == Verdict::Bad)
}

#[cfg(test)]
mod tests {
    use unicode_width::UnicodeWidthStr;

    use super::*;

    #[test]
    fn what_people_read_is_eighty_columns_wide_and_says_what_to_do() {
        let long =
            "a text that goes on for longer than a line has room for beside what it is about";
        let findings = [
            Finding::good("proxy", "none"),
            Finding::odd("disk", long, "do 王小明 a favour: make room, and then some more of it"),
            Finding::open("ffprobe", "not there"),
        ];
        insta::assert_snapshot!(text(&findings, &str::to_owned));
        assert!(text(&findings, &str::to_owned).lines().all(|line| line.width() <= WIDTH));
        assert!(!is_bad(&findings));
        let bad = Finding::bad("key", "\u{1b}[2Jno", "yes");
        assert!(
            text(std::slice::from_ref(&bad), &str::to_owned)
                .contains("BAD  key           \u{fffd}[2Jno")
        );
        assert_eq!(document(&[bad])["ok"], false);
        assert_eq!(document(&findings)["findings"][1]["verdict"], "odd");
    }
}
