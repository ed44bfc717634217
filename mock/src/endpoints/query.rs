//! `GET /v1/tasks/{task_id}`, and the videos that it links to.

use std::sync::Arc;

use serde::Serialize;
use serde_json::{Value, json};

use crate::decisions::chance::Asked;
use crate::decisions::life::{Made, Status, Task, View};
use crate::decisions::refuse::{self, account};
use crate::decisions::{ranges, video};
use crate::endpoints::struck::struck;
use crate::http::answer::Answer;
use crate::http::reply::Reply;
use crate::http::request::{MARK, Seen};
use crate::rules::dialect::Dialect;
use crate::rules::scenario::{On, Scenario};
use crate::state::desk::Desk;
use crate::words::failure::FailureCode;
use crate::words::id::TaskId;
use crate::words::span::whole_seconds;

/// Answers a query.
pub(crate) fn query(desk: &mut Desk, request: &Seen<'_>, name: &str) -> Reply {
    let scenario = Arc::clone(&desk.scenario);
    match find(desk, &scenario, request, name) {
        Ok((good, about)) => about.struck(desk, On::Poll, good),
        Err(refusal) => refusal.into(),
    }
}

/// What a callback tells of a task: its status, and all that a query would be answered.
pub(crate) fn told(desk: &mut Desk, base: &str, id: &TaskId) -> Option<(String, Value)> {
    let (scenario, now, mark) = (Arc::clone(&desk.scenario), desk.clock.now(), desk.mark);
    let task = desk.tasks.get_mut(id)?;
    let view = task.told(&scenario, now);
    let told = scenario.dialect.task(json!(Told::new((base, mark), id, task, view)));
    Some((told["status"].as_str()?.to_owned(), told))
}

/// The answer that a query deserves, and what it was about.
fn find<'a>(
    desk: &mut Desk,
    scenario: &Scenario,
    request: &Seen<'_>,
    name: &'a str,
) -> Result<(Answer, About<'a>), Answer> {
    let account = account(scenario, request)?;
    let synced = synced(request)?;
    let now = desk.clock.now();
    let id = TaskId::named(name);
    let task = desk.tasks.get_mut(&id).filter(|task| task.owner == account.owner());
    let task = task.ok_or_else(|| refuse::no_such_task(name))?;
    let view = task.query(scenario, now, synced);
    let told = Told::new((&request.base(&desk.url), desk.mark), &id, task, view);
    let about = About { id: name, attempt: task.polls(), made: task.made };
    Ok((told.answer(scenario.dialect), about))
}

/// Which task is asked about, and how often it was.
struct About<'a> {
    id: &'a str,
    attempt: u32,
    made: Made,
}

impl About<'_> {
    /// Lets the scenario meddle with an answer that would be good.
    fn struck(&self, desk: &mut Desk, on: On, good: Answer) -> Reply {
        if !desk.scenario.meddles_with(on) {
            return good.into();
        }
        let request: Value =
            serde_json::from_str(desk.book.request(self.made.request)).unwrap_or_default();
        let image = desk.scenario.dialect.image_url(&request);
        let names = [self.id, image, request["audio_url"].as_str().unwrap_or_default()];
        let (attempt, since) = (self.attempt, desk.played());
        let dice = self.made.dice.about(on.name(), attempt);
        let asked = Asked { on, dice, attempt, names: &names, since };
        struck(desk, &asked, |_| good)
    }
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
    error: Option<TaskError<'a>>,
    usage: Usage,
}

#[derive(Serialize)]
struct Video {
    url: String,
}

#[derive(Serialize)]
struct TaskError<'a> {
    code: Option<FailureCode>,
    message: &'a str,
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
            match mark {
                Some(mark) => format!("{link}&{MARK}={mark:016x}"),
                None => link,
            }
        });
        let message = task.why.as_deref().unwrap_or("the task failed at the server");
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
    let found = desk.tasks.get_mut(&id).and_then(|task| {
        let (length, attempt) = task.download(number, now)?;
        Some((length, attempt, task.made))
    });
    let Some((length, attempt, made)) = found else {
        return video::denied("Request has expired.").into();
    };
    let good = ranges::file(request, &video::video(length, &id), "video/mp4");
    About { id: id.as_str(), attempt, made }.struck(desk, On::Media, good)
}

const TWO_SIGNATURES: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
    <Error><Code>InvalidArgument</Code><Message>Only one auth mechanism allowed: the link is \
    signed, so no Authorization header may be sent.</Message></Error>\n";
