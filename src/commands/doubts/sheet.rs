//! `status --doubts FILE`: the pairs in doubt as a table, in which a person writes what becomes of
//! each; `resolve --from FILE` takes it back.

use std::io::{ErrorKind, Write};
use std::path::Path;

use super::{request, request_ids, shown};
use crate::commands::failure::Failure;
use crate::exit::Exit;
use crate::files::{Readers, write_new};
use crate::ledger::Doubt;
use crate::pair::{Role, without_query};
use crate::view::{cell, csv_writer};

/// The columns; the second and the third are for people to fill in.
const COLUMNS: [&str; 14] = [
    "id",
    "task_id",
    "action",
    "proposed_task_id",
    "attempt",
    "sent_at",
    "image_url",
    "audio_url",
    "audio_seconds",
    "cost",
    "error_code",
    "error",
    "request_ids",
    "answer",
];
/// How much of an answer is in it, in characters: enough to search for, and no book.
const ANSWER: usize = 300;

/// Writes the doubts; never over a file, in which a person may have filled in something.
pub(in crate::commands) fn write(file: &Path, doubts: &[Doubt]) -> Result<(), Failure> {
    let failed = |error: &std::io::Error| {
        Failure::new(
            Exit::Usage,
            format!("{}: the doubts cannot be written: {error}", file.display()),
        )
        .hint("name a new file in a folder of yours, or - for standard output")
    };
    let bytes = bytes(doubts).map_err(|error| failed(&error))?;
    let written = match file == Path::new("-") {
        true => std::io::stdout().write_all(&bytes).and_then(|()| std::io::stdout().flush()),
        false => write_new(file, Readers::Owner, &bytes),
    };
    written.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => failed(&error)
            .hint("something may be filled in there: choose another name, or move it away"),
        _ => failed(&error),
    })
}

fn bytes(doubts: &[Doubt]) -> std::io::Result<Vec<u8>> {
    let mut csv = csv_writer(Vec::new());
    csv.write_record(COLUMNS)?;
    doubts.iter().try_for_each(|doubt| csv.write_record(cells(doubt)))?;
    let table = csv.into_inner().map_err(|error| error.into_error())?;
    // Without the mark, spreadsheets take what is not English for an older encoding.
    let mark: &[u8] = if table.is_ascii() { b"" } else { b"\xef\xbb\xbf" };
    Ok([mark, &table].concat())
}

fn cells(doubt: &Doubt) -> [String; COLUMNS.len()] {
    let row = &doubt.row;
    let sent = request(doubt);
    // The account's list of tasks knows files by where they were uploaded.
    let url = |role: Role, listed: &str| match sent[role.field()].as_str() {
        Some(sent) => cell(sent),
        None => cell(&without_query(listed)),
    };
    let (seconds, price) = (doubt.charge.seconds, doubt.charge.price);
    let cost = seconds.zip(price).map(|(seconds, price)| price.times(seconds).to_string());
    [
        row.id.clone(),
        String::new(),
        String::new(),
        doubt.proposed.as_deref().map(cell).unwrap_or_default(),
        row.attempts.to_string(),
        doubt.sent_at.to_string(),
        url(Role::Image, &row.image_url),
        url(Role::Audio, &row.audio_url),
        row.audio.map(|length| format!("{:.3}", length.as_secs_f64())).unwrap_or_default(),
        cost.unwrap_or_default(),
        cell(&row.error_code),
        cell(&row.error),
        cell(&request_ids(doubt).join(" ")),
        cell(&answer(doubt)),
    ]
}

/// The beginning of the body that came back, or of all that came where it is no HTTP.
fn answer(doubt: &Doubt) -> String {
    let evidence = shown(doubt).unwrap_or_default();
    let body = evidence.split_once("\n\n").map_or(&*evidence, |(_, body)| body);
    body.trim().chars().take(ANSWER).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::Timestamp;

    use super::*;
    use crate::price::{Charge, Money};
    use crate::state::State;
    use crate::view::Row;

    fn doubt() -> Doubt {
        let row = Row {
            id: "anna-1".into(),
            state: State::InDoubt,
            listed: true,
            changed: false,
            attempts: 2,
            task_id: None,
            image_url: "faces/anna.jpg".into(),
            audio_url: "https://e.com/1.mp3?sig=s".into(),
            audio: Some(Duration::from_millis(8500)),
            created_at: None,
            since: Timestamp::UNIX_EPOCH,
            video_url: None,
            linked_at: None,
            video_path: None,
            video_bytes: None,
            error_code: "502".into(),
            error: "=1+1".into(),
            credits: None,
            take: 1,
            review: None,
        };
        let evidence = "HTTP 502\nx-request-id: r-7\nserver: x\n\n@oops, \"all\" gone\n";
        Doubt {
            row,
            sent_at: Timestamp::from_second(1_757_165_031).unwrap(),
            body: r#"{"image_url":"https://up.e.com/a.jpg?k=1","audio_url":"https://e.com/1.mp3?sig=s"}"#
                .into(),
            listed: String::new(),
            evidence: Some(evidence.into()),
            proposed: Some("-t.9".into()),
            charge: Charge { seconds: Some(9), price: Some(Money::of(0.16)) },
        }
    }

    #[test]
    fn a_row_has_all_that_helps_to_find_the_task_and_no_formula() {
        let text = String::from_utf8(bytes(&[doubt()]).unwrap()).unwrap();
        assert_eq!(
            text.lines().nth(1).unwrap(),
            "anna-1,,,'-t.9,2,2025-09-06T13:23:51Z,https://up.e.com/a.jpg?…,https://e.com/1.mp3?…,\
             8.500,1.44,502,'=1+1,r-7,\"'@oops, \"\"all\"\" gone\""
        );
        assert!(text.starts_with('\u{feff}'), "`…` is not of ASCII");
        let plain = Doubt { body: "{}".into(), ..doubt() };
        let plain = Doubt { row: Row { audio_url: String::new(), ..plain.row.clone() }, ..plain };
        assert!(bytes(&[plain]).unwrap().starts_with(b"id,task_id,action,"));
    }
}
