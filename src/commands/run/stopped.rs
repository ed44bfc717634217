//! Why a run ended early, in words: what happened, and what to do.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::commands::batch::{Batch, this_command};
use crate::stage::{Last, StopReason, Trouble};
use crate::ui::Ui;
use crate::view::{lasting, printable};

/// What happened and what to do, for each reason.
pub(super) fn explain(ui: &Ui, batch: &Batch, reason: &StopReason) {
    match reason {
        StopReason::Signal => ui.note("stopped by a signal; everything is written down"),
        StopReason::Account { account, message } => {
            let (what, hint) = account.advice();
            ui.error(&format!("{what}: {}", printable(message)));
            ui.hint(&format!("{hint}; nothing more was sent. The same command continues"));
        }
        StopReason::Unreachable { what, within, message } => {
            ui.error(&gave_up(&batch.endpoint.origin(), what, (*within, message)));
            if *what == "create" {
                ui.hint("nothing was sent that is not answered. Is the network there?");
            }
        }
        StopReason::Service { trouble, last } => explain_trouble(ui, batch, (trouble, last)),
        StopReason::Unable { message } => {
            ui.error(&format!("this machine cannot send: {}", printable(message)));
            ui.hint("too many open files? Raise `ulimit -n`, or lower --concurrency");
        }
        StopReason::Store { message } => {
            ui.error(&format!("local files cannot be stored: {}", printable(message)));
            ui.hint("nothing more was sent. Mend that, then give the same command again");
        }
        StopReason::Bucket { message } => {
            ui.error(&format!("videos cannot be stored: {}", printable(message)));
            ui.hint(
                "nothing more was sent, and links to videos live a day. Mend that, then give the same \
                 command again",
            );
        }
        StopReason::Disk { message } => {
            ui.error(&printable(message));
            ui.hint("is the disk full? Mend it, then give the same command again");
        }
        StopReason::Deadline => {
            ui.note("the time of --wait-for is over; everything is written down")
        }
        StopReason::Ledger(error) => {
            ui.error(&error.to_string());
            ui.hint(
                "what cannot be recorded is not sent. Mend it, then give the same command again",
            );
        }
    }
}

/// For how long it was tried, and what was in the way.
fn gave_up(host: &str, what: &str, (within, message): (Duration, &str)) -> String {
    let message = printable(message);
    let after = format!("gave up after {}", lasting(within.as_secs()));
    // What the system calls it by number helps nobody.
    let (message, by_number) = match message.rsplit_once(" (os error ") {
        Some((words, _)) => (words.to_lowercase(), true),
        None => (message.into_owned(), false),
    };
    let unconnected = by_number || message.contains("lookup address");
    match what {
        // Files may go somewhere else than creates.
        "upload" => format!("{after}: no upload got through ({message})"),
        _ if unconnected => {
            let host = host.split_once("://").map_or(host, |(_, host)| host);
            format!("{after}: cannot connect to {host} ({message})")
        }
        _ => format!("{after}: no {what} got through to {host} ({message})"),
    }
}

fn explain_trouble(ui: &Ui, batch: &Batch, (trouble, last): (&Trouble, &Last)) {
    // A success without a task, or a page: whatever answers so may be no API at all.
    let success = last.status.is_some_and(|status| (200..300).contains(&status));
    let foreign = success || last.code == "not_the_api";
    let (host, last) = (batch.endpoint.origin(), said(last));
    let again = match &batch.manifest.idempotency {
        Some(_) => "it is sent again under its own key or never by itself",
        None => "it is never sent again by itself",
    };
    let mut in_doubt = format!("what is in doubt may have been paid for; {again}");
    if foreign {
        in_doubt.push_str(". Is the address right (`endpoint`)?");
    }
    match trouble {
        Trouble::Silent(within) => {
            ui.error(&format!(
                "{host} is out of order: creates ended in doubt one after another{last}, and for {} \
                 it answered no question",
                span(*within)
            ));
            ui.hint(&format!("the rest stays planned; {in_doubt}"));
        }
        Trouble::Alone => {
            ui.error(&format!(
                "{host} answers questions, but creates end in doubt: three in a row that were tried \
                 alone{last}"
            ));
            ui.hint(&format!("the rest stays planned; {in_doubt}"));
        }
        Trouble::Doubts(doubts) => {
            ui.error(&format!("{doubts} creates of this run ended in doubt{last}"));
            ui.hint(&format!("more than --max-doubts lets be; {in_doubt}"));
        }
        Trouble::Foreign(within) => {
            ui.error(&format!(
                "what answers at {host} is not the API, and was not for {}{last}",
                span(*within)
            ));
            ui.hint(
                "is the address right (`endpoint`)? Is there a sign-in page or a proxy between?",
            );
        }
        Trouble::SameTask => {
            ui.error(&format!("{host} names one task for different requests"));
            ui.hint(&format!(
                "is it the real API (`endpoint`), or an example of it? Three answers in a row made \
                 nothing new; {in_doubt}"
            ));
        }
        Trouble::Asked(wait) => {
            ui.error(&format!(
                "{host} wants no creates for {}, until {}{last}",
                span(*wait),
                until(*wait)
            ));
            ui.hint("the rest stays planned; give the same command again then");
        }
        Trouble::Alike { count, code, message } => {
            let (code, message) = (printable(code), printable(message));
            ui.error(&format!(
                "{count} pairs in a row were refused alike and none was accepted: {code}: {message}"
            ));
            ui.hint(&format!(
                "nothing was billed. Mend what they have in common and send them again with \
                 --retry-rejected, or go on all the same with --keep-going: {}",
                this_command()
            ));
        }
    }
}

/// What came last, as a part of a sentence.
fn said(last: &Last) -> String {
    let message = printable(&last.message);
    match last.status {
        _ if message.is_empty() && last.status.is_none() => String::new(),
        Some(status) if !message.contains(&format!("HTTP {status}")) => {
            format!(" (HTTP {status}: {message})")
        }
        _ => format!(" ({message})"),
    }
}

fn span(time: Duration) -> String {
    format!("{:#}", SignedDuration::from_secs(time.as_secs().try_into().unwrap_or(i64::MAX)))
}

fn until(wait: Duration) -> String {
    match Timestamp::now().checked_add(wait) {
        Ok(time) => format!("{time:.0}"),
        Err(_) => "nobody knows when".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_gives_up_says_after_how_long_and_what_was_in_the_way() {
        let told = |what, message: &str| {
            gave_up("https://api.example.com", what, (Duration::from_secs(900), message))
        };
        assert_eq!(
            told("create", "Connection refused (os error 111)"),
            "gave up after 15 min: cannot connect to api.example.com (connection refused)"
        );
        assert_eq!(
            told("poll", "HTTP 502"),
            "gave up after 15 min: no poll got through to https://api.example.com (HTTP 502)"
        );
        let upload = told("upload", "Connection refused (os error 111)");
        assert_eq!(upload, "gave up after 15 min: no upload got through (connection refused)");
    }
}
