//! Which path is what, and which methods it has.

use crate::words::near;

/// What a path names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route<'a> {
    /// `/v1/videos/generations`
    Create,
    /// `/v1/tasks/{task_id}`
    Task(&'a str),
    /// `/v1/tasks`: the account's own list, where the scenario has one.
    Tasks,
    /// `/v1/tasks/batch`: several tasks at once, where the scenario has such a list.
    Batch,
    /// `/api/task/self`: the same as relays have it.
    RelayTasks,
    /// `/v1/credits`: what the account has left, where the scenario tells.
    Credits,
    /// `/api/usage/token/`: the same as relays have it.
    RelayUsage,
    /// `/api/usage/token`: leads there.
    RelayUsageElsewhere,
    /// `/api/log/token`: what the key has asked for, as relays have it.
    RelayLog,
    /// `/api/log/self`: what the account has asked for, page by page.
    RelayLogOfAll,
    /// `/output/{file}`: the video of a task.
    Output(&'a str),
    /// `/samples/{file}`: something to send.
    Sample(&'a str),
    /// `/v1/files/upload/…`
    Upload(Way),
    /// `/files/{id}/{name}`: what was uploaded.
    File(&'a str),
    /// `/openapi.yaml`
    OpenapiYaml,
    /// `/openapi.json`
    OpenapiJson,
    /// `/__mock/ready`: whether it serves; no key is needed, and no world.
    Ready,
    /// `/__mock/…`: the fake about itself.
    Admin(Admin<'a>),
}

/// The three ways to hand a file over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Stream,
    Base64,
    Url,
}

/// What the fake can be asked about itself, or told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admin<'a> {
    Book,
    Journal,
    /// The journal, as browsers and proxies read it.
    Har,
    State,
    Reset,
    Clock,
    Scenario,
    /// A task that is driven by hand.
    Task(&'a str),
    /// What broke the contract or fits no path.
    Unmatched,
    /// The callbacks that were tried.
    Callbacks,
    /// Whether what was accepted is what a test expects.
    Verify,
    /// The world of a key as a whole.
    Account,
}

/// All paths, for who missed them.
pub(crate) const PATHS: &str = "/v1/videos/generations, /v1/tasks/{task_id}, \
    /v1/files/upload/{stream, base64, url}, /samples/, /files/{id}/{name}, /output/{file}, /openapi.yaml, /openapi.json, \
    /__mock/{ready, book, journal, journal.har, state, reset, clock, scenario, unmatched, callbacks, verify, tasks/{task_id}}";

/// Below this it is asked about the world of a key, where each key has one.
pub(crate) const ACCOUNTS: &str = "/__mock/accounts/";

/// Below this the fake is asked about itself.
pub(crate) const ADMIN: &str = "/__mock/";

/// The path that one which does not exist may have been meant to be.
pub(crate) fn nearest(path: &str) -> Option<String> {
    const MEANT: [&str; 9] = [
        "/v1/videos/generations",
        "/v1/tasks/*",
        "/v1/files/upload/stream",
        "/v1/files/upload/base64",
        "/v1/files/upload/url",
        "/samples/*",
        "/openapi.json",
        "/__mock/*",
        "/__mock/tasks/*",
    ];
    let last = path.rsplit('/').next().unwrap_or_default();
    // A path of which only the last step is wrong is no slip of the pen.
    let meant = MEANT.map(|meant| meant.replace('*', last));
    near::nearest(path, &meant).filter(|near| find(near).is_some()).map(str::to_owned)
}

/// What a path names.
pub(crate) fn find(path: &str) -> Option<Route<'_>> {
    let below = |prefix: &str| path.strip_prefix(prefix).filter(|rest| !rest.contains('/'));
    match path {
        "/v1/videos/generations" => return Some(Route::Create),
        "/v1/tasks" => return Some(Route::Tasks),
        "/v1/tasks/batch" => return Some(Route::Batch),
        "/api/log/self" => return Some(Route::RelayLogOfAll),
        "/api/task/self" => return Some(Route::RelayTasks),
        "/v1/credits" => return Some(Route::Credits),
        "/api/usage/token/" => return Some(Route::RelayUsage),
        "/api/usage/token" => return Some(Route::RelayUsageElsewhere),
        "/api/log/token" => return Some(Route::RelayLog),
        "/v1/files/upload/stream" => return Some(Route::Upload(Way::Stream)),
        "/v1/files/upload/base64" => return Some(Route::Upload(Way::Base64)),
        "/v1/files/upload/url" => return Some(Route::Upload(Way::Url)),
        "/__mock/ready" => return Some(Route::Ready),
        "/openapi.yaml" => return Some(Route::OpenapiYaml),
        "/openapi.json" => return Some(Route::OpenapiJson),
        _ => {}
    }
    if let Some(id) = below("/v1/tasks/").filter(|id| !id.is_empty()) {
        return Some(Route::Task(id));
    }
    if let Some(file) = path.strip_prefix("/files/") {
        return Some(Route::File(file));
    }
    if let Some(rest) = path.strip_prefix(ACCOUNTS) {
        return match rest.split_once('/') {
            Some((_, name)) => admin(name).map(Route::Admin),
            None => Some(Route::Admin(Admin::Account)),
        };
    }
    if let Some(name) = path.strip_prefix(ADMIN) {
        return admin(name).map(Route::Admin);
    }
    below("/output/").map(Route::Output).or_else(|| below("/samples/").map(Route::Sample))
}

fn admin(name: &str) -> Option<Admin<'_>> {
    if let Some(id) = name.strip_prefix("tasks/").filter(|id| !id.is_empty() && !id.contains('/')) {
        return Some(Admin::Task(id));
    }
    Some(match name {
        "book" => Admin::Book,
        "journal" => Admin::Journal,
        "journal.har" => Admin::Har,
        "state" => Admin::State,
        "reset" => Admin::Reset,
        "clock" => Admin::Clock,
        "scenario" => Admin::Scenario,
        "unmatched" => Admin::Unmatched,
        "callbacks" => Admin::Callbacks,
        "verify" => Admin::Verify,
        _ => return None,
    })
}

/// The methods that a route has, as `Allow` lists them.
pub(crate) const fn methods(route: Route<'_>) -> &'static str {
    match route {
        Route::Create
        | Route::Batch
        | Route::Upload(_)
        | Route::Admin(Admin::Reset | Admin::Verify | Admin::Task(_)) => "POST",
        Route::Task(_) | Route::Tasks | Route::RelayTasks => "GET",
        Route::Credits | Route::RelayUsage | Route::RelayLog | Route::RelayLogOfAll => "GET",
        Route::Admin(Admin::Account) => "DELETE",
        Route::Admin(Admin::Clock) => "GET, HEAD, POST",
        Route::Admin(Admin::Scenario) => "GET, HEAD, PUT",
        _ => "GET, HEAD",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_in_a_path_is_known_for_what_it_was_meant_to_be() {
        for (path, meant) in [
            ("/v1/video/generations", Some("/v1/videos/generations")),
            ("/v1/videos/generation", Some("/v1/videos/generations")),
            ("/v1/task/t-1", Some("/v1/tasks/t-1")),
            ("/v1/tasks//", None),
            ("/sample/anna.jpg", Some("/samples/anna.jpg")),
            ("/v2/nothing", None),
            ("/", None),
        ] {
            assert_eq!(nearest(path).as_deref(), meant, "{path}");
        }
    }
}
