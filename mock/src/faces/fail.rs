//! Why the programs fail.

use std::io;
use std::path::PathBuf;

use crate::faces::api::StartError;
use crate::rules::scenario::ScenarioError;
use crate::state::desk::Breach;

/// Why the command fails.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The scenario cannot be used.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    /// The fake cannot start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The file for the port cannot be written.
    #[error("cannot write the port to {}: {source}", path.display())]
    PortFile {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The certificates of further authorities cannot be used.
    #[error("cannot use the certificates in {}: {source}", path.display())]
    Authorities {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The recordings cannot be written, or read.
    #[error("cannot use the recordings in {}: {source}", path.display())]
    Recording {
        /// The folder or the file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The file of the key cannot be read, or holds none.
    #[error("cannot use the key in {}: {why}", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// Why not.
        why: String,
    },
    /// A server that is on the network would be told the key in the clear.
    #[error("{0} has no TLS, and the key would be read by whoever is on the way")]
    InTheClear(String),
    /// A server does not answer.
    #[error("cannot ask {server}: {source}")]
    Silent {
        /// Where it is.
        server: String,
        /// Why not.
        source: io::Error,
    },
    /// The server cannot be asked: its host is no name that a certificate could be for.
    #[error("cannot ask {0}: its host is no name that a certificate could be for")]
    Server(String),
    /// No fake answers there in time.
    #[error("{what} is not ready: {source}")]
    NotReady {
        /// Where it was asked.
        what: String,
        /// What came of the last question.
        source: io::Error,
    },
    /// Requests broke the contract, and that was not to be.
    #[error("requests broke the contract:\n{}", lines(.0))]
    Strict(Vec<Breach>),
    /// The output cannot be written, or signals cannot be heard.
    #[error(transparent)]
    Io(#[from] io::Error),
}

fn lines(breaches: &[Breach]) -> String {
    let told: Vec<_> = breaches
        .iter()
        .map(|breach| breach.to_string().replace(char::is_control, "\u{fffd}"))
        .collect();
    told.join("\n")
}
