//! The API key: from the environment or a file, never from an argument.

use std::io::Read;
use std::path::Path;

use super::failure::Failure;
use crate::cli::KeyArgs;
use crate::exit::Exit;
use crate::pair::ApiKey;

const VARIABLE: &str = "CALLSHEET_API_KEY";

/// Reads the key; the file wins over the environment, as an option does.
pub(super) fn read(args: &KeyArgs) -> Result<ApiKey, Failure> {
    let (text, from) = match &args.api_key_file {
        Some(path) => (read_file(path)?, path.display().to_string()),
        None => (from_environment()?, VARIABLE.to_owned()),
    };
    ApiKey::parse(&text).map_err(|error| {
        Failure::new(Exit::Usage, format!("{from}: {error}"))
            .hint("copy the key anew from the service's page: one word, without quotes")
    })
}

/// The key, if there is one. Only a file that was named has to have it.
pub(super) fn known(args: &KeyArgs) -> Result<Option<ApiKey>, Failure> {
    match (&args.api_key_file, std::env::var(VARIABLE)) {
        (Some(_), _) => read(args).map(Some),
        (None, Ok(text)) => Ok(ApiKey::parse(&text).ok()),
        (None, Err(_)) => Ok(None),
    }
}

fn from_environment() -> Result<String, Failure> {
    match std::env::var(VARIABLE) {
        Ok(text) => Ok(text),
        Err(std::env::VarError::NotPresent) => Err(Failure::new(Exit::Usage, "no API key")
            .hint("set CALLSHEET_API_KEY or give --api-key-file FILE; or rehearse with --mock")),
        Err(std::env::VarError::NotUnicode(_)) => {
            Err(Failure::new(Exit::Usage, format!("{VARIABLE} is not text"))
                .hint("set it to the key alone, or give --api-key-file FILE"))
        }
    }
}

fn read_file(path: &Path) -> Result<String, Failure> {
    let failed = |error: std::io::Error| {
        let text = format!("--api-key-file {}: cannot be read: {error}", path.display());
        Failure::new(Exit::Usage, text).hint("name a file that holds the key alone, in one line")
    };
    let mut text = String::new();
    let most = ApiKey::MAX_LEN as u64 + 2;
    std::fs::File::open(path)
        .map_err(failed)?
        .take(most)
        .read_to_string(&mut text)
        .map_err(failed)?;
    Ok(text)
}
