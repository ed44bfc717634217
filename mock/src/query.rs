//! `GET /v1/tasks/{task_id}`, and the videos that it links to.

use serde::Serialize;
use serde_json::json;
use wiremock::Request as Seen;

use crate::answer::{self, Answer};
use crate::chance;
use crate::create::{account, owner};
use crate::dialect::Dialect;
use crate::dice::Dice;
use crate::digest::Digest;
use crate::engine::{Reply, Shared, header};
use crate::life::{FailureCode, Status, Task, View};
use crate::media;
use crate::misanswer;
use crate::scenario::{On, Scenario};
use crate::task::TaskId;

/// Answers a query.
pub(crate) fn query(shared: &Shared, request: &Seen, name: &str) -> Reply {
    let scenario = shared.scenario();
    match find(shared, &scenario, request, name) {
        Ok((good, attempt)) => struck(&scenario, (On::Poll, name, attempt), good),
        Err(refusal) => refusal.into(),
    }
}

/// The answer that a query deserves, and which query of the task it is.
fn find(
    shared: &Shared,
    scenario: &Scenario,
    request: &Seen,
    name: &str,
) -> Result<(Answer, u32), Answer> {
    let account = account(scenario, request)?;
    let synced = synced(request)?;
    let now = shared.clock.now();
    let mut desk = shared.desk();
    let id = TaskId::named(name);
    let task = desk.tasks.get_mut(&id).filter(|task| task.owner == owner(account));
    let task = task.ok_or_else(|| answer::no_such_task(name))?;
    let view = task.query(scenario, now, synced);
    let told = Told::new(&shared.base(request), &id, task, view);
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
        Some(strike) if !strike.fault.needs_good_answer() => misanswer::refusal(strike),
        _ => good,
    };
    Reply { fault, ..Reply::from(answer) }
}

/// What `sync_upstream` asks for.
fn synced(request: &Seen) -> Result<bool, Answer> {
    let mut found = request.url.query_pairs().filter(|(key, _)| key == "sync_upstream");
    match found.next().as_ref().map(|(_, value)| value.as_ref()) {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(answer::bad_parameter("sync_upstream", "true or false")),
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
    fn new(base: &str, id: &'a TaskId, task: &'a Task, view: View) -> Self {
        let link = view.link.map(|(number, expires)| media::link(base, id, number, expires));
        let message = "the task failed at the server";
        let error = TaskError { code: task.failure, message, kind: "task_error" };
        let credits_reserved = answer::whole_seconds(task.length);
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
pub(crate) fn video(shared: &Shared, request: &Seen, file: &str) -> Reply {
    if header(request, "authorization").is_some() {
        // Storage hosts refuse a request that is signed twice; and no key belongs here.
        let breach = Some("an Authorization header was sent to a signed link".to_owned());
        let answer = Answer::text(400, "application/xml", TWO_SIGNATURES);
        return Answer { breach, ..answer }.into();
    }
    let Some((id, number)) = media::signed(request, file) else {
        return media::denied("The signature does not match.").into();
    };
    let now = shared.clock.now();
    let found = shared.desk().tasks.get_mut(&id).and_then(|task| task.download(number, now));
    let Some((length, attempt)) = found else {
        return media::denied("Request has expired.").into();
    };
    let good = media::file(request, &media::video(length, &id), "video/mp4");
    struck(&shared.scenario(), (On::Media, id.as_str(), attempt), good)
}

const TWO_SIGNATURES: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
    <Error><Code>InvalidArgument</Code><Message>Only one auth mechanism allowed: the link is \
    signed, so no Authorization header may be sent.</Message></Error>\n";
