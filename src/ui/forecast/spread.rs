//! How long tasks take: the distribution of those that have ended, with those in mind that have not.

use super::{SAMPLE, Size, Task};

/// Of so many tasks, the last that have ended, the order tells whether they stood in a queue.
const LAST: usize = 32;
/// So clearly; one is complete order, and nothing is none.
const QUEUE: f64 = 0.7;

/// A task that has ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Took {
    seconds: f64,
    since: f64,
    size: Size,
}

impl Took {
    pub(super) fn new(seconds: f64, Task { since, size }: Task) -> Self {
        Self { seconds, since, size }
    }
}

/// A straight line through the times that tasks took, by their sizes: what is expected of one.
#[derive(Debug, Clone, Copy)]
struct Expected {
    by: fn(&Size) -> Option<f64>,
    base: f64,
    slope: f64,
    mean: f64,
}

/// The share of tasks that take longer than a time, by the estimate of Kaplan and Meier: those that are
/// still waited for count as long as they are known to last. Times are parts of what was expected.
#[derive(Debug)]
pub(super) struct Spread {
    expected: Expected,
    /// From such a part on, such a share is left.
    steps: Vec<(f64, f64)>,
    /// How fast those end, beyond the last step, that last so long.
    hazard: f64,
    /// Those that are waited for: how long, what is expected, and for how many each stands.
    waiting: Vec<(f64, f64, f64)>,
    is_queue: bool,
}

impl Expected {
    fn new<'a>(took: impl Iterator<Item = &'a Took> + Clone, waiting: &[&Task]) -> Self {
        for by in [|size: &Size| size.estimate, |size: &Size| size.audio] {
            let known = took.clone().all(|one| by(&one.size).is_some())
                && waiting.iter().all(|one| by(&one.size).is_some());
            if known {
                return Self::fitted(took, by);
            }
        }
        Self::fitted(took, |_| None)
    }

    fn fitted<'a>(
        took: impl Iterator<Item = &'a Took> + Clone,
        by: fn(&Size) -> Option<f64>,
    ) -> Self {
        let size = |one: &Took| by(&one.size).unwrap_or(0.0);
        let count = took.clone().count().max(1) as f64;
        let mean = took.clone().map(|one| one.seconds).sum::<f64>() / count;
        let middle = took.clone().map(size).sum::<f64>() / count;
        let over = |one: &Took| size(one) - middle;
        let square: f64 = took.clone().map(|one| over(one).powi(2)).sum();
        let product: f64 = took.map(|one| over(one) * (one.seconds - mean)).sum();
        let slope = if square > 0.0 { (product / square).max(0.0) } else { 0.0 };
        let base = mean - slope * middle;
        let (base, slope) = if base < 0.0 { (0.0, mean / middle) } else { (base, slope) };
        Self { by, base, slope, mean: mean.max(0.001) }
    }

    fn of(&self, size: &Size) -> f64 {
        let size = (self.by)(size).unwrap_or(0.0);
        (self.base + self.slope * size).max(self.mean / 10.0)
    }
}

impl Spread {
    pub(super) fn new<'a>(
        took: &'a std::collections::VecDeque<Took>,
        waiting: impl Iterator<Item = &'a Task>,
        now: f64,
    ) -> Self {
        let waiting: Vec<_> = waiting.collect();
        let expected = Expected::new(took.iter(), &waiting);
        let parts: Vec<_> = took.iter().map(|one| one.seconds / expected.of(&one.size)).collect();
        let age = |task: &Task| (now - task.since).max(0.0) / expected.of(&task.size);
        let ages: Vec<_> = waiting.iter().map(|task| age(task)).collect();
        let every = waiting.len().div_ceil(SAMPLE).max(1);
        let of = |task: &&Task| (age(task), expected.of(&task.size), every as f64);
        Self {
            expected,
            steps: steps(&parts, &ages),
            hazard: hazard(&parts, &ages),
            waiting: waiting.iter().step_by(every).map(of).collect(),
            is_queue: is_queue(took.iter().map(|one| one.since)),
        }
    }

    pub(super) fn is_queue(&self) -> bool {
        self.is_queue
    }

    /// The share of tasks that take longer than such a part of what is expected of them.
    fn longer(&self, part: f64) -> f64 {
        let (last, share) = self.steps.last().copied().unwrap_or((0.0, 1.0));
        if part >= last {
            return share.max(1e-3) * (-self.hazard * (part - last)).exp();
        }
        let place = self.steps.partition_point(|(from, _)| *from <= part);
        place.checked_sub(1).map_or(1.0, |place| self.steps[place].1)
    }

    /// The time by which with even odds all have ended that are waited for, and so many more that are
    /// created at such a pace.
    pub(super) fn all_ended(&self, (creates, pace): (u64, f64)) -> f64 {
        let mut late = 1.0;
        while !self.is_likely_over(late, (creates, pace)) && late < 1e9 {
            late *= 2.0;
        }
        let mut early = 0.0;
        for _ in 0..30 {
            let middle = (early + late) / 2.0;
            match self.is_likely_over(middle, (creates, pace)) {
                true => late = middle,
                false => early = middle,
            }
        }
        late
    }

    fn is_likely_over(&self, time: f64, (creates, pace): (u64, f64)) -> bool {
        let mut odds = 0.0;
        for (age, expected, times) in &self.waiting {
            let ended = 1.0 - self.longer(age + time / expected) / self.longer(*age).max(1e-12);
            odds += ended.max(0.0).ln() * times;
        }
        let every = creates.div_ceil(SAMPLE as u64).max(1);
        // Those of the last moment count most, and begin where the steps of the others end.
        let mut place = creates;
        while place > 0 && odds > f64::NEG_INFINITY {
            let since = (time - place as f64 / pace) / self.expected.mean;
            let ended = if since > 0.0 { 1.0 - self.longer(since) } else { 0.0 };
            odds += ended.ln() * every.min(place) as f64;
            place = place.saturating_sub(every);
        }
        odds >= 0.5f64.ln()
    }
}

fn steps(parts: &[f64], ages: &[f64]) -> Vec<(f64, f64)> {
    let ended = parts.iter().map(|part| (*part, true));
    let mut all: Vec<_> = ended.chain(ages.iter().map(|age| (*age, false))).collect();
    all.sort_by(|one, other| one.0.total_cmp(&other.0));
    let (mut share, mut steps) = (1.0, vec![(0.0, 1.0)]);
    for (place, (part, ended)) in all.iter().enumerate() {
        let left = all.len() - place;
        if *ended {
            // One more than there are: the longest that was seen is not the longest there is.
            share *= 1.0 - 1.0 / left.max(2) as f64;
            steps.push((*part, share));
        }
    }
    steps
}

/// How fast the slowest quarter of them ended.
fn hazard(parts: &[f64], ages: &[f64]) -> f64 {
    let mut sorted = parts.to_vec();
    sorted.sort_by(f64::total_cmp);
    let slowest = (sorted.len() / 4).max(1);
    let from = sorted.len().checked_sub(slowest + 1).map_or(0.0, |place| sorted[place]);
    let beyond = |times: &[f64]| times.iter().map(|time| (time - from).max(0.0)).sum::<f64>();
    slowest as f64 / (beyond(&sorted) + beyond(ages)).max(1e-6)
}

/// Whether the last ones have ended nearly in the order in which they were created, by Kendall's rank
/// correlation: they were made one after another.
fn is_queue(since: impl Iterator<Item = f64>) -> bool {
    let since: Vec<_> = since.collect();
    let last = &since[since.len().saturating_sub(LAST)..];
    let (mut later, mut earlier) = (0u32, 0u32);
    for (place, one) in last.iter().enumerate() {
        for next in &last[place + 1..] {
            later += u32::from(next > one);
            earlier += u32::from(next < one);
        }
    }
    let all = f64::from((later + earlier).max(1));
    last.len() == LAST && (f64::from(later) - f64::from(earlier)) / all > QUEUE
}
