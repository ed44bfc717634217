//! `check --probe`: fetches every medium once and says what is wrong with it, at its place in the
//! manifest.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::catalog::Catalog;
use crate::cli::CheckArgs;
use crate::commands::batch::{Batch, problems};
use crate::commands::failure::Failure;
use crate::commands::links::Links;
use crate::commands::locals::note;
use crate::commands::media;
use crate::commands::plan::outlook;
use crate::commands::runtime::runtime;
use crate::exit::Exit;
use crate::fitness::{
    Content, Demands, Face, Faces, Look, Remark, SHARE_PAGE, Weight, of_address, of_link,
};
use crate::manifest::{Note, Severity};
use crate::pair::Role;
use crate::preflight::{Medium, ProbeMeans, Prober, content, distinct, survey};
use crate::ui::{Ui, counted};

/// What was seen of one medium.
struct Seen<'m> {
    medium: &'m Medium,
    /// Nothing if it may not be asked for.
    look: Option<Look>,
    remarks: Vec<Remark>,
}

pub(super) fn probe(
    ui: &Ui,
    args: &CheckArgs,
    batch: &Batch,
    catalog: &Catalog,
) -> Result<Exit, Failure> {
    let list = distinct(&batch.manifest.pairs);
    let client = media::client(batch, &args.batch.manifest, args.stall_timeout);
    let faces = if args.no_faces { Faces::Ignored } else { Faces::LookedFor };
    let (manifest, reach) = (&batch.site.manifest, media::reach(batch));
    let prober = Prober::new(ProbeMeans { client: &client, catalog, manifest, reach, faces });
    let demands = Demands { faces, ..media::demands(batch) };
    let takes = outlook(batch, batch.site.view()?.as_ref(), catalog)?.takes;
    let mut seen = Vec::with_capacity(list.len());
    let bar = ui.counter(list.len() as u64, "media");
    runtime()?.block_on(survey(&prober, &list, |medium, look| {
        bar.inc(1);
        let remarks = remarks(medium, look.as_ref(), &demands, takes);
        seen.push(Seen { medium, look, remarks });
    }));
    bar.finish_and_clear();
    seen.sort_by_key(|seen| (seen.medium.first, seen.medium.role));
    conclude(ui, batch, &seen, &expiries(batch, &Links::new(batch, catalog, takes)))
}

fn remarks(
    medium: &Medium,
    look: Option<&Look>,
    demands: &Demands<'_>,
    takes: Duration,
) -> Vec<Remark> {
    let Some(look) = look else {
        let help = "a rehearsal asks nobody outside this machine";
        return vec![Remark::warning("not_checked", "not looked at", help)];
    };
    let mut remarks = look.remarks(medium.role, demands);
    let address = medium.source.as_written();
    if !look.is_fit() {
        // Where a page came instead of the file, this says how to get the file.
        let all = of_address(address, medium.role, demands.local).into_iter();
        remarks.extend(all.filter(|remark| remark.code == SHARE_PAGE));
    }
    remarks.extend(of_link(address, Timestamp::now(), takes));
    remarks
}

/// Pairs that ask for the same picture, the same recording and the same options under other URLs.
fn twins(batch: &Batch, seen: &[Seen<'_>]) -> Vec<Note> {
    let digest = |seen: &Seen<'_>| Some(seen.look.as_ref()?.sha256()?.to_owned());
    let digests: HashMap<_, _> = seen
        .iter()
        .filter_map(|seen| Some(((&seen.medium.source, seen.medium.role), digest(seen)?)))
        .collect();
    let mut firsts = HashMap::new();
    let mut notes = Vec::new();
    for (place, pair) in batch.manifest.pairs.iter().enumerate() {
        let digest = |role| digests.get(&(pair.request.source(role), role));
        let (Some(image), Some(audio)) = (digest(Role::Image), digest(Role::Audio)) else {
            continue;
        };
        let (first, takes) = firsts.entry(content(pair, [image, audio])).or_insert((pair, 0));
        *takes += 1;
        if *takes > 1 {
            notes.push(Note {
                mark: batch.manifest.marks[place].image,
                message: format!("`{}` asks for the same video as `{}`", pair.id, first.id),
                label: "the same picture, recording and options under other URLs".to_owned(),
                help: format!(
                    "it would be paid for twice: remove it, or add `take: {}`",
                    pair.take + *takes - 1
                ),
            });
        }
    }
    notes
}

/// What the manifest itself says of when links die.
fn expiries(batch: &Batch, links: &Links<'_>) -> Vec<(Weight, Note)> {
    let pairs = batch.manifest.pairs.iter().zip(&batch.manifest.marks);
    pairs.filter_map(|(pair, marks)| links.expiry(pair, marks)).collect()
}

fn conclude(
    ui: &Ui,
    batch: &Batch,
    seen: &[Seen<'_>],
    expiries: &[(Weight, Note)],
) -> Result<Exit, Failure> {
    let notes = |weight| {
        let all = seen.iter().flat_map(|seen| seen.remarks.iter().map(move |one| (seen, one)));
        // Of what was not looked at there is nothing to say; how many these are comes below.
        let wanted =
            all.filter(move |(seen, remark)| seen.look.is_some() && remark.weight == weight);
        let notes =
            wanted.map(|(seen, one)| note(batch, seen.medium, &one.message, one.help.clone()));
        let expiries = expiries.iter().filter(move |(weighs, _)| *weighs == weight);
        notes.chain(expiries.map(|(_, note)| note.clone()))
    };
    let mut warned: Vec<_> = notes(Weight::Warning).collect();
    warned.extend(twins(batch, seen));
    let warnings = problems(batch, warned, Severity::Warning)?;
    let errors = problems(batch, notes(Weight::Error), Severity::Error)?;
    ui.problems([&errors, &warnings]);
    let all = [&batch.manifest.warnings, &warnings];
    let count: usize = all.iter().map(|list| list.len()).sum();
    let all = all.map(|list| json!(list));
    let warned: Vec<_> = all.iter().filter_map(Value::as_array).flatten().collect();
    let length: Duration = lengths(batch, seen).into_iter().flatten().sum();
    let unmeasured = lengths(batch, seen).into_iter().filter(Option::is_none).count() as u64;
    let text = [
        format!(
            "{}: {}, {} looked at: {}, {}",
            batch.site.manifest.display(),
            ui.strong(&counted(batch.manifest.pairs.len() as u64, "pair")),
            counted(seen.iter().filter(|seen| seen.look.is_some()).count() as u64, "file"),
            counted(errors.len() as u64, "error"),
            counted(count as u64, "warning"),
        ),
        measured(length, unmeasured),
    ];
    let passed_over = seen.iter().filter(|seen| seen.look.is_none()).count() as u64;
    if passed_over > 0 {
        let files = counted(passed_over, "file");
        ui.note(&format!("{files} not looked at: a rehearsal asks nobody outside this machine"));
    }
    let value = json!({
        "manifest": batch.site.manifest.display().to_string(),
        "pairs": batch.manifest.pairs.len(),
        "problems": errors,
        "warnings": warned,
        "seconds": length.as_secs_f64(),
        "unmeasured": unmeasured,
        "media": seen.iter().map(describe).collect::<Vec<_>>(),
    });
    ui.result(&text.join("\n"), &value);
    Ok(if errors.is_empty() { Exit::Done } else { Exit::Unfit })
}

/// Of every pair, how long its recording may be billed for.
fn lengths(batch: &Batch, seen: &[Seen<'_>]) -> Vec<Option<Duration>> {
    let known: HashMap<_, _> = seen
        .iter()
        .filter(|seen| seen.medium.role == Role::Audio)
        .filter_map(|seen| Some((&seen.medium.source, seen.look.as_ref()?.billable()?)))
        .collect();
    batch.manifest.pairs.iter().map(|pair| known.get(&pair.request.audio).copied()).collect()
}

fn measured(length: Duration, unmeasured: u64) -> String {
    let text = format!("{:.1} s of audio", length.as_secs_f64());
    match unmeasured {
        0 => text,
        count => format!("{text}, and {} of unknown length", counted(count, "recording")),
    }
}

/// For programs; signed URLs without their signatures.
fn describe(seen: &Seen<'_>) -> Value {
    let facts = seen.look.as_ref().and_then(|look| look.found.as_ref().ok());
    let mut value = json!({
        "role": seen.medium.role.name(),
        "source": seen.medium.source.to_string(),
        "pairs": seen.medium.pairs,
        "bytes": facts.map(|facts| facts.bytes),
        "sha256": facts.map(|facts| facts.sha256.as_str()),
        "remarks": seen.remarks,
    });
    let seconds =
        |millis: &Option<u64>| millis.map(|millis| Duration::from_millis(millis).as_secs_f64());
    match facts.map(|facts| &facts.content) {
        Some(Content::Picture { kind, size, face, .. }) => {
            value["kind"] = json!(kind);
            value["size"] = json!(size);
            value["face"] = match face {
                Face::Seen => json!(true),
                Face::NotSeen => json!(false),
                Face::NotAsked | Face::NotChecked(_) => Value::Null,
            };
        }
        Some(Content::Sound { kind, millis, claimed, silent, cut }) => {
            value["kind"] = json!(kind);
            value["seconds"] = json!(seconds(millis));
            value["header_seconds"] = json!(seconds(claimed));
            value["silent"] = json!(silent);
            value["cut"] = json!(cut);
        }
        Some(Content::Unfit(_)) | None => {}
    }
    value
}
