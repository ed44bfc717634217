//! `GET /v1/tasks/{task_id}`, and the videos that it links to.

use serde_json::{Value, json};
use wiremock::Request as Seen;

use crate::answer::{self, Answer};
use crate::chance;
use crate::create::{account, owner};
use crate::dice::Dice;
use crate::digest::Digest;
use crate::engine::{Reply, Shared, header};
use crate::life::{Status, Task, View};
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
    let body = body(&shared.base(request), (&id, task), view);
    Ok((Answer::json(200, &scenario.dialect.task(body)), task.polls()))
}

/// Lets the scenario's fault strike an answer that would be good.
fn struck(scenario: &Scenario, (on, name, attempt): (On, &str, u32), good: Answer) -> Reply {
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

/// The documented answer.
fn body(base: &str, (id, task): (&TaskId, &Task), view: View) -> Value {
    let link = view.link.map(|(number, expires)| media::link(base, id, number, expires));
    let error = (view.status == Status::Failed).then(|| {
        let code = task.failure;
        json!({"code": code, "message": "the task failed at the server", "type": "task_error"})
    });
    json!({
        "id": id,
        "object": "video.generation.task",
        "type": "video",
        "model": task.model,
        "status": view.status,
        "progress": view.progress,
        "created": task.born.seconds(),
        "results": link.map(|url| [json!({ "url": url })]),
        "error": error,
        "usage": {"credits_reserved": answer::whole_seconds(task.length), "user_group": "default"},
    })
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
    let good = media::file(request, &media::video(length), "video/mp4");
    struck(&shared.scenario(), (On::Media, id.as_str(), attempt), good)
}

const TWO_SIGNATURES: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
    <Error><Code>InvalidArgument</Code><Message>Only one auth mechanism allowed: the link is \
    signed, so no Authorization header may be sent.</Message></Error>\n";
