//! The takes that people asked for and that are still to come, as plans and states tell of them.

use crate::ledger::AskedTake;
use crate::state::State;
use crate::ui::counted;
use crate::view::printable;

/// How many are named.
const SHOWN: usize = 10;

/// `2 other takes to be created: anna-en (take 2, asked for by mia: too stiff), …`
pub(super) fn describe(takes: &[AskedTake]) -> Option<String> {
    let planned: Vec<_> = takes.iter().filter(|take| take.state == State::Planned).collect();
    let named = planned.iter().take(SHOWN).map(|take| one(take));
    let named: Vec<_> = named.collect();
    let more = if planned.len() > SHOWN { ", …" } else { "" };
    let takes = counted(planned.len() as u64, "take");
    (!planned.is_empty())
        .then(|| format!("{takes} asked for and not sent yet: {}{more}", named.join(", ")))
}

fn one(take: &AskedTake) -> String {
    let mut text = format!("{} (take {}", take.id, take.take);
    if !take.who.is_empty() {
        text.push_str(&format!(", by {}", printable(&take.who)));
    }
    text.extend(take.why.as_ref().map(|why| format!(": {}", printable(why))));
    if let Some(prompt) = &take.prompt {
        text.push_str(&format!("; prompt \"{}\"", printable(prompt)));
    }
    text + ")"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_to_come_are_told_with_who_asked_and_what_is_sent() {
        let take = AskedTake {
            id: "anna".to_owned(),
            take: 2,
            state: State::Planned,
            who: "mia".to_owned(),
            why: Some("too\nstiff".to_owned()),
            prompt: Some("She nods".to_owned()),
        };
        let under_way = AskedTake { state: State::Created, ..take.clone() };
        assert_eq!(describe(std::slice::from_ref(&under_way)), None);
        let plain = AskedTake { why: None, prompt: None, id: "ben".to_owned(), ..take.clone() };
        assert_eq!(
            describe(&[take, under_way, plain]).unwrap(),
            "2 takes asked for and not sent yet: anna (take 2, by mia: too stiff; prompt \"She nods\"), \
             ben (take 2, by mia)"
        );
    }
}
