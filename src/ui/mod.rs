//! What people see: results on standard output, everything else on standard error.
//!
//! The only module that prints. A reader that goes away (`| head`) is not an error.

mod activity;
mod bar;
mod canvas;
mod forecast;
mod gauges;
mod help;
mod journal;
mod links;
mod moment;
mod progress;
mod screen;
mod tongue;
mod trend;
mod unread;
mod work;

use std::io::{self, BufWriter, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::Value;
use unicode_width::UnicodeWidthStr;

pub use self::activity::Activity;
pub use self::gauges::{Gauges, Tally};
pub use self::help::{help, refused};
pub use self::links::{Links, dying};
use self::moment::{Moment, message};
pub use self::progress::Progress;
pub use self::screen::Screen;
pub use self::tongue::Tongue;
pub use self::unread::is_unread;
pub use self::work::{News, Work};
use crate::cli::{Color, Global, Shown};
use crate::manifest::Problems;
use crate::stage::Meter;

/// How to talk, decided once from the options and the terminal.
#[derive(Debug, Clone, Copy)]
pub struct Ui {
    json: bool,
    quiet: bool,
    colour: Channels,
    /// Log lines and a bar would draw over each other.
    draws: bool,
    /// Whether what was said can be drawn over.
    redraws: bool,
    /// How the progress of a run is shown, if somebody said how.
    shown: Option<Shown>,
    /// What people are spoken to in.
    tongue: Tongue,
    /// Prints nothing: this is a part of another program, whose output is its own.
    silent: bool,
}

/// A choice for each of the two channels.
#[derive(Debug, Clone, Copy)]
struct Channels {
    out: bool,
    err: bool,
}

/// The looks of a word; each reads the same without colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// An error's label.
    Error,
    /// A warning's label.
    Warning,
    /// A hint's label.
    Hint,
    /// What counts in a line.
    Strong,
}

impl Style {
    const fn code(self) -> &'static str {
        match self {
            Self::Error => "\u{1b}[1;31m",
            Self::Warning => "\u{1b}[1;33m",
            Self::Hint => "\u{1b}[1;36m",
            Self::Strong => "\u{1b}[1m",
        }
    }

    fn paint(self, colour: bool, text: &str) -> String {
        if colour { format!("{}{text}\u{1b}[0m", self.code()) } else { text.to_owned() }
    }
}

impl Ui {
    /// Decides from the options, `NO_COLOR` and where the output goes.
    #[must_use]
    pub fn new(options: &Global) -> Self {
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let colour = |terminal: bool| match options.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => terminal && !plain,
        };
        let (out, err) = (io::stdout().is_terminal(), io::stderr().is_terminal());
        // One that cannot move its cursor.
        let dumb = std::env::var_os("TERM").is_some_and(|name| name == "dumb");
        Self {
            json: options.json,
            quiet: options.quiet,
            colour: Channels { out: colour(out), err: colour(err) },
            draws: err && !dumb && !options.json && !options.quiet && options.verbose == 0,
            redraws: out && !options.json,
            shown: None,
            tongue: Tongue::default(),
            silent: false,
        }
    }

    /// Prints nothing, and asks nobody: what there is to say goes to [`tracing`].
    #[must_use]
    pub const fn silent() -> Self {
        Self {
            json: false,
            quiet: false,
            colour: Channels { out: false, err: false },
            draws: false,
            redraws: false,
            shown: Some(Shown::None),
            tongue: Tongue::ENGLISH,
            silent: true,
        }
    }

    /// For a command line that could not be read.
    #[must_use]
    pub fn plain(json: bool) -> Self {
        let (quiet, verbose, color, ca, lang) = (false, 0, Color::Auto, None, None);
        Self::new(&Global { json, quiet, verbose, color, ca, lang })
    }

    /// With a person's word on how the progress of a run is shown.
    #[must_use]
    pub fn showing(self, shown: Option<Shown>) -> Self {
        Self { shown, ..self }
    }

    /// In a language.
    #[must_use]
    pub fn speaking(self, tongue: Tongue) -> Self {
        Self { tongue, ..self }
    }

    /// What people are spoken to in.
    #[must_use]
    pub const fn tongue(&self) -> Tongue {
        self.tongue
    }

    /// Whether programs read standard output.
    #[must_use]
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// Whether messages on standard error are coloured.
    #[must_use]
    pub fn colours_messages(&self) -> bool {
        self.colour.err
    }

    /// Shows the progress of a run: drawn where there is a terminal to draw on, in lines elsewhere,
    /// unless something else is wanted.
    #[must_use]
    pub fn progress(&self, work: Work, meter: Arc<Meter>) -> Progress {
        let shown = match self.shown {
            // Whatever is no terminal gets no control codes.
            Some(Shown::Bar) if !io::stderr().is_terminal() => Shown::Plain,
            Some(shown) => shown,
            None if self.quiet => Shown::None,
            None if self.draws => Shown::Bar,
            None => Shown::Plain,
        };
        Progress::new(*self, work, meter, shown)
    }

    /// A result that is drawn anew in its place, where there is a terminal to draw on.
    #[must_use]
    pub fn screen(&self) -> Option<Screen> {
        self.redraws.then(|| Screen::new(self.tongue))
    }

    /// One of many results, each on a line: text for people, the value for programs.
    pub fn line(&self, text: &str, value: &Value) {
        let text = || self.tongue.say(text).into_owned();
        self.print(&if self.json { value.to_string() } else { text() });
    }

    /// Draws how many of so many things are done, if there is a terminal to draw on.
    #[must_use]
    pub fn counter(&self, total: u64, things: &'static str) -> ProgressBar {
        let target =
            if self.draws { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(total), target)
            .with_message(self.tongue.say(things));
        let left = self.tongue.word("left");
        let template = format!("[{{bar:16}}] {{pos}}/{{len}} {{msg}}  {{eta}} {left}");
        if let Ok(style) = ProgressStyle::with_template(&template) {
            bar.set_style(style.progress_chars("=> "));
        }
        bar
    }

    /// Asks a question on the terminal; nothing if nobody is there to answer.
    #[must_use]
    pub fn ask(&self, question: &str) -> Option<bool> {
        let deaf = self.silent || self.json || self.shown == Some(Shown::Json);
        if deaf || !io::stdin().is_terminal() || !io::stderr().is_terminal() {
            return None;
        }
        let _ = write!(io::stderr(), "{}", self.tongue.say(question));
        let mut answer = String::new();
        io::stdin().read_line(&mut answer).ok()?;
        Some(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes" | "是"))
    }

    /// The result that was asked for: text for people, the value for programs.
    pub fn result(&self, text: &str, value: &Value) {
        if self.json {
            self.print(&format!("{value:#}"));
        } else {
            self.print(&self.tongue.say(text));
        }
    }

    /// The result that was asked for, where that for programs is too long to be held: whatever
    /// `value` writes.
    pub fn long_result(&self, text: &str, value: impl FnOnce(&mut dyn Write) -> io::Result<()>) {
        if !self.json {
            return self.print(&self.tongue.say(text));
        }
        let mut to = BufWriter::new(io::stdout().lock());
        note_lost(value(&mut to).and_then(|()| writeln!(to)).and_then(|()| to.flush()));
    }

    /// What was asked for, the same for people and programs: a schema, a script.
    pub fn document(&self, text: &str) {
        self.print(text);
    }

    /// The same where it is too long to be held: whatever `document` writes.
    pub fn long_document(&self, document: impl FnOnce(&mut dyn Write) -> io::Result<()>) {
        let mut to = BufWriter::new(io::stdout().lock());
        note_lost(document(&mut to).and_then(|()| to.flush()));
    }

    /// What was asked for, for people.
    pub fn page(&self, text: &str) {
        self.print(&self.tongue.say(text));
    }

    /// Something worth knowing.
    pub fn note(&self, text: &str) {
        if !self.quiet {
            self.say("note", text, || self.tongue.say(text).into_owned());
        }
    }

    /// Something that needs attention soon.
    pub fn warn(&self, text: &str) {
        if !self.quiet {
            self.say("warning", text, || self.labelled(Style::Warning, "warning", text));
        }
    }

    /// What went wrong.
    pub fn error(&self, text: &str) {
        self.say("error", text, || self.labelled(Style::Error, "error", text));
    }

    /// What to do about it.
    pub fn hint(&self, text: &str) {
        self.say("hint", text, || self.labelled(Style::Hint, "hint", text));
    }

    /// Text that is complete as it is, on standard error.
    pub fn message(&self, text: &str) {
        self.say("note", text, || self.tongue.say(text).into_owned());
    }

    /// What is wrong with a manifest, with the lines of it.
    pub fn problems<'a>(&self, lists: impl IntoIterator<Item = &'a Problems>) {
        let lists: Vec<_> = lists.into_iter().filter(|list| !list.is_empty()).collect();
        if lists.is_empty() {
            return;
        }
        let text = |show: &dyn Fn(&Problems) -> String| {
            let texts: Vec<_> = lists.iter().map(|list| show(list)).collect();
            texts.join("\n\n")
        };
        let (colour, tongue) = (self.colour.err, self.tongue);
        let own = |text: &str| tongue.say(text).into_owned();
        let plain = text(&|list| list.render(false));
        self.say("note", &plain, || text(&|list| list.render_as(colour, own)));
    }

    /// On standard error: for people, or an object in a line for a program that reads it.
    fn say(&self, kind: &str, text: &str, shown: impl FnOnce() -> String) {
        match self.shown {
            _ if self.silent => record(kind, text),
            Some(Shown::Json) => print(io::stderr(), &message(kind, text.trim_matches('\n'))),
            _ => print(io::stderr(), &shown()),
        }
    }

    fn print(&self, text: &str) {
        if !self.silent {
            print(io::stdout(), text);
        }
    }

    /// A word of a result that should stand out.
    #[must_use]
    pub fn strong(&self, text: &str) -> String {
        Style::Strong.paint(self.colour.out, text)
    }

    fn labelled(&self, style: Style, label: &str, text: &str) -> String {
        let (label, text) = (self.tongue.word(label), self.tongue.say(text));
        let colon = self.tongue.colon();
        let width = label.width() + colon.width();
        let indented = text.replace('\n', &format!("\n{:width$}", ""));
        format!("{}{colon}{indented}", style.paint(self.colour.err, &label))
    }
}

/// For whoever listens in the program that this is a part of.
fn record(kind: &str, text: &str) {
    match kind {
        "error" => tracing::error!("{text}"),
        "warning" => tracing::warn!("{text}"),
        _ => tracing::info!("{text}"),
    }
}

/// Set when what was asked for could not be written: a full disk behind `>`.
static LOST: AtomicBool = AtomicBool::new(false);

/// Whether a part of what was asked for could not be written to standard output.
#[must_use]
pub fn lost_output() -> bool {
    LOST.load(Ordering::Relaxed)
}

/// Whoever reads may have gone; there is nobody left to tell.
fn print(mut to: impl Write, text: &str) {
    note_lost(writeln!(to, "{}", text.trim_end_matches('\n')).and_then(|()| to.flush()));
}

fn note_lost(written: io::Result<()>) {
    if written.is_err_and(|error| error.kind() != io::ErrorKind::BrokenPipe) {
        LOST.store(true, Ordering::Relaxed);
    }
}

/// `1 pair`, `2 pairs`.
#[must_use]
pub fn counted(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}
