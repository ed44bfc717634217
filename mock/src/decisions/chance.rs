//! Which fault strikes a create, and how long its answer takes.

use std::time::Duration;

use crate::http::samples;
use crate::rules::scenario::{Failure, Latency, On, Rule, Scenario, Script};
use crate::words::dice::Dice;
use crate::words::failure::FailureCode;
use crate::words::fault::Fault;
use crate::words::id::Letters;
use crate::words::pattern::matches;
use crate::words::span::Span;

const DEFAULT_RETRY_AFTER: Span = Span::secs(1);
const DEFAULT_LENGTH: Duration = Duration::from_secs(1);

/// A fault that strikes, with what its answer needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Strike {
    pub(crate) fault: Fault,
    pub(crate) retry_after: Duration,
}

impl Strike {
    /// A fault without particulars.
    pub(crate) const fn plain(fault: Fault) -> Self {
        Self { fault, retry_after: DEFAULT_RETRY_AFTER.0 }
    }
}

/// A request that a fault may strike.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) on: On,
    pub(crate) dice: Dice,
    /// Which try of the same request it is, from 1.
    pub(crate) attempt: u32,
    /// The URLs, ids and names by which a scenario may mean it.
    pub(crate) names: &'a [&'a str],
    /// For how long the scenario has been played.
    pub(crate) since: Duration,
}

/// How many requests each rule was about, in the order of arrival.
#[derive(Debug, Default)]
pub(crate) struct Counts(Vec<u64>);

impl Counts {
    fn note(&mut self, rules: &[Rule], asked: &Asked<'_>) {
        self.0.resize(rules.len(), 0);
        for (count, rule) in self.0.iter_mut().zip(rules) {
            *count += u64::from(is_about(rule, asked));
        }
    }
}

fn is_about(rule: &Rule, asked: &Asked<'_>) -> bool {
    rule.on == asked.on && matches_any(rule.matching.as_deref(), asked.names)
}

/// What the scenario's script, or else its first rule that strikes, has for this request.
pub(crate) fn strike(
    scenario: &Scenario,
    asked: &Asked<'_>,
    counts: &mut Counts,
) -> Option<Strike> {
    counts.note(&scenario.faults, asked);
    let meant = |script: &&Script| {
        script.on == asked.on && matches_any(Some(&script.matching), asked.names)
    };
    if let Some(script) = scenario.scripts.iter().find(meant) {
        let step = asked.attempt.checked_sub(1).and_then(|n| script.tries.get(n as usize));
        return step.and_then(|step| step.fault()).map(Strike::plain);
    }
    let strikes = |(index, rule): &(usize, &Rule)| {
        let count = counts.0[*index];
        is_about(rule, asked)
            && rule.first.is_none_or(|tries| asked.attempt <= tries)
            && rule.from.is_none_or(|from| count >= u64::from(from))
            && rule.every.is_none_or(|every| count.is_multiple_of(u64::from(every)))
            && rule.between.is_none_or(|(start, end)| (start.0..end.0).contains(&asked.since))
            && rule.share.is_none_or(|share| asked.dice.happens("fault", *index, share))
    };
    let (_, rule) = scenario.faults.iter().enumerate().find(strikes)?;
    let retry_after = rule.retry_after.unwrap_or(DEFAULT_RETRY_AFTER).0;
    Some(Strike { fault: rule.fault, retry_after })
}

/// Whether, and why, the task of a create with these URLs is to fail.
pub(crate) fn failure(scenario: &Scenario, dice: Dice, urls: [&str; 2]) -> Option<FailureCode> {
    let strikes = |(index, failure): &(usize, &Failure)| {
        matches_any(failure.matching.as_deref(), &urls)
            && failure.share.is_none_or(|share| dice.happens("failure", *index, share))
    };
    scenario.failures.iter().enumerate().find(strikes).map(|(_, failure)| failure.code)
}

/// How long the speech at a URL is.
pub(crate) fn length(scenario: &Scenario, url: &str) -> Duration {
    let told = scenario.lengths.iter().find(|length| matches(&length.matching, url));
    let told = told.map(|told| told.length.0).or_else(|| samples::length(url));
    told.unwrap_or(DEFAULT_LENGTH)
}

fn matches_any(pattern: Option<&str>, texts: &[&str]) -> bool {
    pattern.is_none_or(|pattern| texts.iter().any(|text| matches(pattern, text)))
}

/// How long the answer to this try takes.
pub(crate) fn latency(latency: Latency, dice: Dice) -> Duration {
    let mut rng = dice.generator("latency", 0);
    match latency {
        Latency::None => Duration::ZERO,
        Latency::Fixed(span) => span.0,
        Latency::Uniform(low, high) => low.0 + high.0.saturating_sub(low.0).mul_f64(rng.f64()),
        Latency::Lognormal { median, sigma, max } => {
            let factor = (sigma * standard_normal(&mut rng)).exp();
            let seconds = (median.0.as_secs_f64() * factor).min(max.0.as_secs_f64());
            Duration::try_from_secs_f64(seconds).unwrap_or(max.0)
        }
    }
}

/// A draw from the normal distribution, by Box and Muller's transform.
fn standard_normal(rng: &mut fastrand::Rng) -> f64 {
    // `1 - f64()` is never zero, so the logarithm is finite.
    let radius = (-2.0 * (1.0 - rng.f64()).ln()).sqrt();
    radius * (std::f64::consts::TAU * rng.f64()).cos()
}

/// Whether a colleague makes a task on the same account beside this create, and its letters if so.
pub(crate) fn stranger(scenario: &Scenario, dice: Dice) -> Option<Letters> {
    let comes = dice.happens("stranger", 0, scenario.list.strangers);
    // The ids of the create itself are drawn from 0 on.
    comes.then(|| Letters::draw(dice, 1 << 20))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::digest::Digest;

    fn dice(n: u32) -> Dice {
        Dice::new(1, &Digest::of_bytes(&n.to_le_bytes()), 1)
    }

    #[test]
    fn all_conditions_of_a_rule_must_hold() {
        let rule = Rule::new(Fault::Status500).matching("anna").first(1).share(1.0);
        let scenario = Scenario { faults: vec![rule], ..Scenario::default() };
        let mut counts = Counts::default();
        let mut struck = |attempt, url| {
            let asked = Asked { attempt, names: &[url, "x"], ..first_create() };
            strike(&scenario, &asked, &mut counts).is_some()
        };
        assert!(struck(1, "https://h/anna.jpg"));
        assert!(!struck(2, "https://h/anna.jpg"), "a retry passes");
        assert!(!struck(1, "https://h/ben.jpg"), "another URL passes");
    }

    fn first_create<'a>() -> Asked<'a> {
        let since = Duration::ZERO;
        Asked { on: On::Create, dice: dice(0), attempt: 1, names: &["anna.jpg"], since }
    }

    /// At which seconds, of these requests one a second, the rule strikes.
    fn struck_at(rule: Rule, seconds: u64) -> Vec<u64> {
        let scenario = Scenario { faults: vec![rule], ..Scenario::default() };
        let mut counts = Counts::default();
        let mut strikes = |second| {
            // Of another kind, and so not counted.
            let poll = Asked { on: On::Poll, ..first_create() };
            assert_eq!(strike(&scenario, &poll, &mut counts), None);
            let asked = Asked { since: Duration::from_secs(second), ..first_create() };
            strike(&scenario, &asked, &mut counts).is_some()
        };
        (1..=seconds).filter(|second| strikes(*second)).collect()
    }

    #[test]
    fn rules_count_requests_and_look_at_the_clock() {
        let rule = || Rule::new(Fault::Status500);
        assert_eq!(struck_at(rule().from(4), 6), [4, 5, 6]);
        assert_eq!(struck_at(rule().every(3), 7), [3, 6]);
        assert_eq!(struck_at(rule().from(4).every(3), 9), [6, 9]);
        assert_eq!(struck_at(rule().between(Span::secs(2), Span::secs(4)), 6), [2, 3]);
        assert_eq!(struck_at(rule().every(2).matching("ben"), 4), [0; 0]);
    }

    #[test]
    fn latencies_keep_to_their_distribution() {
        let (median, max) = (Span::millis(100), Span::secs(1));
        let moody = Latency::Lognormal { median, sigma: 1.0, max };
        let mut drawn: Vec<_> = (0..2001).map(|n| latency(moody, dice(n))).collect();
        drawn.sort_unstable();
        let middle = drawn[1000].as_millis();
        assert!((85..118).contains(&middle), "median {middle} ms");
        assert_eq!(drawn[2000], max.0);
        let uniform = Latency::Uniform(Span::millis(5), Span::millis(50));
        assert!((0..100).all(|n| (5..=50).contains(&latency(uniform, dice(n)).as_millis())));
    }
}
