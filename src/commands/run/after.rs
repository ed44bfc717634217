//! What a run tells of its end: to a command of a person's, and to an address.
//!
//! Both get the summary without signatures and keys. Nothing of it changes how the run ended.

use std::fs::File;
use std::io::{self, Seek, Write};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::sleep;

use super::child::{self, Talk};
use super::conclude::Concluded;
use super::hooks::words;
use super::words::Words;
use crate::cli::RunArgs;
use crate::client::Notice;
use crate::commands::batch::plain;
use crate::commands::failure::Failure;
use crate::commands::runtime::runtime;
use crate::commands::signals::Signals;
use crate::exit::Exit;
use crate::pair::{MediaUrl, without_queries};
use crate::ui::Ui;

/// How long is waited before it is posted again.
const PAUSES: [Duration; 3] =
    [Duration::from_secs(1), Duration::from_secs(5), Duration::from_secs(15)];

/// Whom the run tells of its end.
#[derive(Debug)]
pub(super) struct After {
    command: Option<Words>,
    within: Duration,
    notice: Option<Notice>,
}

/// How a run ended, for whoever is told.
pub(super) type Ended = Result<(Concluded, Option<Failure>), Failure>;

impl After {
    /// Checks both before anything is done.
    pub(super) fn of(args: &RunArgs) -> Result<Self, Failure> {
        let hooks = &args.hooks;
        let url = hooks.notify.as_deref().filter(|url| !url.is_empty());
        // The address itself may be a secret.
        let failed = |error: String| {
            Failure::new(Exit::Usage, format!("--notify: {error}"))
                .hint("an address such as https://example.com/hooks/callsheet")
        };
        let parse = |url| MediaUrl::parse(url, plain(&args.batch.manifest));
        let url = url.map(parse).transpose().map_err(|error| failed(error.to_string()))?;
        let notice = url.map(|url| Notice::new(&url)).transpose();
        Ok(Self {
            command: words("--on-end", hooks.on_end.as_ref())?,
            within: hooks.hook_timeout,
            notice: notice.map_err(|error| failed(error.to_string()))?,
        })
    }

    /// Tells how the run ended, and gives its exit code. After a second signal nobody is told.
    pub(super) fn tell(&self, ui: &Ui, args: &RunArgs, ended: Ended) -> Result<Exit, Failure> {
        let is_asked = self.command.is_some() || self.notice.is_some();
        let killed = matches!(&ended, Ok((concluded, _)) if concluded.exit == Exit::Killed);
        if is_asked
            && !killed
            && let Err(failure) = self.tell_of(ui, &told(args, &ended))
        {
            ui.warn(&format!("nobody is told of the end: {}", failure.message));
        }
        let (concluded, refusal) = ended?;
        refusal.map_or(Ok(concluded.exit), Err)
    }

    fn tell_of(&self, ui: &Ui, summary: &Value) -> Result<(), Failure> {
        let text = summary.to_string();
        let runtime = runtime()?;
        runtime.block_on(async {
            // Either may take long: whoever has no time for it stops it.
            let mut signals = Signals::listen().ok();
            let told = async {
                if let Some(notice) = &self.notice {
                    post(ui, notice, &text).await;
                }
                if let Some(command) = &self.command {
                    start(ui, command, (&text, self.within)).await;
                }
            };
            let stopped = async {
                match &mut signals {
                    Some(signals) => signals.next().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = told => {}
                () = stopped => ui.warn("stopped before everybody was told of the end"),
            }
        });
        runtime.shutdown_background();
        Ok(())
    }
}

async fn post(ui: &Ui, notice: &Notice, text: &str) {
    let mut pauses = PAUSES.iter();
    loop {
        let Err(error) = notice.post(text).await else { return };
        match pauses.next().filter(|_| error.may_pass) {
            Some(pause) => sleep(*pause).await,
            None => {
                let (host, why) = (notice.host(), error.message);
                return ui.warn(&format!("--notify: {host} was not told: {why}"));
            }
        }
    }
}

async fn start(ui: &Ui, command: &Words, (text, within): (&str, Duration)) {
    let came = match input(text) {
        Ok(file) => child::run(command.plain(), Talk::Shown(file), within).await,
        Err(error) => Err(error.to_string()),
    };
    if let Err(why) = came {
        ui.warn(&format!("--on-end failed: {why}"));
    }
}

/// A file holds nobody up who does not read it.
fn input(text: &str) -> io::Result<File> {
    let mut file = tempfile::tempfile()?;
    file.write_all(text.as_bytes())?;
    file.rewind()?;
    Ok(file)
}

/// The summary, and what went wrong if it is not all that there is to say.
fn told(args: &RunArgs, ended: &Ended) -> Value {
    let manifest = args.batch.manifest.manifest.display().to_string();
    let (mut summary, failure) = match ended {
        Ok((concluded, failure)) => (concluded.summary.clone(), failure.as_ref()),
        Err(failure) => (json!({ "manifest": manifest }), Some(failure)),
    };
    if let Some(failure) = failure {
        summary["exit_code"] = failure.exit.code().into();
        summary["error"] = json!({"message": failure.message, "hint": failure.hint});
    }
    without_secrets(summary)
}

/// Links lose what signs them, wherever they stand. What servers answered is left out: it is evidence
/// for whoever has the ledger, and nobody knows what is in it.
fn without_secrets(value: Value) -> Value {
    match value {
        Value::String(text) => without_queries(&text).into(),
        Value::Array(values) => values.into_iter().map(without_secrets).collect(),
        Value::Object(fields) => fields
            .into_iter()
            .filter(|(name, _)| !matches!(name.as_str(), "evidence" | "headers"))
            .map(|(name, value)| (name, without_secrets(value)))
            .collect(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_signs_is_told() {
        let summary = json!({
            "in_doubt": [{"id": "a", "evidence": "HTTP/1.1 502", "headers": {"x-id": "1"},
                "error": "cannot fetch https://e.com/a.jpg?sig=abc now"}],
            "pairs": 1,
        });
        let expected = json!({
            "in_doubt": [{"id": "a", "error": "cannot fetch https://e.com/a.jpg?… now"}],
            "pairs": 1,
        });
        assert_eq!(without_secrets(summary), expected);
    }
}
