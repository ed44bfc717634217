//! One request on its way through the house: which endpoint it is for, and what is said.
//!
//! Nothing here sleeps, and nothing is read or written but the book's file where one is asked for.
//! All state changes before the answer leaves, so a fault on the wire finds them done.

use serde_json::json;

use crate::decisions::refuse;
use crate::endpoints::{accounts, admin, create, document, files, list, query, replay, upload};
use crate::http::answer::Answer;
use crate::http::reply::Reply;
use crate::http::request::{Seen, Whose};
use crate::http::route::{self, ACCOUNTS, Admin, Route};
use crate::rules::scenario::ListShape;
use crate::state::book::Book;
use crate::state::desk::{Breach, Desk};
use crate::state::journal::ExchangeId;
use crate::state::worlds::{Crowded, Worlds};

/// Answers a request in the world that it is for.
pub(crate) fn answer(worlds: &Worlds, request: &Seen<'_>, id: ExchangeId) -> Reply {
    let whose = Whose::of(request.target, request.header("authorization"));
    if let Some(reply) = of_worlds(worlds, request, &whose) {
        return reply.into();
    }
    match worlds.of(&whose) {
        Ok(world) => within(&mut world.desk(), request, id),
        Err(Crowded) => refuse::crowded().into(),
    }
}

/// The book of the world that a request is for, if it asks for that and nothing is to be said against
/// it. Whoever asks tells it piece by piece.
pub(crate) fn book(worlds: &Worlds, request: &Seen<'_>) -> Option<Book> {
    let asks = matches!(request.method, "GET" | "HEAD")
        && route::find(request.path) == Some(Route::Admin(Admin::Book));
    let whose = Whose::of(request.target, request.header("authorization"));
    if !asks || of_worlds(worlds, request, &whose).is_some() {
        return None;
    }
    worlds.of(&whose).ok().map(|world| world.book())
}

/// What is to be said of worlds rather than in one.
fn of_worlds(worlds: &Worlds, request: &Seen<'_>, whose: &Whose<'_>) -> Option<Answer> {
    let Some(Route::Admin(what)) = route::find(request.path) else { return None };
    let of_a_key = request.path.starts_with(ACCOUNTS);
    match (worlds.any_key(), whose) {
        (false, _) if of_a_key => Some(refuse::one_world(request.path)),
        (true, Whose::Nobody | Whose::Mark(_)) => Some(refuse::whose()),
        (true, Whose::Key(key)) if what == Admin::Account && request.method == "DELETE" => {
            Some(if worlds.end(key) { Answer::empty(204) } else { refuse::no_such_account() })
        }
        _ => None,
    }
}

fn within(desk: &mut Desk, request: &Seen<'_>, id: ExchangeId) -> Reply {
    let mut reply = route(desk, request, id);
    if let Some(message) = reply.answer.breach.take() {
        let (method, path) = (request.method.to_owned(), request.path.to_owned());
        desk.breach(Breach { method, path, message });
    }
    reply.answer = desk.scenario.dialect.error(reply.answer);
    if desk.scenario.list.shape == ListShape::Relay {
        reply.answer = reply.answer.header(accounts::REQUEST_ID, id.at_relays());
    }
    reply
}

fn route(desk: &mut Desk, request: &Seen<'_>, id: ExchangeId) -> Reply {
    let route = route::find(request.path);
    if let Some(reply) = replay::replay(desk, request, route, id) {
        return reply;
    }
    let Some(route) = route else {
        return refuse::no_such_path(request.path).into();
    };
    let allowed = route::methods(route);
    if !allowed.split(", ").any(|one| one == request.method) {
        return refuse::wrong_method(request.method, allowed).into();
    }
    match route {
        Route::Create => create::create(desk, request, id),
        Route::Task(id) => query::query(desk, request, id),
        Route::Tasks => list::evolink(desk, request).into(),
        Route::Batch => list::batch(desk, request).into(),
        Route::RelayLogOfAll => accounts::log_of_all(desk, request).into(),
        Route::RelayTasks => list::relay(desk, request).into(),
        Route::Credits => accounts::credits(desk, request).into(),
        Route::RelayUsage => accounts::usage(desk, request).into(),
        Route::RelayUsageElsewhere => accounts::usage_elsewhere(desk).into(),
        Route::RelayLog => accounts::log(desk, request).into(),
        Route::Output(file) => query::video(desk, request, file),
        Route::Upload(way) => upload::upload(desk, request, way),
        Route::File(path) => files::uploaded(desk, request, path).into(),
        Route::Sample(name) => files::sample(request, name).into(),
        Route::OpenapiYaml => document::yaml(desk, request).into(),
        Route::OpenapiJson => document::json(desk, request).into(),
        Route::Ready => Answer::json(200, &json!({"ready": true})).into(),
        Route::Admin(what) => admin::answer(desk, request, what).into(),
    }
}
