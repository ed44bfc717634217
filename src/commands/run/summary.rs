//! What became of pairs that have no video, in a few lines: grouped by cause, the first of each named.

use serde_json::{Value, json};

use crate::ledger::Cause;
use crate::state::State;
use crate::ui::counted;
use crate::view::printable;
use crate::wire::may_be_tried_again;

/// How many pairs of a cause are named in a line.
const SHOWN: usize = 3;
/// How many causes are named in a line.
const CAUSES: usize = 5;
/// How many pairs are named of those that are only counted otherwise.
pub(super) const NAMED: usize = 5;

/// The pairs that the run does not create, although they are planned.
#[derive(Debug, Clone, Default)]
pub(super) struct Left {
    /// Paid for in another run folder: how many, and the first of them.
    pub(super) paid: (u64, Vec<String>),
    /// Because of `--only`, `--except` or `--pilot`.
    pub(super) by_choice: u64,
    /// Beyond `--limit`.
    pub(super) beyond_limit: u64,
    /// Because of `--no-create`.
    pub(super) no_create: u64,
}

impl Left {
    /// How many there are.
    pub(super) const fn pairs(&self) -> u64 {
        self.paid.0 + self.by_choice + self.beyond_limit + self.no_create
    }

    /// For programs.
    pub(super) fn json(&self) -> Value {
        json!({
            "by_choice": self.by_choice,
            "paid_nearby": self.paid.0,
            "beyond_limit": self.beyond_limit,
            "no_create": self.no_create,
        })
    }

    /// How many the same command again would leave, too.
    pub(super) const fn for_good(&self) -> u64 {
        self.paid.0 + self.by_choice + self.no_create
    }
}

/// `17 rejected, nothing billed: 15 invalid_image_url (anna-003, anna-007, …), 2 invalid_audio (…)`
pub(super) fn causes(causes: &[Cause]) -> Vec<String> {
    causes.chunk_by(|one, next| one.state == next.state).map(line).collect()
}

fn line(causes: &[Cause]) -> String {
    let (state, pairs) = (causes[0].state, causes.iter().map(|cause| cause.pairs).sum::<u64>());
    let mut named: Vec<_> = causes.iter().take(CAUSES).map(one).collect();
    let more = causes.len().saturating_sub(CAUSES) as u64;
    if more > 0 {
        named.push(counted(more, "other cause"));
    }
    format!("{pairs} {}: {}", words(state), named.join(", "))
}

fn one(cause: &Cause) -> String {
    let code = match printable(&cause.code) {
        code if code.is_empty() => "without a code".into(),
        code => code,
    };
    format!("{} {code} ({})", cause.pairs, names(&cause.first, cause.pairs))
}

/// `a, b, c, …`
fn names(first: &[String], pairs: u64) -> String {
    let named = &first[..first.len().min(SHOWN)];
    let more = if pairs > named.len() as u64 { ", …" } else { "" };
    named.join(", ") + more
}

fn words(state: State) -> &'static str {
    match state {
        State::Rejected => "rejected, nothing billed",
        State::Failed => "failed",
        State::InDoubt => "in doubt",
        State::Completed => "not to be fetched",
        state => state.name(),
    }
}

/// Which pairs changed since they were paid for.
pub(super) fn changed(first: &[String], pairs: u64) -> Option<String> {
    (pairs > 0).then(|| {
        let names = names(first, pairs);
        format!("{pairs} changed since they were sent; what was sent is kept: {names}")
    })
}

/// Which pairs were left out, and why.
pub(super) fn left(left: &Left) -> Vec<String> {
    let (paid, first) = &left.paid;
    let paid = (*paid > 0).then(|| {
        let named =
            if first.is_empty() { String::new() } else { format!(": {}", names(first, *paid)) };
        format!("{paid} left out, paid for in another run folder{named}")
    });
    let others = [
        (left.by_choice, "--only, --except or --pilot"),
        (left.beyond_limit, "--limit"),
        (left.no_create, "--no-create"),
    ];
    let others = others.into_iter().filter(|(pairs, _)| *pairs > 0);
    let others = others.map(|(pairs, option)| format!("{pairs} left planned because of {option}"));
    paid.into_iter().chain(others).collect()
}

/// How to have those made that could be made, by commands to paste. `run` is the command of the batch.
pub(super) fn ways_on(causes: &[Cause], run: &str) -> Vec<String> {
    let any = |fits: &dyn Fn(&Cause) -> bool| causes.iter().any(fits);
    let rejected = any(&|cause| cause.state == State::Rejected);
    let failed = any(&|cause| cause.state == State::Failed && may_be_tried_again(&cause.code));
    let rejected = rejected.then(|| {
        format!(
            "rejected pairs that are changed in the manifest are sent by the next run; to send them as \
             they are: {run} --retry-rejected"
        )
    });
    let failed = failed.then(|| {
        format!(
            "to create those again whose failure may be gone, and pay again: {run} --retry-failed"
        )
    });
    rejected.into_iter().chain(failed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cause(state: State, code: &str, pairs: u64, first: &[&str]) -> Cause {
        let first = first.iter().map(|id| (*id).to_owned()).collect();
        let message = String::new();
        Cause { state, code: code.to_owned(), message, pairs, first }
    }

    #[test]
    fn causes_are_counted_and_the_first_pairs_named() {
        let lines = causes(&[
            cause(State::Rejected, "invalid_image_url", 15, &["anna-003", "anna-007", "ben-001"]),
            cause(State::Rejected, "\u{1b}[2J", 2, &["carl-001", "carl-002"]),
            cause(State::InDoubt, "", 1, &["eve"]),
        ]);
        assert_eq!(
            lines,
            [
                "17 rejected, nothing billed: 15 invalid_image_url (anna-003, anna-007, ben-001, …), \
                 2 \u{fffd}[2J (carl-001, carl-002)",
                "1 in doubt: 1 without a code (eve)",
            ]
        );
        let many: Vec<_> = (0..8).map(|_| cause(State::Failed, "x", 1, &["a"])).collect();
        assert!(causes(&many)[0].ends_with("1 x (a), 3 other causes"), "{:?}", causes(&many));
    }

    #[test]
    fn what_was_left_out_has_its_reason() {
        assert_eq!(left(&Left::default()), [""; 0]);
        let paid = (7, vec!["a".to_owned(), "b".to_owned()]);
        let lines = left(&Left { paid, by_choice: 0, beyond_limit: 3, no_create: 0 });
        assert_eq!(
            lines,
            [
                "7 left out, paid for in another run folder: a, b, …",
                "3 left planned because of --limit"
            ]
        );
        assert_eq!(changed(&[], 0), None);
    }

    #[test]
    fn only_what_may_help_is_advised() {
        let lost = [cause(State::Failed, "no_face", 1, &["a"])];
        assert!(ways_on(&lost, "callsheet run x.yaml").is_empty());
        let some = [
            cause(State::Rejected, "no_face", 1, &["a"]),
            cause(State::Failed, "service_error", 1, &["a"]),
        ];
        let ways = ways_on(&some, "callsheet run x.yaml");
        assert!(ways[0].ends_with(": callsheet run x.yaml --retry-rejected"), "{ways:?}");
        assert!(ways[1].ends_with(": callsheet run x.yaml --retry-failed"), "{ways:?}");
    }
}
