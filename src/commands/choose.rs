//! Which pairs a person chose by `--only`, `--except` and `--limit`, and what is said of the others.

use std::collections::HashSet;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::batch::{Batch, Pairs, Site, this_command};
use super::failure::Failure;
use crate::cli::ChooseArgs;
use crate::exit::Exit;
use crate::ledger::{Store, View};
use crate::pair::{Choice, Pair, Pattern, Tag, folded, nearest};
use crate::state::State;
use crate::ui::{Ui, counted};
use crate::view::printable;

/// How many patterns that match nothing are named, and how many ids that are like one.
const SHOWN: usize = 5;
/// A file of ids is smaller: a million of the longest have this size.
const MOST_BYTES: u64 = 130 << 20;

/// What a person chose.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Chosen {
    pub(super) choice: Choice,
    /// How many pairs are taken up at most.
    pub(super) limit: Option<usize>,
}

/// The same as it stands in a saved plan: files of ids are in it with what they said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Words {
    only: Vec<String>,
    except: Vec<String>,
    limit: Option<usize>,
}

impl Chosen {
    /// Reads the options, and the files that they name.
    pub(super) fn read(args: &ChooseArgs) -> Result<Self, Failure> {
        let (only, except) = (patterns("--only", &args.only)?, patterns("--except", &args.except)?);
        Ok(Self { choice: Choice::new(only, except), limit: args.limit })
    }

    /// The same of what another argument, or option, says.
    pub(super) fn of(option: &str, given: &[String]) -> Result<Self, Failure> {
        Ok(Self { choice: Choice::new(patterns(option, given)?, Vec::new()), limit: None })
    }

    pub(super) fn is_everything(&self) -> bool {
        self.choice.is_everything() && self.limit.is_none()
    }

    /// For a saved plan; nothing where it has all pairs.
    pub(super) fn words(&self) -> Option<Words> {
        let listed =
            |patterns: &mut dyn Iterator<Item = &str>| patterns.map(str::to_owned).collect();
        let (only, except) = (listed(&mut self.choice.only()), listed(&mut self.choice.except()));
        (!self.is_everything()).then_some(Words { only, except, limit: self.limit })
    }

    /// The folded ids of the pairs that are not wanted. Refuses where a pattern matches none: who
    /// misspells what is to be left out would pay for it.
    pub(super) fn left_out(&self, pairs: &[Pair]) -> Result<HashSet<String>, Failure> {
        let mut choosing = self.choice.begin();
        let unwanted = pairs.iter().filter(|pair| !choosing.takes(pair.id.as_str(), &pair.tags));
        let left_out = unwanted.map(|pair| pair.id.folded()).collect();
        let all = || pairs.iter().map(|pair| (pair.id.as_str(), &pair.tags[..]));
        match &choosing.idle()[..] {
            [] => Ok(left_out),
            idle => Err(matches_nothing(idle, all)),
        }
    }

    /// The same of what a ledger has listed; only those that a run could create. Nobody knows tags here.
    fn left_out_of(&self, view: &View) -> Result<HashSet<String>, Failure> {
        let (mut choosing, mut left_out) = (self.choice.begin(), HashSet::new());
        view.each_id(|id, state| {
            if !choosing.takes(id, &[]) && may_be_created(state) {
                left_out.insert(folded(id));
            }
        })?;
        let idle = choosing.idle();
        if idle.is_empty() {
            return Ok(left_out);
        }
        let mut ids = Vec::new();
        view.each_id(|id, _| ids.push(id.to_owned()))?;
        Err(matches_nothing(&idle, || ids.iter().map(|id| (id.as_str(), &[][..]))))
    }

    /// Has the run leave out what is not wanted, and says how many planned pairs that are.
    pub(super) fn leave_out(
        &self,
        ui: &Ui,
        batch: &Batch,
        store: &mut Store,
    ) -> Result<(), Failure> {
        if self.choice.is_everything() {
            return Ok(());
        }
        let left_out = match batch.pairs {
            Pairs::Held => self.left_out(&batch.manifest.pairs)?,
            Pairs::Listed(_) | Pairs::ToList(_) => self.left_out_of(&store.view()?)?,
        };
        store.leave_out(left_out);
        let planned = store.view()?.left_out()?;
        if planned > 0 {
            let pairs = counted(planned, "planned pair");
            ui.note(&format!("{pairs} left out, as {} says", self.options()));
        }
        Ok(())
    }

    /// Before anything is touched, where the pairs are at hand: whether each pattern means something.
    pub(super) fn check(&self, batch: &Batch) -> Result<(), Failure> {
        match batch.pairs {
            Pairs::Held if !self.choice.is_everything() => {
                self.left_out(&batch.manifest.pairs).map(drop)
            }
            Pairs::Held | Pairs::Listed(_) | Pairs::ToList(_) => Ok(()),
        }
    }

    /// How to have the pairs created that were left out.
    pub(super) fn rest(&self, site: &Site, left_out: u64) -> Option<String> {
        let is_due = left_out > 0 && !self.choice.is_everything();
        let pairs = counted(left_out, "pair");
        let run = site.command("run");
        is_due.then(|| format!("{pairs} left out and still planned; to create them, too: {run}"))
    }

    /// How to go on with what is left of the pairs that are wanted: so many planned ones, and others
    /// that are paid for. Where each run takes up a few more, the same command again pays for those.
    pub(super) fn on(&self, site: &Site, planned: u64, under_way: u64) -> String {
        let same = this_command();
        match self.limit.map(|limit| planned.min(limit as u64)) {
            None | Some(0) => format!("to continue, give the same command again: {same}"),
            Some(more) if under_way > 0 => format!(
                "to go on with what is paid for, and pay for nothing more: {} --no-create\n\
                 the same command again takes up {more} more: {same}",
                site.command("run"),
            ),
            Some(more) => {
                format!("the same command again takes up {more} more of {planned}: {same}")
            }
        }
    }

    /// `--only`, `--only and --except`
    fn options(&self) -> &'static str {
        match (self.choice.only().next(), self.choice.except().next()) {
            (Some(_), Some(_)) => "--only and --except",
            (Some(_), None) => "--only",
            (None, _) => "--except",
        }
    }
}

impl TryFrom<Words> for Chosen {
    type Error = Failure;

    fn try_from(words: Words) -> Result<Self, Failure> {
        let parse = |option, texts: &[String]| {
            texts.iter().map(|text| pattern(option, text)).collect::<Result<Vec<_>, _>>()
        };
        let (only, except) = (parse("--only", &words.only)?, parse("--except", &words.except)?);
        Ok(Self { choice: Choice::new(only, except), limit: words.limit })
    }
}

/// Whether a run may create a pair that stands so: a doubt may be sent again under its key.
pub(super) fn may_be_created(state: State) -> bool {
    match state {
        State::Planned | State::Rejected | State::Failed => true,
        State::InDoubt | State::Sending => true,
        State::Created | State::Completed | State::Saved | State::Abandoned => false,
    }
}

/// What an option says each time that it is given.
fn patterns(option: &str, given: &[String]) -> Result<Vec<Pattern>, Failure> {
    let read = given.iter().map(|given| patterns_of(option, given));
    read.collect::<Result<Vec<_>, Failure>>().map(|lists| lists.concat())
}

/// What one option says.
fn patterns_of(option: &str, given: &str) -> Result<Vec<Pattern>, Failure> {
    match given.strip_prefix('@') {
        Some(file) => listed_in(option, Path::new(file)),
        None => given.split(',').map(|text| pattern(option, text)).collect(),
    }
}

fn pattern(option: &str, text: &str) -> Result<Pattern, Failure> {
    Pattern::parse(text).map_err(|error| {
        let text = format!("{option} {}: {error}", shown(text));
        Failure::new(Exit::Usage, text).hint(
            "write ids or patterns such as 'anna-*', tag:spring, or @FILE with one of them a line",
        )
    })
}

/// The patterns of a file, one a line; empty lines and those that begin with `#` are passed over.
fn listed_in(option: &str, path: &Path) -> Result<Vec<Pattern>, Failure> {
    let failed = |error: &dyn std::fmt::Display| {
        Failure::new(Exit::Usage, format!("{option} @{}: {error}", path.display())).hint(
            "the file names pairs, one a line: an id, a pattern such as 'anna-*', or tag:spring",
        )
    };
    let mut text = String::new();
    let file = File::open(path).map_err(|error| failed(&error))?;
    let read = file.take(MOST_BYTES + 1).read_to_string(&mut text);
    read.map_err(|error| failed(&error))?;
    if text.len() as u64 > MOST_BYTES {
        return Err(failed(&"too long for a list of ids"));
    }
    let text = text.trim_start_matches('\u{feff}');
    let mut patterns = Vec::new();
    for (n, line) in text.lines().map(str::trim).enumerate() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let parsed = Pattern::parse(line);
        let at = |error| failed(&format!("line {}: {}: {error}", n + 1, shown(line)));
        patterns.push(parsed.map_err(at)?);
    }
    if patterns.is_empty() {
        return Err(failed(&"no id in it"));
    }
    Ok(patterns)
}

/// Refuses patterns that no pair matches, with what is most like them.
pub(super) fn matches_nothing<'p, I>(idle: &[&Pattern], pairs: impl Fn() -> I) -> Failure
where
    I: Iterator<Item = (&'p str, &'p [Tag])>,
{
    let named: Vec<_> = idle.iter().take(SHOWN).map(|one| shown(one.as_str())).collect();
    let more = match idle.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let text = format!("no pair matches {}{more}", named.join(", "));
    let near = idle.iter().take(SHOWN).filter_map(|one| {
        let near = nearest(one, pairs(), SHOWN).join(", ");
        match (near.is_empty(), one.is_tag()) {
            (true, true) => Some("no pair has tags".to_owned()),
            (true, false) => None,
            (false, true) => Some(format!("tags that there are: {near}")),
            (false, false) => Some(format!("nearest to {}: {near}", shown(one.as_str()))),
        }
    });
    let mut hints: Vec<_> = near.collect();
    hints.dedup();
    Failure::new(Exit::Usage, text).hint(hints.join("\n"))
}

/// As it was typed, short and without what a terminal would act on.
fn shown(text: &str) -> String {
    let text = printable(text);
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("'{}…'", &text[..end]),
        None => format!("'{text}'"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(given: &str) -> String {
        patterns_of("--only", given).unwrap_err().message
    }

    #[test]
    fn an_option_is_a_list_or_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ids, some.txt");
        std::fs::write(&path, "\u{feff}# ours\r\nanna-en\r\n\r\n  tag:spring \r\n").unwrap();
        let texts = |given: &str| {
            let patterns = patterns_of("--only", given).unwrap();
            patterns.iter().map(|one| one.as_str().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(texts(&format!("@{}", path.display())), ["anna-en", "tag:spring"]);
        assert_eq!(texts("anna-*, ben"), ["anna-*", "ben"]);
        std::fs::write(&path, "anna\nb en\n").unwrap();
        let text = failed(&format!("@{}", path.display()));
        assert!(text.contains("line 2: 'b en': no id has ' ' in it"), "{text}");
        std::fs::write(&path, "# nothing\n").unwrap();
        assert!(failed(&format!("@{}", path.display())).ends_with("no id in it"));
        assert!(failed("a,,b").contains("''"));
        assert!(failed("a\u{1b}[2J").contains("no id has"));
    }

    #[test]
    fn a_saved_plan_has_the_choice_in_it() {
        let args =
            ChooseArgs { only: vec!["a*,b".into()], limit: Some(3), ..ChooseArgs::default() };
        let chosen = Chosen::read(&args).unwrap();
        let words = serde_json::to_string(&chosen.words().unwrap()).unwrap();
        assert_eq!(words, r#"{"only":["a*","b"],"except":[],"limit":3}"#);
        let back: Words = serde_json::from_str(&words).unwrap();
        assert_eq!(Chosen::try_from(back).unwrap(), chosen);
        assert_eq!(Chosen::default().words(), None);
    }
}
