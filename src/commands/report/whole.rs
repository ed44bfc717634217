//! `report --format json`: where the batch stands and every pair, in one document.

use serde_json::json;

use crate::commands::batch::Site;
use crate::commands::failure::Failure;
use crate::commands::overview;
use crate::commands::status::Standing;
use crate::ledger::{LedgerError, View};
use crate::ui::Ui;
use crate::view;

/// Pairs are written as they are read: of a long batch nothing is held.
pub(super) fn print(ui: &Ui, site: &Site, view: &View, standing: &Standing) -> Result<(), Failure> {
    let mut head = standing.json(site);
    // All of these are among the pairs.
    if let Some(head) = head.as_object_mut() {
        head.remove("unsaved");
    }
    head["count"] = head["pairs"].take();
    head["causes"] = json!(view.causes()?);
    head["videos"] = json!(view.totals()?);
    let reckoned = view.reckoned()?;
    head["reckoned"] = json!({
        "cost": reckoned.money,
        "billed_seconds": reckoned.seconds,
        "unmeasured": reckoned.unmeasured,
    });
    let steps = overview::steps(site, standing);
    head["next"] = steps.into_iter().map(|step| step.command).collect();
    let mut result = Ok(());
    ui.long_document(|to| {
        let head = format!("{head:#}");
        write!(to, "{},\n  \"pairs\": [", head.trim_end_matches("\n}"))?;
        let mut comma = "";
        result = view.each_card::<Stopped>(|card| {
            let mut value = view::json(&card.row);
            value["prompt"] = json!(card.prompt);
            value["video_seconds"] = json!(card.video.map(|length| length.as_secs_f64()));
            value["cost"] = json!(card.cost().map(crate::price::Money::from_millionths));
            write!(to, "{comma}\n    {value}")?;
            comma = ",";
            Ok(())
        });
        Stopped::split(&mut result)?;
        writeln!(to, "\n  ]\n}}")
    });
    result.map_err(Stopped::into_failure)
}

/// Why not all pairs were written.
#[derive(Debug)]
pub(super) enum Stopped {
    Ledger(LedgerError),
    /// Nobody reads any more, or there is no room.
    Output(std::io::Error),
}

impl Stopped {
    /// The part of it that standard output has to answer for.
    pub(super) fn split(result: &mut Result<(), Self>) -> std::io::Result<()> {
        match std::mem::replace(result, Ok(())) {
            Err(Self::Output(error)) => Err(error),
            other => {
                *result = other;
                Ok(())
            }
        }
    }

    pub(super) fn into_failure(self) -> Failure {
        match self {
            Self::Ledger(error) => error.into(),
            Self::Output(error) => {
                Failure::new(crate::exit::Exit::Fault, format!("standard output: {error}"))
            }
        }
    }
}

impl From<LedgerError> for Stopped {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(error)
    }
}

impl From<std::io::Error> for Stopped {
    fn from(error: std::io::Error) -> Self {
        Self::Output(error)
    }
}
