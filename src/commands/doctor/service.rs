//! Looks at the service: the way to it, its name, what it answers, and its clock.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::net::lookup_host;
use tokio::time::timeout;

use crate::cli::KeyArgs;
use crate::client::{Way, glance};
use crate::commands::failure::Failure;
use crate::commands::key;
use crate::commands::runtime::runtime;
use crate::diagnosis::{self, Finding, Seen};
use crate::pair::{ApiKey, Endpoint, TaskId};

/// How long a name may take to be looked up.
const LOOKED_UP_WITHIN: Duration = Duration::from_secs(10);

/// Asks the service once, with the key if there is one.
pub(super) fn look(args: &KeyArgs, endpoint: &Endpoint) -> Result<Vec<Finding>, Failure> {
    let (url, local) = (endpoint.at("/"), endpoint.is_loopback());
    let way = Way::to(&url, local);
    let key = key::known(args)?;
    // Nobody has made it, and nobody could guess it.
    let asked = format!("task-unified-0-doctor{:016x}", fastrand::u64(..));
    let asked = TaskId::parse(&asked).map_err(|error| {
        Failure::new(crate::exit::Exit::Fault, format!("a made-up task: {error}"))
    })?;
    let through = matches!(way, Way::Through { .. });
    let runtime = runtime()?;
    let (found, seen) = runtime.block_on(async {
        let found = if through { None } else { Some(addresses(&url).await) };
        let seen = match &found {
            // Told with the name.
            Some(Err(_)) => None,
            _ => Some(seen(endpoint, key.as_ref(), &asked).await),
        };
        (found, seen)
    });
    // A name that is still being looked up is not waited for.
    runtime.shutdown_background();
    let host = url.host_str().unwrap_or_default().to_owned();
    let answer = seen.as_ref().and_then(|seen| seen.as_ref().ok());
    let came = seen.as_ref().map(|seen| seen.as_ref().map_err(String::as_str));
    Ok(vec![
        said(&way),
        diagnosis::name(&host, found.as_ref()),
        diagnosis::connection(&endpoint.origin(), came, through),
        diagnosis::key(answer, key.is_some(), &asked),
        diagnosis::contract(answer, &asked),
        diagnosis::clock(answer),
    ])
}

async fn seen(endpoint: &Endpoint, key: Option<&ApiKey>, asked: &TaskId) -> Result<Seen, String> {
    let began = Instant::now();
    let received = glance(endpoint, key, asked).await?;
    Ok(Seen { received, took: began.elapsed(), at: Timestamp::now() })
}

async fn addresses(url: &url::Url) -> Result<Vec<IpAddr>, String> {
    let host = url.host_str().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = bare.parse() {
        return Ok(vec![address]);
    }
    match timeout(LOOKED_UP_WITHIN, lookup_host((bare, 0))).await {
        Ok(Ok(found)) => Ok(found.map(|address| address.ip()).collect()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("no answer within {LOOKED_UP_WITHIN:?}")),
    }
}

fn said(way: &Way) -> Finding {
    match way {
        Way::Here => diagnosis::proxy("none: the API is on this machine".to_owned(), None),
        Way::Straight => diagnosis::proxy("none is named".to_owned(), None),
        Way::Excepted { variable, except } => {
            diagnosis::proxy(format!("{variable} is set, and {except} excepts this host"), None)
        }
        Way::Misread(variable) => {
            let text = format!("{variable} is set, and is no address of a proxy: passed over");
            diagnosis::proxy(text, Some(variable))
        }
        Way::Through { proxy, variable, has_password } => {
            let by = variable.unwrap_or("the system");
            let with = if *has_password { ", with a name and a password" } else { "" };
            diagnosis::proxy(format!("{proxy} ({by}){with}"), None)
        }
    }
}
