//! What was found, for people and for programs.

use serde_json::{Value, json};

use super::account::Reading;
use crate::commands::batch::Site;
use crate::reconcile::{Findings, MatchReason, Proposal};
use crate::ui::{Ui, counted};

/// How many of a kind are shown to people; JSON has them all.
const SHOWN: usize = 50;

pub(super) fn describe(ui: &Ui, site: &Site, findings: &Findings, reading: &Reading) -> String {
    let mut lines = Vec::new();
    if !findings.proposals.is_empty() {
        lines.push(ui.strong("Proposed:"));
        lines.extend(findings.proposals.iter().take(SHOWN).map(proposal));
        lines.extend(more(findings.proposals.len()));
    }
    for choice in findings.choices.iter().take(SHOWN) {
        let (ids, tasks) = (choice.ids.join(", "), choice.tasks.iter().map(ToString::to_string));
        let tasks = tasks.collect::<Vec<_>>().join(", ");
        lines.push(format!("The same recording with several portraits: {ids} made {tasks}."));
        lines.push("  Look at the videos, then settle each:".to_owned());
        let resolve = site.command("resolve");
        lines.push(format!("  {resolve} {} --adopt {}", choice.ids[0], choice.tasks[0]));
    }
    if !findings.strangers.is_empty() {
        let tasks = counted(findings.strangers.len() as u64, "task");
        lines.push(format!("{tasks} of the list belong to none of these pairs."));
    }
    lines.extend(without(site, findings, reading));
    lines.join("\n")
}

/// `  anna-003  task-…  its video sounds like the recording (0.97)`
fn proposal(found: &Proposal) -> String {
    let why = match found.reason {
        MatchReason::Request => "the list names the request".to_owned(),
        MatchReason::Inputs => "made of the same portrait and recording".to_owned(),
        MatchReason::Sound(score) => format!("its video sounds like the recording ({score:.2})"),
    };
    format!("  {}  {}  {why}", found.id, found.task)
}

fn more(count: usize) -> Option<String> {
    (count > SHOWN).then(|| format!("  … and {} more", count - SHOWN))
}

/// The pairs for which nothing was found, and what that means.
fn without(site: &Site, findings: &Findings, reading: &Reading) -> Vec<String> {
    if findings.without.is_empty() {
        return Vec::new();
    }
    let pairs = counted(findings.without.len() as u64, "pair");
    let shown: Vec<_> = findings.without.iter().take(SHOWN).map(String::as_str).collect();
    let mut lines = vec![format!("No task was found for {pairs}: {}", shown.join(", "))];
    match &reading.lacks {
        Some(why) => lines.push(format!("  That proves nothing: the list may lack some ({why}).")),
        None if findings.strangers.is_empty() => {
            lines.push(
                "  The list is complete as far as can be told, and none of its tasks is left over: \
                 nothing was made. To create them again:"
                    .to_owned(),
            );
            let resolve = site.command("resolve");
            lines.push(format!("  {resolve} {} --resend", shown.join(" ")));
        }
        None => lines.push(
            "  But tasks are left over that nobody could be found for: one of them may be theirs."
                .to_owned(),
        ),
    }
    lines
}

pub(super) fn nothing() -> Value {
    json!({"proposals": [], "choices": [], "strangers": [], "without": [], "adopted": 0})
}

pub(super) fn json(
    findings: &Findings,
    reading: &Reading,
    adopted: u64,
    standing: &Value,
) -> Value {
    let proposals = findings.proposals.iter().map(|found| {
        let (reason, score) = match found.reason {
            MatchReason::Request => ("request", None),
            MatchReason::Inputs => ("inputs", None),
            MatchReason::Sound(score) => ("sound", Some(score)),
        };
        json!({"id": found.id, "task_id": found.task.as_str(), "reason": reason, "score": score})
    });
    let choices = findings.choices.iter().map(|choice| {
        let tasks: Vec<_> = choice.tasks.iter().map(|task| task.as_str()).collect();
        json!({"ids": choice.ids, "task_ids": tasks})
    });
    json!({
        "proposals": proposals.collect::<Vec<_>>(),
        "choices": choices.collect::<Vec<_>>(),
        "strangers": findings.strangers.iter().map(|task| task.as_str()).collect::<Vec<_>>(),
        "without": findings.without,
        "list_complete": reading.lacks.is_none(),
        "list_lacks": reading.lacks,
        "adopted": adopted,
        "batch": standing,
    })
}
