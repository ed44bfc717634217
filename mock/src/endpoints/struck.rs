//! A request that deserves a good answer, and what the scenario has for it instead.

use crate::decisions::chance::{self, Asked};
use crate::decisions::misanswer;
use crate::http::answer::Answer;
use crate::http::reply::Reply;
use crate::state::desk::Desk;
use crate::words::clock;

/// The good answer or another, in the time that it takes. Where a fault strikes that has an answer
/// of its own, the good one is not even made.
pub(crate) fn struck(
    desk: &mut Desk,
    asked: &Asked<'_>,
    good: impl FnOnce(&mut Desk) -> Answer,
) -> Reply {
    let delay = chance::latency(desk.scenario.latency_of(asked.on), asked.dice);
    let strike = chance::strike(&desk.scenario, asked, &mut desk.counts);
    let answer = match strike {
        Some(strike) if !strike.fault.needs_good_answer() => {
            misanswer::refusal(strike, clock::today())
        }
        _ => good(desk),
    };
    Reply { answer, fault: strike.map(|strike| strike.fault), delay }
}
