//! `GET /v1/tasks/{task_id}`, and the videos that it links to.

use std::sync::Arc;

use serde::Serialize;
use serde_json::json;

use crate::decisions::life::{Status, Task, View};
use crate::decisions::refuse::{self, account};
use crate::decisions::{chance, misanswer, ranges, video};
use crate::http::answer::Answer;
use crate::http::reply::Reply;
use crate::http::request::{MARK, Seen};
use crate::rules::dialect::Dialect;
use crate::rules::scenario::{On, Scenario};
use crate::state::desk::Desk;
use crate::words::clock;
use crate::words::dice::Dice;
use crate::words::digest::Digest;
use crate::words::failure::FailureCode;
use crate::words::id::TaskId;
use crate::words::span::whole_seconds;

/// Answers a query.
pub(crate) fn query(desk: &mut Desk, request: &Seen<'_>, name: &str) -> Reply {
    let scenario = Arc::clone(&desk.scenario);
    match find(desk, &scenario, request, name) {
        Ok((good, attempt)) => struck(&scenario, (On::Poll, name, attempt), good),
        Err(refusal) => refusal.into(),
    }
}

/// The answer that a query deserves, and which query of the task it is.
fn find(
    desk: &mut Desk,
    scenario: &Scenario,
    request: &Seen<'_>,
    name: &str,
) -> Result<(Answer, u32), Answer> {
    let account = account(scenario, request)?;
    let synced = synced(request)?;
    let now = desk.clock.now();
    let id = TaskId::named(name);
    let task = desk.tasks.get_mut(&id).filter(|task| task.owner == account.owner());
    let task = task.ok_or_else(|| refuse::no_such_task(name))?;
    let view = task.query(scenario, now, synced);
    let told = Told::new((&request.base(&desk.url), desk.mark), &id, task, view);
    Ok((told.answer(scenario.dialect), task.polls()))
}

/// Lets the scenario's fault strike an answer that would be good.
fn struck(scenario: &Scenario, (on, name, attempt): (On, &str, u32), good: Answer) -> Reply {
    if !scenario.faults.iter().any(|rule| rule.on == on) {
        return good.into();
    }
    let dice = Dice::new(scenario.seed, &Digest::of_bytes(name.as_bytes()), attempt);
    let strike = chance::strike(scenario, on, (dice, attempt), [name, name]);
    let fault = strike.map(|strike| strike.fault);
    let answer = match strike {
        Some(strike) if !strike.fault.needs_good_answer() => {
            misanswer::refusal(strike, clock::today())
        }
        _ => good,
    };
    Reply { fault, ..Reply::from(answer) }
}

/// What `sync_upstream` asks for.
fn synced(request: &Seen<'_>) -> Result<bool, Answer> {
    match request.parameter("sync_upstream").as_deref() {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(refuse::bad_parameter("sync_upstream", "true or false")),
    }
}

/// The documented answer. A type, and not a tree of JSON, because polls are most of the traffic.
#[derive(Serialize)]
struct Told<'a> {
    id: &'a TaskId,
    object: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    model: &'a str,
    status: Status,
    progress: u8,
    created: u64,
    results: Option<[Video; 1]>,
    error: Option<TaskError>,
    usage: Usage,
}

#[derive(Serialize)]
struct Video {
    url: String,
}

#[derive(Serialize)]
struct TaskError {
    code: Option<FailureCode>,
    message: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
}

#[derive(Serialize)]
struct Usage {
    credits_reserved: u64,
    user_group: &'static str,
}

impl<'a> Told<'a> {
    fn new((base, mark): (&str, Option<u64>), id: &'a TaskId, task: &'a Task, view: View) -> Self {
        let link = view.link.map(|(number, expires)| {
            let link = video::link(base, id, number, expires);
            mark.map_or_else(|| link.clone(), |mark| format!("{link}&{MARK}={mark:016x}"))
        });
        let message = "the task failed at the server";
        let error = TaskError { code: task.failure, message, kind: "task_error" };
        let credits_reserved = whole_seconds(task.length);
        Self {
            id,
            object: "video.generation.task",
            kind: "video",
            model: &task.model,
            status: view.status,
            progress: view.progress,
            created: task.born.seconds(),
            results: link.map(|url| [Video { url }]),
            error: (view.status == Status::Failed).then_some(error),
            usage: Usage { credits_reserved, user_group: "default" },
        }
    }

    fn answer(&self, dialect: Dialect) -> Answer {
        match dialect {
            Dialect::Foxapi => Answer::serialized(200, self),
            other => Answer::json(200, &other.task(json!(self))),
        }
    }
}

/// Answers a request for a task's video.
pub(crate) fn video(desk: &mut Desk, request: &Seen<'_>, file: &str) -> Reply {
    if request.header("authorization").is_some() {
        // Storage hosts refuse a request that is signed twice; and no key belongs here.
        let breach = Some("an Authorization header was sent to a signed link".to_owned());
        let answer = Answer::text(400, "application/xml", TWO_SIGNATURES);
        return Answer { breach, ..answer }.into();
    }
    let Some((id, number)) = video::signed(request, file) else {
        return video::denied("The signature does not match.").into();
    };
    let now = desk.clock.now();
    let found = desk.tasks.get_mut(&id).and_then(|task| task.download(number, now));
    let Some((length, attempt)) = found else {
        return video::denied("Request has expired.").into();
    };
    let good = ranges::file(request, &video::video(length, &id), "video/mp4");
    struck(&desk.scenario, (On::Media, id.as_str(), attempt), good)
}

const TWO_SIGNATURES: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
    <Error><Code>InvalidArgument</Code><Message>Only one auth mechanism allowed: the link is \
    signed, so no Authorization header may be sent.</Message></Error>\n";
