//! `init`: a folder to a manifest that people then edit.

mod scan;

use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

use serde_json::json;

use super::batch::shell_word;
use super::failure::Failure;
use crate::cli::InitArgs;
use crate::exit::Exit;
use crate::files::{self, Readers, folder_of};
use crate::manifest::{self, Draft, DraftPair, LeftOut, LeftOutReason};
use crate::pair::Role;
use crate::ui::{Ui, counted};
use crate::view::printable;
use crate::wire::FileType;

/// The name of the manifest in the folder, unless another is given.
const MANIFEST: &str = "callsheet.yaml";
/// More than this many files are counted on the screen; the manifest names them all.
const MOST_NAMED: usize = 20;

pub(super) fn init(ui: &Ui, args: &InitArgs) -> Result<Exit, Failure> {
    let place = args.out.clone().unwrap_or_else(|| inside(&args.folder));
    if place.symlink_metadata().is_ok() {
        return Err(in_the_way(&place));
    }
    let found = scan::scan(&args.folder)?;
    let below = below(&place, &args.folder)?;
    let draft = manifest::draft(found.files.iter().map(String::as_str), found.left_out);
    if draft.pairs.is_empty() {
        return Err(nothing(ui, &args.folder, &draft));
    }
    files::write_new(&place, Readers::Others, draft.manifest(&below).as_bytes()).map_err(
        |error| match error.kind() {
            ErrorKind::AlreadyExists => in_the_way(&place),
            _ => unwritable(&place, &error.to_string()),
        },
    )?;
    tell(ui, &place, &draft);
    Ok(Exit::Done)
}

/// `callsheet.yaml` for `.`, as people would write it.
fn inside(folder: &Path) -> PathBuf {
    let place = folder.join(MANIFEST);
    place.strip_prefix(".").map_or_else(|_| place.clone(), Path::to_owned)
}

fn in_the_way(place: &Path) -> Failure {
    let text = format!("{}: is there already; nothing was written", place.display());
    Failure::new(Exit::Usage, text).hint("move it away, or choose another place with --out FILE")
}

fn unwritable(place: &Path, reason: &str) -> Failure {
    Failure::new(Exit::Fault, format!("{}: cannot be written: {reason}", place.display()))
        .hint("choose another place with --out FILE")
}

fn nothing(ui: &Ui, folder: &Path, draft: &Draft) -> Failure {
    let left = |role| draft.left_out.iter().any(|file| file.reason.role() == Some(role));
    let (reason, hint) = match (left(Role::Image), left(Role::Audio)) {
        (true, true) => {
            let hint = "call them alike: anna.jpg with anna.wav, anna-en.wav, anna-de.wav; \
                        or leave one portrait";
            ("no portrait and recording go together", hint.to_owned())
        }
        (true, false) => ("portraits, but no recordings in it", endings(Role::Audio)),
        (false, true) => ("recordings, but no portraits in it", endings(Role::Image)),
        (false, false) => {
            let hint = [endings(Role::Image), endings(Role::Audio)].join(", ");
            ("no portraits and no recordings in it", hint)
        }
    };
    // That each of them has no other to go with is said by then.
    let unusable = |file: &LeftOut| matches!(file.reason, LeftOutReason::Portrait(_));
    if left(Role::Image) == left(Role::Audio) || draft.left_out.iter().any(unusable) {
        say_left_out(ui, &draft.left_out);
    }
    Failure::new(Exit::Usage, format!("{}: {reason}", folder.display())).hint(hint)
}

/// `recordings end in .mp3, .wav, .ogg, .m4a or .aac`
fn endings(role: Role) -> String {
    let all = FileType::ALL.into_iter().filter(|kind| kind.role() == role);
    let mut all: Vec<_> = all.map(|kind| format!(".{}", kind.ending())).collect();
    let last = all.pop().unwrap_or_default();
    let what = match role {
        Role::Image => "portraits",
        Role::Audio => "recordings",
    };
    format!("{what} end in {} or {last}", all.join(", "))
}

/// The way from the manifest's folder to the media's, with a slash at its end unless it is empty.
fn below(place: &Path, folder: &Path) -> Result<String, Failure> {
    let real = |path: &Path| -> Result<PathBuf, Failure> {
        path.canonicalize().map_err(|error| unwritable(place, &error.to_string()))
    };
    let (from, to) = (real(folder_of(place))?, real(folder)?);
    let way = to.strip_prefix(&from).map_err(|_| {
        let text = format!(
            "{}: the manifest has to be in {} or in a folder above it",
            place.display(),
            folder.display()
        );
        Failure::new(Exit::Usage, text)
            .hint("a manifest names files in its own folder and those below it")
    })?;
    let parts = way.components().map(|part| match part {
        Component::Normal(name) => name.to_str().map(|name| format!("{name}/")),
        _ => None,
    });
    parts.collect::<Option<String>>().ok_or_else(|| {
        let text = format!("{}: its name is not text, so no manifest can name it", to.display());
        Failure::new(Exit::Usage, text).hint("rename it, or write the manifest into it")
    })
}

fn tell(ui: &Ui, place: &Path, draft: &Draft) {
    let pairs = draft.pairs.len() as u64;
    let shown = place.display().to_string();
    let left_out = draft
        .left_out
        .iter()
        .map(|file| json!({"file": file.path, "reason": file.reason.to_string()}));
    ui.result(
        &format!("{}: {}", printable(&shown), ui.strong(&counted(pairs, "pair"))),
        &json!({
            "manifest": shown,
            "pairs": pairs,
            "left_out": left_out.collect::<Vec<_>>(),
        }),
    );
    say_pairs(ui, &draft.pairs);
    say_left_out(ui, &draft.left_out);
    ui.hint(&format!("look it over, then: callsheet check {} --probe", shell_word(place)));
}

/// Who speaks what: a slip here is paid for.
fn say_pairs(ui: &Ui, pairs: &[DraftPair]) {
    for DraftPair { id, image, audio } in pairs.iter().take(MOST_NAMED) {
        ui.note(&printable(&format!("  {id}: {image} + {audio}")));
    }
    if pairs.len() > MOST_NAMED {
        ui.note(&format!("  and {} more", pairs.len() - MOST_NAMED));
    }
}

fn say_left_out(ui: &Ui, files: &[LeftOut]) {
    if files.is_empty() {
        return;
    }
    ui.note(&format!("{} left out:", counted(files.len() as u64, "file")));
    for LeftOut { path, reason } in files.iter().take(MOST_NAMED) {
        ui.note(&printable(&format!("  {path}: {reason}")));
    }
    if files.len() > MOST_NAMED {
        ui.note(&format!("  and {} more", files.len() - MOST_NAMED));
    }
}
