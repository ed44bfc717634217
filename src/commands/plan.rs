//! `plan`: what a run would do now.

use serde_json::json;

use super::batch::Batch;
use super::failure::Failure;
use super::status::Standing;
use crate::cli::BatchArgs;
use crate::exit::Exit;
use crate::ledger::{Rows, View};
use crate::plan::Plan;
use crate::ui::Ui;

pub(super) fn plan(ui: &Ui, args: &BatchArgs) -> Result<Exit, Failure> {
    let batch = Batch::open(ui, args)?;
    let view = batch.site.view()?;
    let plan = make(&batch, view.as_ref())?;
    let standing = view.as_ref().map(Standing::read).transpose()?;
    let doubts = standing.and_then(|standing| standing.describe_doubts(&batch.site));
    let value = json!({
        "manifest": batch.site.manifest.display().to_string(),
        "endpoint": batch.owner(),
        "run_folder": batch.site.folder.display().to_string(),
        "pairs": batch.manifest.pairs.len(),
        "plan": plan,
    });
    let text =
        describe(ui, &batch, &plan) + &doubts.map_or_else(String::new, |text| format!("\n{text}"));
    ui.result(&text, &value);
    Ok(Exit::Done)
}

fn make(batch: &Batch, view: Option<&View>) -> Result<Plan, Failure> {
    let mut plan = Plan::default();
    for pair in &batch.manifest.pairs {
        let known = view.map(|view| view.known(pair.id.as_str())).transpose()?;
        plan.add(pair, known.flatten().as_ref());
    }
    if let Some(view) = view {
        plan.no_longer_listed = no_longer_listed(view, batch)?;
    }
    Ok(plan)
}

fn no_longer_listed(view: &View, batch: &Batch) -> Result<u64, Failure> {
    let listed: std::collections::HashSet<_> =
        batch.manifest.pairs.iter().map(|pair| pair.id.folded()).collect();
    let mut count = 0;
    view.each_row::<Failure>(Rows::All, |row| {
        count += u64::from(row.attempts > 0 && !listed.contains(&row.id.to_ascii_lowercase()));
        Ok(())
    })?;
    Ok(count)
}

fn describe(ui: &Ui, batch: &Batch, plan: &Plan) -> String {
    let of = |count: u64, what: &str| (count > 0).then(|| format!("{count:>8}  {what}"));
    let lines = [
        Some(format!("{:>8}  to create", plan.create)),
        of(plan.waiting, "have a task already"),
        of(plan.done, "done"),
        of(plan.in_doubt, "in doubt: a person has to decide"),
        of(plan.rejected, "rejected: change them in the manifest to try again"),
        of(plan.failed, "failed at the server"),
        of(plan.abandoned, "written off"),
        of(plan.changed, "of these changed since they were sent: give a new id to have them made"),
        of(plan.no_longer_listed, "no longer in the manifest"),
    ];
    let lines = lines.into_iter().flatten();
    [batch.head(ui)].into_iter().chain(lines).collect::<Vec<_>>().join("\n")
}
