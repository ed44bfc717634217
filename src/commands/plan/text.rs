//! A plan in words: a table of at most 80 columns, and what there is to say besides.

use std::time::Duration;

use super::Outlook;
use crate::commands::batch::Batch;
use crate::fitness::roughly;
use crate::plan::{Step, Sum};
use crate::ui::{Ui, counted};

impl Outlook {
    /// A table of at most 80 columns.
    pub(super) fn describe(&self, ui: &Ui, batch: &Batch) -> String {
        let measured = Step::ALL.iter().any(|step| self.plan.of(*step).billed > 0);
        let currency = &batch.manifest.currency;
        let cost = batch.manifest.spending.price.map(|_| format!("cost{currency}"));
        let cost = cost.unwrap_or_default();
        let head = ["pairs", "", "audio", "billed", &cost].map(str::to_owned);
        let steps = Step::ALL
            .into_iter()
            .filter(|step| *step == Step::Create || self.plan.of(*step).pairs > 0);
        let rows = steps.map(|step| row(words(step), self.plan.of(step), measured));
        let rows: Vec<_> = measured.then_some(head).into_iter().chain(rows).collect();
        let mut lines = vec![batch.head(ui)];
        lines.extend(aligned(&rows));
        let create = self.plan.of(Step::Create);
        // A rehearsal measures nothing outside this machine.
        if create.unmeasured > 0 && !batch.site.rehearsal {
            let unknown = counted(create.unmeasured, "recording");
            let check = batch.site.command("check");
            lines.push(format!("of {unknown} the length is not known: {check} --probe"));
        }
        lines
            .extend(self.budget.map(|(spent, budget)| {
                format!("budget {}: {spent} spent", budget.shown(currency))
            }));
        let less = self.affordable.filter(|pairs| *pairs < create.pairs);
        lines.extend(
            less.map(|pairs| {
                format!("{pairs} of the {} to create may be paid for now", create.pairs)
            }),
        );
        if create.pairs > 0 || self.plan.of(Step::Wait).pairs > 0 {
            let about = roughly(self.takes);
            let how = if self.observed { "" } else { ", if the server is as fast as assumed" };
            lines.push(format!("takes about {about}{how}"));
        }
        lines.extend(batch.video_bucket().map(|bucket| format!("videos go to {bucket}")));
        lines.extend(self.hints());
        lines.extend(self.nearby.lines());
        lines.extend(self.nearby.offer(&batch.site));
        lines.join("\n")
    }

    fn hints(&self) -> impl Iterator<Item = String> {
        let of = |count: u64, what: &str| (count > 0).then(|| format!("{count:>8}  {what}"));
        let some = |step: Step, what: &str| (self.plan.of(step).pairs > 0).then(|| what.to_owned());
        let changed = "changed since they were sent: give a new id to have them made too";
        [
            of(self.plan.changed, changed),
            of(self.plan.no_longer_listed, "no longer in the manifest"),
            some(Step::LeftOut, "pairs that are left out stay planned"),
            of(self.renamed as u64, "with another id than before: the same pairs"),
            some(
                Step::Rejected,
                "rejected pairs are sent once the manifest asks for something else",
            ),
            some(Step::Failed, "failed pairs are sent again, and paid again, with --retry-failed"),
        ]
        .into_iter()
        .flatten()
    }
}

fn words(step: Step) -> &'static str {
    match step {
        Step::Create => "to create",
        Step::LeftOut => "left out",
        Step::Wait => "waiting",
        Step::Done => "done",
        Step::InDoubt => "in doubt",
        Step::Rejected => "rejected",
        Step::Failed => "failed",
        Step::Abandoned => "written off",
    }
}

/// What is in a row, from left to right.
type Cells = [String; 5];

fn row(what: &str, sum: &Sum, measured: bool) -> Cells {
    let (pairs, what) = (sum.pairs.to_string(), what.to_owned());
    if !measured {
        return [pairs, what, String::new(), String::new(), String::new()];
    }
    let known = sum.unmeasured < sum.pairs || sum.pairs == 0;
    let more = if known && sum.unmeasured > 0 { "+" } else { "" };
    let shown = |text: String| if known { text + more } else { "?".to_owned() };
    let length = shown(format!("{} s", exact(sum.length)));
    let billed = shown(format!("{} s", sum.billed));
    let cost = sum.cost.map_or_else(String::new, |cost| shown(cost.to_string()));
    [pairs, what, length, billed, cost]
}

/// In seconds: a millisecond more may be billed as a second more.
fn exact(length: Duration) -> String {
    let text = format!("{}.{:03}", length.as_secs(), length.subsec_millis());
    let zeros = text.len() - text.trim_end_matches('0').len();
    text[..text.len() - zeros.min(2)].to_owned()
}

/// Columns as wide as their widest cell, and usually all the same.
fn aligned(rows: &[Cells]) -> impl Iterator<Item = String> {
    let widest = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let usual = [8, 10, 12, 10, 14];
    let widths: [usize; 5] = std::array::from_fn(|column| usual[column].max(widest(column) + 2));
    rows.iter().map(move |[pairs, what, length, billed, cost]| {
        let [a, b, c, d, e] = widths;
        format!("{pairs:>a$}  {what:<b$}{length:>c$}{billed:>d$}{cost:>e$}").trim_end().to_owned()
    })
}
