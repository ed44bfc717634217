//! Which of the account's tasks belong to which pairs in doubt. Proposes, never decides.
//!
//! An account's list says little: mostly an id and a time, rarely what a task was made of. So what
//! is certainly somebody else's is left out first; then inputs decide where a list has them, and
//! else the sound of the videos. A proposal is made only where nothing else comes near it.

use std::collections::{HashMap, HashSet};

use jiff::{SignedDuration, Timestamp};

use crate::media::audio::Envelope;
use crate::pair::{LocalFile, TaskId};
use crate::wire::Listed;

/// A pair in doubt, as far as it can be recognised.
#[derive(Debug, Clone, PartialEq)]
pub struct Lost {
    /// The user's name for the pair.
    pub id: String,
    /// When its create was about to be sent.
    pub sent_at: Timestamp,
    /// The URL of its portrait, as it was sent.
    pub image: String,
    /// The URL of its recording, as it was sent.
    pub audio: String,
    /// The model that was asked for.
    pub model: String,
    /// The file beside the manifest that the recording was, if it was one.
    pub file: Option<LocalFile>,
    /// The service's own names for the request, where its answer said them.
    pub requests: Vec<String>,
    /// The sound of its recording, where it could be had.
    pub sound: Option<Envelope>,
}

impl Lost {
    /// Whether a list names the request that was lost.
    #[must_use]
    pub fn is_named_by(&self, task: &Listed) -> bool {
        task.request.as_ref().is_some_and(|request| self.requests.contains(request))
    }
}

/// The tasks that ledgers know, and when they are known to have been made.
pub type KnownTasks = HashMap<TaskId, Option<Timestamp>>;

/// A task that no ledger knows.
#[derive(Debug, Clone, PartialEq)]
pub struct Orphan {
    /// What the account's list says of it.
    pub listed: Listed,
    /// The sound of its video, once that was fetched.
    pub sound: Option<Envelope>,
}

/// How much earlier than its intent a task may seem to be made: clocks differ, and lists have whole
/// seconds.
pub const EARLY: SignedDuration = SignedDuration::from_secs(60);

/// Where no task shows that the list's clock is ours, its times may be those of any country.
const ANYWHERE: SignedDuration = SignedDuration::from_hours(15);

/// The tasks that may have been made by one of the lost creates: not known to any ledger, of a model
/// that was asked for, and made between the first intent and `patience` after the last one.
///
/// Models and times rule a task out only where the list shows by tasks that are known how it writes
/// them. What is left out wrongly is not found, and its pair is paid for again.
#[must_use]
pub fn orphans(
    list: Vec<Listed>,
    known: &KnownTasks,
    lost: &[Lost],
    patience: SignedDuration,
) -> Vec<Orphan> {
    let times = || lost.iter().map(|lost| lost.sent_at);
    let (Some(first), Some(last)) = (times().min(), times().max()) else { return Vec::new() };
    let off = if is_our_clock(&list, known, patience) { EARLY } else { ANYWHERE };
    let window = (first.saturating_sub(off).ok(), last.saturating_add(patience + off).ok());
    let within = |at: Timestamp| {
        window.0.is_none_or(|from| at >= from) && window.1.is_none_or(|until| at <= until)
    };
    let models = models(&list, known, lost);
    let mut seen = HashSet::new();
    let may_be = |task: &Listed| {
        let is_named = lost.iter().any(|lost| lost.is_named_by(task));
        let fits = task.made_at.is_none_or(within)
            && folded(task).is_none_or(|model| models.is_empty() || models.contains(&model));
        !known.contains_key(&task.task) && (is_named || fits) && seen.insert(task.task.clone())
    };
    let left = list.into_iter().filter(may_be);
    left.map(|listed| Orphan { listed, sound: None }).collect()
}

/// Whether a task that this ledger saw made has the same time in the list.
fn is_our_clock(list: &[Listed], known: &KnownTasks, patience: SignedDuration) -> bool {
    list.iter().any(|task| {
        let ours = known.get(&task.task).copied().flatten();
        let both = ours.zip(task.made_at);
        both.is_some_and(|(ours, theirs)| ours.duration_since(theirs).abs() <= patience + EARLY)
    })
}

/// What the list calls the models of these creates; nothing where it may call them anything.
fn models(list: &[Listed], known: &KnownTasks, lost: &[Lost]) -> HashSet<String> {
    let ours = list.iter().filter(|task| known.contains_key(&task.task)).filter_map(folded);
    let mut models: HashSet<_> = ours.collect();
    if !models.is_empty() {
        models.extend(lost.iter().map(|lost| lost.model.to_lowercase()));
    }
    models
}

fn folded(task: &Listed) -> Option<String> {
    task.model.as_deref().map(str::to_lowercase)
}

/// What may be adopted: the pair and the task, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Proposal {
    /// The pair in doubt.
    pub id: String,
    /// The task that seems to be its.
    pub task: TaskId,
    /// What speaks for it.
    pub reason: MatchReason,
}

/// What speaks for a proposal.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum MatchReason {
    /// The list names the request that made it.
    Request,
    /// The list says what it is made of, and that is what was sent.
    Inputs,
    /// Its video sounds like the recording, this much, from 0 to 1, and like no other.
    Sound(f64),
}

/// What was found out.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Findings {
    /// One task for one pair.
    pub proposals: Vec<Proposal>,
    /// Pairs and tasks that belong together, but not which to which: the same recording with
    /// several portraits.
    pub choices: Vec<Choice>,
    /// Tasks that belong to nobody here, as far as can be told.
    pub strangers: Vec<TaskId>,
    /// Pairs for which no task was found.
    pub without: Vec<String>,
}

impl Findings {
    /// With what a second look found of the pairs and tasks that were left over.
    #[must_use]
    pub fn and(mut self, later: Self) -> Self {
        let settled = |task: &TaskId| {
            later.proposals.iter().any(|found| found.task == *task)
                || later.choices.iter().any(|choice| choice.tasks.contains(task))
        };
        self.strangers.retain(|task| !settled(task));
        self.proposals.extend(later.proposals);
        self.choices.extend(later.choices);
        Self { without: later.without, ..self }
    }
}

/// Tasks among which a person has to choose.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// The pairs in doubt.
    pub ids: Vec<String>,
    /// The tasks that may be theirs.
    pub tasks: Vec<TaskId>,
}

/// A sound that is less alike is another one.
const ALIKE: f64 = 0.8;
/// By how much the best has to be better than the second best.
const MARGIN: f64 = 0.2;

/// Finds what belongs together: by the request or the inputs where the list has them, else by sound.
#[must_use]
pub fn match_up(lost: &[Lost], orphans: &[Orphan]) -> Findings {
    let mut findings = Findings::default();
    let (mut lost, mut tasks): (Vec<&Lost>, Vec<&Orphan>) =
        (lost.iter().collect(), orphans.iter().collect());
    let by_name = |lost: &Lost, task: &Orphan| lost.is_named_by(&task.listed);
    one_by_one(&mut lost, &mut tasks, &mut findings.proposals, (MatchReason::Request, &by_name));
    one_by_one(&mut lost, &mut tasks, &mut findings.proposals, (MatchReason::Inputs, &by_inputs));
    // What a list says of a task's inputs rules out every other pair.
    let (spoken, mut silent): (Vec<_>, Vec<_>) =
        tasks.into_iter().partition(|task| task.listed.inputs.is_some());
    by_sound(&mut lost, &mut silent, &mut findings);
    findings
        .strangers
        .extend(spoken.into_iter().chain(silent).map(|task| task.listed.task.clone()));
    findings.without.extend(lost.into_iter().map(|lost| lost.id.clone()));
    findings
}

/// Whether a task is made of what a pair asked for.
type Same<'a> = &'a dyn Fn(&Lost, &Orphan) -> bool;

/// Pairs that asked for the same are as good as each other: the first task goes to the first.
fn one_by_one(
    lost: &mut Vec<&Lost>,
    tasks: &mut Vec<&Orphan>,
    proposals: &mut Vec<Proposal>,
    (reason, same): (MatchReason, Same<'_>),
) {
    lost.retain(|lost| {
        let Some(at) = tasks.iter().position(|task| same(lost, task)) else { return true };
        let task = tasks.remove(at).listed.task.clone();
        proposals.push(Proposal { id: lost.id.clone(), task, reason });
        false
    });
}

fn by_inputs(lost: &Lost, task: &Orphan) -> bool {
    task.listed.inputs.as_ref().is_some_and(|(image, audio)| {
        same_file(image, &lost.image) && same_file(audio, &lost.audio)
    })
}

/// Signatures change from day to day, and some lists leave them out.
fn same_file(listed: &str, sent: &str) -> bool {
    let bare = |url: &str| url.split(['?', '#']).next().unwrap_or_default().to_owned();
    listed == sent || !bare(listed).is_empty() && bare(listed) == bare(sent)
}

fn by_sound(lost: &mut Vec<&Lost>, tasks: &mut Vec<&Orphan>, findings: &mut Findings) {
    for group in recordings(lost) {
        let scores = tasks.iter().map(|task| likeness(group[0], task)).collect::<Vec<_>>();
        let alike: Vec<_> = (0..tasks.len()).filter(|&n| scores[n] >= ALIKE).collect();
        let others = || lost.iter().filter(|other| other.audio != group[0].audio);
        // A task that another recording comes near to as well is nobody's by its sound.
        let clear =
            |&n: &usize| others().all(|other| scores[n] - likeness(other, tasks[n]) >= MARGIN);
        let alike: Vec<usize> = alike.into_iter().filter(clear).collect();
        let rest = (0..tasks.len()).filter(|n| !alike.contains(n)).map(|n| scores[n]);
        let second = rest.fold(0.0, f64::max);
        let apart = alike.iter().all(|&n| scores[n] - second >= MARGIN);
        let found: Vec<TaskId> = alike.iter().map(|&n| tasks[n].listed.task.clone()).collect();
        match (&group[..], &found[..]) {
            (_, []) => continue,
            _ if !apart => continue,
            ([one], [task]) => findings.proposals.push(Proposal {
                id: one.id.clone(),
                task: task.clone(),
                reason: MatchReason::Sound(scores[alike[0]]),
            }),
            _ => findings.choices.push(Choice {
                ids: group.iter().map(|lost| lost.id.clone()).collect(),
                tasks: found.clone(),
            }),
        }
        lost.retain(|lost| lost.audio != group[0].audio);
        tasks.retain(|task| !found.contains(&task.listed.task));
    }
}

/// The pairs in doubt by their recordings.
fn recordings<'a>(lost: &[&'a Lost]) -> Vec<Vec<&'a Lost>> {
    let mut groups: Vec<Vec<&Lost>> = Vec::new();
    for one in lost.iter().filter(|lost| lost.sound.is_some()) {
        match groups.iter_mut().find(|group| group[0].audio == one.audio) {
            Some(group) => group.push(one),
            None => groups.push(vec![one]),
        }
    }
    groups
}

fn likeness(lost: &Lost, task: &Orphan) -> f64 {
    let both = lost.sound.as_ref().zip(task.sound.as_ref());
    both.map_or(0.0, |(recording, video)| recording.likeness(video))
}

#[cfg(test)]
mod tests;
