//! The progress of a run: what is counted of it, and shown as the user wants it; and warnings, which
//! come above a bar.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::canvas::Canvas;
use super::forecast::{Ahead, Forecast, Step, seconds};
use super::journal::{Entry, Journal};
use super::trend::Trend;
use super::{Activity, Links, Moment, News, Tally, Ui, Work, bar, print};
use crate::cli::{Shown, Until};
use crate::ledger::Change;
use crate::price::Amount;
use crate::stage::Meter;
use crate::state::Event;
use crate::view::{Clock, printable};

/// How many warnings of a kind are shown; the CSV has them all.
const SHOWN: u64 = 10;
/// The rate that is shown is that of the last minute.
const OF_LATE: Duration = Duration::from_secs(60);
/// From one object for a program to the next.
const OBJECTS: Duration = Duration::from_secs(1);

/// Where it is shown.
#[derive(Debug)]
enum Place {
    Canvas(Canvas),
    Journal(Journal),
    /// The last object that a program got.
    Objects(Option<Duration>),
    Nowhere,
}

/// Follows the changes of a run.
#[derive(Debug)]
pub struct Progress {
    ui: Ui,
    place: Place,
    started: Instant,
    pairs: u64,
    done: u64,
    until: Until,
    links: Links,
    meter: Arc<Meter>,
    seen: HashMap<Event, u64>,
    tally: Tally,
    /// Whose creates were sent again.
    again: HashSet<Arc<str>>,
    /// Bytes of videos at a time, for their speed.
    measured: (Instant, u64),
    speed: f64,
    ends: Trend,
    forecast: Forecast,
    /// How many seconds the run goes on, as far as anybody can say.
    left: Option<u64>,
    budget: Option<(Amount, String)>,
    news: News,
}

impl Progress {
    pub(super) fn new(ui: Ui, work: Work, meter: Arc<Meter>, shown: Shown) -> Self {
        let Work { pairs, creates, until, tasks, links, tally, budget, every } = work;
        let mut progress = Self {
            ui,
            place: Place::of(shown, every),
            started: Instant::now(),
            pairs,
            done: 0,
            until,
            links,
            meter,
            seen: HashMap::new(),
            tally,
            again: HashSet::new(),
            measured: (Instant::now(), 0),
            speed: 0.0,
            ends: Trend::default(),
            forecast: Forecast::new(until, creates, &tasks),
            left: None,
            budget,
            news: News::default(),
        };
        progress.look();
        progress.show();
        progress
    }

    /// Takes in what was committed.
    pub fn follow(&mut self, changes: &[Change]) {
        for change in changes {
            self.tally.follow(change);
            self.take_back(change);
            let seen = self.seen.entry(change.event).or_default();
            *seen += 1;
            let seen = *seen;
            self.done += u64::from(self.is_end(change));
            self.links.follow(change);
            self.forecast.follow(&Step::of(change));
            self.warn_of(change, seen);
            self.tell_settled(change);
        }
        if matches!(&self.place, Place::Canvas(canvas) if !canvas.rests()) {
            self.show();
        }
    }

    /// A doubt whose create is sent again was no end.
    fn take_back(&mut self, change: &Change) {
        if change.event != Event::Repeated {
            return;
        }
        self.again.insert(change.id.clone());
        if let Some(doubts) = self.seen.get_mut(&Event::Lost).filter(|doubts| **doubts > 0) {
            *doubts -= 1;
            self.done = self.done.saturating_sub(1);
        }
    }

    /// Whoever was told of a doubt is told that it is none.
    fn tell_settled(&mut self, change: &Change) {
        let was = change.event == Event::Accepted && self.again.contains(&change.id);
        if was && self.again.len() as u64 <= SHOWN {
            let text =
                format!("{}: no longer in doubt: sent again, its key led to its task", change.id);
            self.above(|ui| ui.note(&text));
        }
    }

    /// Whether the run has no more work with the pair.
    fn is_end(&self, change: &Change) -> bool {
        match (self.until, change.event) {
            (_, Event::Refused | Event::Unfit | Event::Lost) => true,
            (Until::Created, event) => event == Event::Accepted,
            (Until::Saved, event) => {
                matches!(event, Event::Saved | Event::Failed | Event::LinkLost)
            }
        }
    }

    /// What was counted so far.
    #[must_use]
    pub const fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Takes in what the changes do not tell, shows it, and gives what the run is doing.
    pub fn refresh(&mut self, news: News) -> Activity {
        self.news = news;
        self.measure();
        self.look();
        self.tell();
        self.show();
        self.activity()
    }

    fn measure(&mut self) {
        let (then, before) = self.measured;
        let bytes = self.meter.bytes.load(Ordering::Relaxed);
        #[expect(clippy::cast_precision_loss, reason = "shown with one digit after the point")]
        let fetched = bytes.saturating_sub(before) as f64;
        self.speed = fetched / then.elapsed().as_secs_f64().max(0.001);
        self.measured = (Instant::now(), bytes);
    }

    fn look(&mut self) {
        let now = self.started.elapsed();
        self.ends.look(now, self.done);
        let money = self.money().map(|(spent, of)| (spent.units(), of.units()));
        let ahead = Ahead { pairs: self.pairs.saturating_sub(self.done), money };
        let held = self.news.held.as_ref();
        self.forecast.look(seconds(Timestamp::now()), held, money);
        self.left = self.forecast.left(&ahead, held);
    }

    /// What was found out while waiting, each once.
    fn tell(&mut self) {
        for text in self.meter.told.news() {
            self.above(|ui| ui.warn(&text));
        }
    }

    /// Prints a line above the bar.
    pub fn above(&mut self, print: impl FnOnce(&Ui)) {
        match &mut self.place {
            Place::Canvas(canvas) => {
                canvas.clear();
                print(&self.ui);
                self.show();
            }
            Place::Journal(_) | Place::Objects(_) | Place::Nowhere => print(&self.ui),
        }
    }

    /// Removes the bar, once everything was said.
    pub fn end(&mut self) {
        self.tell();
        let unknown = self.meter.unknown.summary();
        unknown.iter().for_each(|text| self.above(|ui| ui.warn(text)));
        self.news = News::default();
        match &mut self.place {
            Place::Canvas(canvas) => canvas.clear(),
            Place::Objects(last) => {
                *last = None;
                self.show();
            }
            Place::Journal(_) | Place::Nowhere => {}
        }
        self.place = Place::Nowhere;
    }

    /// Shows where the run stands, if that is due where it is shown.
    fn show(&mut self) {
        let clock = Clock { now: Timestamp::now(), zone: TimeZone::system() };
        let now = self.started.elapsed();
        // Looked at only where it is shown.
        let entry = match &mut self.place {
            Place::Nowhere => return,
            Place::Objects(last) if last.is_some_and(|last| now < last + OBJECTS) => return,
            Place::Journal(journal) => match journal.next(now, self.news.held.as_ref()) {
                Some(entry) => entry,
                None => return,
            },
            Place::Objects(last) => {
                *last = Some(now);
                Entry::Standing
            }
            Place::Canvas(_) => Entry::Standing,
        };
        let moment = self.moment(clock.now);
        match &mut self.place {
            Place::Canvas(canvas) => {
                let columns = canvas.columns();
                let looks = (columns, self.ui.colour.err);
                canvas.draw(bar::lines(&moment, &clock, looks, self.ui.tongue));
            }
            Place::Objects(_) => {
                let object = moment.json(clock.now, self.money());
                print(std::io::stderr(), &object.to_string());
            }
            Place::Journal(_) => {
                let tongue = self.ui.tongue;
                let text = match (entry, &moment.activity.held) {
                    (Entry::Held, Some(held)) => tongue.say(&held.to_string()).into_owned(),
                    (Entry::GoesOn, _) => tongue.say("creates go on").into_owned(),
                    (Entry::Held | Entry::Standing, _) => bar::line(&moment, &clock, tongue),
                };
                print(std::io::stderr(), &format!("{}  {text}", clock.time(clock.now)));
            }
            Place::Nowhere => {}
        }
    }

    fn moment(&self, now: Timestamp) -> Moment {
        let count = |event| self.seen.get(&event).copied().unwrap_or(0);
        let money = self.news.spent.zip(self.budget.as_ref());
        let rate = self.ends.rate(OF_LATE).filter(|rate| *rate > 0.0);
        Moment {
            done: self.done,
            pairs: self.pairs,
            in_doubt: count(Event::Lost),
            rejected: count(Event::Refused) + count(Event::Unfit),
            failed: count(Event::Failed),
            lost: count(Event::LinkLost),
            created: count(Event::Accepted),
            saved: (self.until == Until::Saved).then(|| count(Event::Saved)),
            money: money.map(|(spent, (of, name))| format!("{spent} of {}", of.shown(name))),
            rate,
            left: self.left,
            link: self.links.warning(now),
            under_way: self.news.under_way,
            activity: self.activity(),
        }
    }

    /// What is spent of the budget.
    fn money(&self) -> Option<(Amount, Amount)> {
        self.news.spent.zip(self.budget.as_ref().map(|(of, _)| *of))
    }

    /// What the run is doing, as it was taken in last.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "no download is so fast, or slower than nothing"
    )]
    #[must_use]
    pub fn activity(&self) -> Activity {
        let of = |meter: &AtomicU64| meter.load(Ordering::Relaxed);
        let waiting = of(&self.meter.waiting);
        Activity {
            waiting,
            progress: of(&self.meter.progress).checked_div(waiting),
            unknown: self.meter.unknown.now(),
            downloading: of(&self.meter.fetching),
            bytes_per_second: self.speed as u64,
            seconds_left: self.left,
            held: self.news.held.clone(),
        }
    }

    fn warn_of(&mut self, change: &Change, seen: u64) {
        let Some(word) = word(change.event) else { return };
        // It was said the first time.
        if change.event == Event::Lost && self.again.contains(&change.id) {
            return;
        }
        if seen > SHOWN + 1 {
            return;
        }
        let text = match seen > SHOWN {
            true => format!("and more {word}; tasks.csv lists them all"),
            false => {
                let why = [&change.code, &change.message].map(|text| printable(text));
                format!("{}: {word}: {}", change.id, why.join(": ").trim_matches([':', ' ']))
            }
        };
        self.above(|ui| ui.warn(&text));
    }
}

impl Place {
    fn of(shown: Shown, every: Duration) -> Self {
        match shown {
            Shown::Bar => Self::Canvas(Canvas::new()),
            Shown::Plain => Self::Journal(Journal::new(every)),
            Shown::Json => Self::Objects(None),
            Shown::None => Self::Nowhere,
        }
    }
}

/// The events that need attention. A single refusal that is tried again does not.
fn word(event: Event) -> Option<&'static str> {
    match event {
        Event::Refused | Event::Unfit => Some("rejected"),
        Event::Lost => Some("in doubt"),
        Event::Failed => Some("failed"),
        Event::LinkLost => Some("not to be fetched"),
        _ => None,
    }
}
