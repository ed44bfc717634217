//! The bundled fake: on its own, or inside a run.

use callsheet_mock::program::{self, ServeError};
use callsheet_mock::{KEY, MockApi, Scenario};

use super::failure::Failure;
use super::runtime::runtime;
use crate::exit::Exit;
use crate::pair::{ApiKey, Endpoint, PlainHttp};

/// `mock`: serves until it is told to stop.
pub(super) fn serve(args: &program::Args) -> Result<Exit, Failure> {
    match runtime()?.block_on(program::serve(args, std::io::stdout())) {
        Ok(_) => Ok(Exit::Done),
        Err(error @ ServeError::Scenario(_)) => Err(Failure::new(Exit::Usage, error.to_string())),
        Err(error) => Err(Failure::new(Exit::Fault, error.to_string())),
    }
}

/// The fake of a rehearsal, with what a client needs to reach it.
pub(super) struct Rehearsal {
    pub(super) endpoint: Endpoint,
    pub(super) key: ApiKey,
    /// Ends when dropped.
    pub(super) _api: MockApi,
}

/// Starts the fake on a free port.
pub(super) async fn start(scenario: &str) -> Result<Rehearsal, Failure> {
    let scenario = Scenario::open(scenario).map_err(|error| {
        Failure::new(Exit::Usage, format!("--mock={scenario}: {error}"))
            .hint("a scenario is calm, busy, lossy, broke, hostile, or a YAML file")
    })?;
    let key = scenario.keys.first().map_or(KEY, |account| &account.key).to_owned();
    let fault = |error: &dyn std::fmt::Display| Failure::new(Exit::Fault, error.to_string());
    let api = MockApi::start(scenario).await.map_err(|error| fault(&error))?;
    Ok(Rehearsal {
        endpoint: Endpoint::parse(api.url(), PlainHttp::Loopback).map_err(|error| fault(&error))?,
        key: ApiKey::parse(&key).map_err(|error| fault(&error))?,
        _api: api,
    })
}
