//! What is looked at before anything is paid for.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::{KeyArgs, SharedArgs, complete};

/// For which batch.
#[derive(Debug, Clone, Args)]
pub struct DoctorArgs {
    /// A manifest: its service (which is asked with the key), its ledger and its folder are looked at,
    /// its pairs are not
    #[arg(value_name = "MANIFEST", value_hint = ValueHint::FilePath, add = complete::manifests())]
    pub manifest: Option<PathBuf>,
    /// The run folder [default: MANIFEST with the ending .run, or else this folder]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub out: Option<PathBuf>,
    /// Where the API is [default: the manifest's, or api.foxapi.cc]
    #[arg(long, value_name = "URL", env = "CALLSHEET_ENDPOINT")]
    pub endpoint: Option<String>,
    /// Accept plain http to other machines: what is sent can be read and changed on the way
    #[arg(long)]
    pub allow_http: bool,
    /// The ledger of many machines.
    #[command(flatten)]
    pub shared: SharedArgs,
    /// The API key.
    #[command(flatten)]
    pub key: KeyArgs,
}
