//! `events`: what happened, event by event, as people like to read it; also of a run that goes on.

use std::thread::sleep;
use std::time::Duration;

use serde_json::Value;

use super::batch::Site;
use super::belongs;
use super::choose::matches_nothing;
use super::failure::Failure;
use crate::cli::EventsArgs;
use crate::exit::Exit;
use crate::ledger::{Happened, View};
use crate::pair::{Pattern, nfc};
use crate::state::Event;
use crate::ui::{Ui, is_unread};
use crate::view::printable;

/// How often it is asked what happened since.
const ASKED: Duration = Duration::from_millis(500);
/// With how many of the latest events following begins.
const LATEST: u64 = 10;

pub(super) fn events(ui: &Ui, args: &EventsArgs) -> Result<Exit, Failure> {
    let mut site = Site::of(&args.batch);
    // Each worker of a shared batch writes down what it did in its own folder.
    if site.shared.take().is_some() {
        let folder = site.folder.display();
        ui.note(&format!("{folder}: what this folder's runs did; others' are in their folders"));
    }
    let mut view = site.existing()?;
    belongs::say_whose(ui, &site, &view)?;
    let of = args.id.as_deref().map(|id| known(&view, id)).transpose()?;
    let last = args.last.or(args.follow.then_some(LATEST));
    let mut after = match last {
        Some(last) => view.before_the_last(last, of.as_deref())?,
        None => 0,
    };
    loop {
        after = show(ui, &view, (after, of.as_deref()))?;
        if !args.follow || is_unread() {
            return Ok(Exit::Done);
        }
        sleep(ASKED);
        // A ledger that nobody wrote is read as it was when it was opened.
        view = site.existing()?;
    }
}

/// Shows what happened after an event, and gives the number of the last one.
fn show(ui: &Ui, view: &View, (mut after, of): (u64, Option<&str>)) -> Result<u64, Failure> {
    loop {
        let page = view.happened_after(after, of)?;
        let Some(last) = page.last() else { return Ok(after) };
        after = last.number;
        for one in &page {
            match ui.is_json() {
                // As `events.jsonl` has it, byte for byte.
                true => ui.document(&one.line),
                false => ui.line(&told(one), &Value::Null),
            }
        }
        if is_unread() {
            return Ok(after);
        }
    }
}

/// The id of a pair that the ledger has.
fn known(view: &View, id: &str) -> Result<String, Failure> {
    let id = nfc(id.trim()).into_owned();
    if view.known(&id)?.is_some() {
        return Ok(id);
    }
    let pattern = Pattern::parse(&id).map_err(|error| {
        Failure::new(Exit::Usage, format!("--id {}: {error}", printable(&id)))
            .hint("`callsheet status MANIFEST --json` names all ids")
    })?;
    let mut ids = Vec::new();
    view.each_id(|id, _| ids.push(id.to_owned()))?;
    Err(matches_nothing(&[&pattern], || ids.iter().map(|id| (id.as_str(), &[][..]))))
}

/// `2026-11-29 11:13:14 UTC  anna-en  rejected: invalid_image_url: it leads nowhere`
fn told(one: &Happened) -> String {
    let at = one.at.strftime("%Y-%m-%d %H:%M:%S UTC");
    let why = [&one.code, &one.message].map(|text| printable(text));
    let why: Vec<_> = why.iter().map(|text| &**text).filter(|text| !text.is_empty()).collect();
    let why = if why.is_empty() { String::new() } else { format!(": {}", why.join(": ")) };
    format!("{at}  {}  {}{why}", printable(&one.id), words(one))
}

fn words(one: &Happened) -> String {
    let task = |text: &str| match &one.task_id {
        Some(task) => format!("{text}, task {}", printable(task)),
        None => text.to_owned(),
    };
    let Some(event) = one.event else { return "something that a later release knows".to_owned() };
    match event {
        Event::Intended if one.attempt > 1 => format!("create {} is sent", one.attempt),
        Event::Intended => "its create is sent".to_owned(),
        Event::Accepted => task("created"),
        Event::Refused => "rejected".to_owned(),
        Event::Unfit => "not sent, its media are not fit".to_owned(),
        Event::NotMade => "planned again, nothing was made".to_owned(),
        Event::Lost => "in doubt".to_owned(),
        Event::Revised => "planned again, to be looked at anew".to_owned(),
        Event::Adopted => task("taken over"),
        Event::Resent => "planned again by a person".to_owned(),
        Event::WrittenOff => "written off".to_owned(),
        Event::Completed => "the server has its video".to_owned(),
        Event::Saved => "saved".to_owned(),
        Event::Failed => "failed at the server".to_owned(),
        Event::Relinked => "its video has another link".to_owned(),
        Event::LinkLost => "its video cannot be fetched".to_owned(),
        Event::Missing => "its file is gone or changed".to_owned(),
        Event::Retried => "planned again by a person, after it failed".to_owned(),
        Event::NotFound => "the server does not know its task".to_owned(),
        Event::Found => "there again".to_owned(),
        Event::Rejudged => "in doubt by the rules of today".to_owned(),
        Event::Repeated => "its create is sent again under its key".to_owned(),
        Event::Redone => format!("take {} asked for by a person", one.take),
        Event::FellBack => format!("take {} again", one.take),
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn happened(event: Event) -> Happened {
        Happened {
            number: 1,
            at: Timestamp::UNIX_EPOCH,
            id: "anna".to_owned(),
            event: Some(event),
            attempt: 1,
            take: 1,
            task_id: None,
            code: String::new(),
            message: String::new(),
            line: String::new(),
        }
    }

    #[test]
    fn an_event_is_a_line_that_says_what_and_why() {
        let at = "1970-01-01 00:00:00 UTC  anna  ";
        let accepted = Happened { task_id: Some("t1".into()), ..happened(Event::Accepted) };
        assert_eq!(told(&accepted), format!("{at}created, task t1"));
        let second = Happened { attempt: 2, ..happened(Event::Intended) };
        assert_eq!(told(&second), format!("{at}create 2 is sent"));
        let (code, message) = ("bad".to_owned(), "no\u{1b}[2J face".to_owned());
        let refused = Happened { code, message, ..happened(Event::Refused) };
        assert_eq!(told(&refused), format!("{at}rejected: bad: no\u{fffd}[2J face"));
        let unknown = Happened { event: None, ..refused };
        assert!(told(&unknown).contains("a later release"));
    }

    #[test]
    fn every_event_has_words_of_its_own() {
        let all: std::collections::HashSet<_> =
            Event::ALL.into_iter().map(|event| words(&happened(event))).collect();
        assert_eq!(all.len(), Event::ALL.len());
    }
}
