//! The first pairs as a table, for readers without a script: in a mail, on a server that allows none,
//! on paper.

use std::fmt::Write as _;
use std::io::{self, Write};

use super::escape::{Html, href};
use super::figures::grouped;
use super::medium::{Medium, video};
use crate::ledger::Card;
use crate::pair::without_queries;

/// How many pairs it has.
const MOST: u64 = 1000;

/// Collects the table while the pairs go by.
pub(super) struct Plain<'a> {
    media: &'a str,
    rows: String,
    pairs: u64,
}

impl<'a> Plain<'a> {
    pub(super) fn new(media: &'a str) -> Self {
        Self { media, rows: String::new(), pairs: 0 }
    }

    pub(super) fn add(&mut self, card: &Card) {
        self.pairs += 1;
        if self.pairs <= MOST {
            // Writing to a string cannot fail.
            let _ = self.row(card);
        }
    }

    fn row(&mut self, card: &Card) -> std::fmt::Result {
        let (row, to) = (&card.row, &mut self.rows);
        let (id, state) = (Html(&row.id), row.state.name());
        let seconds = row.audio.map(|length| format!("{:.1} s", length.as_secs_f64()));
        write!(to, "<tr><th scope=\"row\">")?;
        match video(row) {
            Some(path) => write!(to, "<a href=\"{}\">{id}</a>", Html(href(path)))?,
            None => write!(to, "{id}")?,
        }
        write!(to, "</th><td>{state}</td><td>{}</td>", seconds.unwrap_or_default())?;
        for listed in [&row.image_url, &row.audio_url] {
            let medium = Medium::of(listed, self.media);
            match medium.link() {
                Some(link) => {
                    let name = Html(medium.split().1);
                    write!(
                        to,
                        "<td><a rel=\"noreferrer\" href=\"{}\">{name}</a></td>",
                        Html(link)
                    )?;
                }
                None => write!(to, "<td>{}</td>", Html(medium.split().1))?,
            }
        }
        let task = Html(row.task_id.as_deref().unwrap_or_default());
        let error = [row.error_code.clone(), without_queries(&row.error)].join(" ");
        writeln!(to, "<td>{task}</td><td>{}</td></tr>", Html(error.trim()))
    }

    pub(super) fn write(&self, to: &mut impl Write) -> io::Result<()> {
        writeln!(to, "<noscript>")?;
        if self.pairs > MOST {
            let (shown, all) = (grouped(MOST), grouped(self.pairs));
            writeln!(to, "<p>The first {shown} of {all} pairs; tasks.csv has them all.</p>")?;
        }
        writeln!(
            to,
            "<div class=\"wide\" tabindex=\"0\"><table class=\"plain\">\n<thead><tr><th scope=\"col\">\
             Pair</th><th scope=\"col\">State</th><th scope=\"col\">Recording</th><th scope=\"col\">\
             Portrait file</th><th scope=\"col\">Recording file</th><th scope=\"col\">Task</th>\
             <th scope=\"col\">Error</th></tr></thead>\n<tbody>\n{}</tbody>\n</table></div>\n</noscript>",
            self.rows
        )
    }
}
