//! How a pair is shown: rows for the CSV and JSON, and text that is safe to show at all.
//!
//! Everything that came from outside is data here: no control character reaches a terminal, and no
//! cell of the CSV can become a formula.

mod times;

use std::borrow::Cow;
use std::time::Duration;

use jiff::Timestamp;

pub use self::times::{Clock, lasting};
use crate::pair::without_query;
use crate::price::Credits;
use crate::state::{Decision, State};

/// One pair, as people want to see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The user's name for it.
    pub id: String,
    /// Where it stands.
    pub state: State,
    /// Whether the manifest had it when it was last listed.
    pub listed: bool,
    /// Whether the manifest asks for something else than what was sent.
    pub changed: bool,
    /// Creates intended so far.
    pub attempts: u32,
    /// The task, once there is one.
    pub task_id: Option<String>,
    /// As sent, with its query.
    pub image_url: String,
    /// As sent, with its query.
    pub audio_url: String,
    /// How long the recording is, if it was measured.
    pub audio: Option<Duration>,
    /// When the task id became durable.
    pub created_at: Option<Timestamp>,
    /// When the state was reached.
    pub since: Timestamp,
    /// The last link to the video, with its query.
    pub video_url: Option<String>,
    /// When that link was learned.
    pub linked_at: Option<Timestamp>,
    /// Where the video was saved, relative to the run folder where it is inside.
    pub video_path: Option<String>,
    /// How large the saved file is.
    pub video_bytes: Option<u64>,
    /// The error's code, or empty.
    pub error_code: String,
    /// The error in words, or empty.
    pub error: String,
    /// What the task costs, if the service says.
    pub credits: Option<Credits>,
    /// Which take of the pair this is, by what people asked for; from 1.
    pub take: u32,
    /// What people decided about its video, if they did.
    pub review: Option<Decision>,
}

/// Codes that say no more than that a video needs a look: it can be fetched all the same.
pub const REMARKS: [&str; 2] = ["other_id", "same_link"];

impl Row {
    /// Whether its video could not be fetched when that was last tried.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        let remark = self.error_code.is_empty() || REMARKS.contains(&self.error_code.as_str());
        self.state == State::Completed && !remark
    }
}

/// The columns of `tasks.csv`.
pub const COLUMNS: [&str; 14] = [
    "id",
    "state",
    "task_id",
    "image_url",
    "audio_url",
    "audio_seconds",
    "created_at",
    "video_url",
    "video_path",
    "error_code",
    "error",
    "credits",
    "take",
    "review",
];

/// A writer of `tasks.csv` in the form of RFC 4180.
pub fn csv_writer<W: std::io::Write>(to: W) -> csv::Writer<W> {
    csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(to)
}

/// The cells of a row of `tasks.csv`, in the order of [`COLUMNS`].
#[must_use]
pub fn cells(row: &Row) -> [String; COLUMNS.len()] {
    let none = String::new;
    [
        row.id.clone(),
        row.state.name().to_owned(),
        row.task_id.as_deref().map_or_else(none, cell),
        cell(&row.image_url),
        cell(&row.audio_url),
        row.audio.map_or_else(none, |length| format!("{:.3}", length.as_secs_f64())),
        row.created_at.map_or_else(none, |at| at.to_string()),
        row.video_url.as_deref().map_or_else(none, cell),
        saved_path(row).map_or_else(none, cell),
        cell(&row.error_code),
        cell(&row.error),
        row.credits.map_or_else(none, |credits| credits.to_string()),
        row.take.to_string(),
        row.review.map_or_else(none, |decision| decision.name().to_owned()),
    ]
}

/// Where the video is, as long as it is there.
fn saved_path(row: &Row) -> Option<&str> {
    row.video_path.as_deref().filter(|_| row.state == State::Saved)
}

/// A text that a spreadsheet takes for text. Quoting does not help: `"=1+1"` is still a formula.
#[must_use]
pub fn cell(text: &str) -> String {
    let text = printable(text);
    if text.starts_with(['=', '+', '-', '@']) { format!("'{text}") } else { text.into_owned() }
}

/// The row as JSON, for programs that read standard output; signed URLs without their signatures.
#[must_use]
pub fn json(row: &Row) -> serde_json::Value {
    serde_json::json!({
        "id": row.id,
        "state": row.state,
        "listed": row.listed,
        "changed": row.changed,
        "attempts": row.attempts,
        "task_id": row.task_id,
        "image_url": without_query(&row.image_url),
        "audio_url": without_query(&row.audio_url),
        "audio_seconds": row.audio.map(|length| length.as_secs_f64()),
        "created_at": row.created_at.map(|at| at.to_string()),
        "since": row.since.to_string(),
        "video_url": row.video_url.as_deref().map(without_query),
        "video_path": saved_path(row),
        "error_code": row.error_code,
        "error": row.error,
        "credits": row.credits,
        "take": row.take,
    })
}

/// A text without control characters and without those that change the direction of what follows;
/// a space or `\u{fffd}` stands in their place.
#[must_use]
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_hostile) {
        return Cow::Borrowed(text);
    }
    let safe = |c| match c {
        '\n' | '\r' | '\t' => ' ',
        c if is_hostile(c) => '\u{fffd}',
        c => c,
    };
    Cow::Owned(text.chars().map(safe).collect())
}

/// Bytes from outside as text of which nothing is lost: what is valid and harmless stands as it is,
/// any other byte as `\xNN`, and any other character as `\u{NN}`. Line ends stay.
#[must_use]
pub fn readable(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\n' => text.push(c),
                c if c.is_ascii_control() => text.push_str(&format!("\\x{:02x}", u32::from(c))),
                c if is_hostile(c) => text.push_str(&format!("\\u{{{:x}}}", u32::from(c))),
                c => text.push(c),
            }
        }
        chunk.invalid().iter().for_each(|byte| text.push_str(&format!("\\x{byte:02x}")));
    }
    text
}

/// `12 kB`, from ten megabytes on `12 MB`; rounded up.
#[must_use]
pub fn size(bytes: u64) -> String {
    match bytes {
        ..10_000_000 => format!("{} kB", bytes.div_ceil(1000)),
        _ => format!("{} MB", bytes.div_ceil(1_000_000)),
    }
}

fn is_hostile(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> Row {
        Row {
            id: "a".to_owned(),
            state: State::Created,
            listed: true,
            changed: false,
            attempts: 1,
            task_id: Some("t1".to_owned()),
            image_url: "https://e.com/a.jpg?sig=1".to_owned(),
            audio_url: "https://e.com/a.mp3".to_owned(),
            audio: None,
            created_at: Timestamp::from_millisecond(1_757_165_031_123).ok(),
            since: Timestamp::UNIX_EPOCH,
            video_url: None,
            linked_at: None,
            video_path: None,
            video_bytes: None,
            error_code: String::new(),
            error: String::new(),
            credits: None,
            take: 1,
            review: None,
        }
    }

    fn line(row: &Row) -> String {
        let mut writer = csv_writer(Vec::new());
        writer.write_record(cells(row)).unwrap();
        String::from_utf8(writer.into_inner().unwrap()).unwrap()
    }

    #[test]
    fn a_row_is_rfc_4180() {
        assert_eq!(
            line(&row()),
            "a,created,t1,https://e.com/a.jpg?sig=1,https://e.com/a.mp3,,\
            2025-09-06T13:23:51.123Z,,,,,,1,\r\n"
        );
        let row = Row { error: "he said \"no\", twice".to_owned(), ..row() };
        let measured = Row { audio: Some(Duration::from_millis(29_500)), ..row.clone() };
        assert!(line(&measured).contains("/a.mp3,29.500,2025"));
        assert!(line(&row).ends_with(",\"he said \"\"no\"\", twice\",,1,\r\n"));
    }

    #[test]
    fn a_path_is_shown_while_the_file_is_there() {
        let (video_url, video_path) = (Some("https://v/a?s=1".into()), Some("videos/a.mp4".into()));
        let saved = Row { state: State::Saved, video_url, video_path, ..row() };
        assert!(
            line(&saved).ends_with(",https://v/a?s=1,videos/a.mp4,,,,1,\r\n"),
            "{}",
            line(&saved)
        );
        assert_eq!(json(&saved)["video_url"], "https://v/a?…");
        let gone = Row { state: State::Completed, ..saved };
        assert!(line(&gone).ends_with(",https://v/a?s=1,,,,,1,\r\n"), "{}", line(&gone));
    }

    #[test]
    fn no_cell_becomes_a_formula_or_breaks_its_line() {
        for (text, shown) in [
            ("=1+1", "'=1+1"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", " =1"),
            ("\r=1", " =1"),
            ("two\nlines", "two lines"),
            ("fine = fine", "fine = fine"),
        ] {
            let row = Row { error: text.to_owned(), ..row() };
            assert!(line(&row).ends_with(&format!(",{shown},,1,\r\n")), "{text:?}: {}", line(&row));
        }
    }

    #[test]
    fn nothing_hostile_is_printed() {
        assert_eq!(printable("plain ümläut 漢字"), "plain ümläut 漢字");
        assert_eq!(printable("a\u{1b}[31mb\u{7}c\u{9b}d\u{202e}e\n"), "a�[31mb�c�d�e ");
    }

    #[test]
    fn no_byte_of_what_came_back_is_lost_and_none_does_harm() {
        for (bytes, text) in [
            (&b"HTTP 502\n\n{\"id\":\"t-1\"}"[..], "HTTP 502\n\n{\"id\":\"t-1\"}"),
            (b"\xff{\"id\":\"t\xc3\x28\"}", "\\xff{\"id\":\"t\\xc3(\"}"),
            (b"\x1b[31m\r\0\x7f", "\\x1b[31m\\x0d\\x00\\x7f"),
            ("ä\u{202e}\u{9b}".as_bytes(), "ä\\u{202e}\\u{9b}"),
        ] {
            assert_eq!(readable(bytes), text);
        }
    }

    #[test]
    fn json_shows_no_signature() {
        assert_eq!(json(&row())["image_url"], "https://e.com/a.jpg?…");
    }
}
