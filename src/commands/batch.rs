//! A manifest with its run folder: what most commands start from.

use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

use super::failure::Failure;
use super::given::{Given, file_of, table_of, unreadable};
use super::outside::refuse_inside;
use super::sharing::Shared;
use super::written::{Written, bytes_of};
use crate::cli::{BatchArgs, ManifestArgs};
use crate::exit::Exit;
use crate::files::{Tables, folder_of, make_private_folder, network_disk};
use crate::ledger::{FILE, View, must_not_be_lost};
use crate::manifest::{
    self, Manifest, Note, Notes, Outline, Problems, Severity, Shown, VideoBucket,
};
use crate::pair::{Endpoint, PlainHttp, Source};
use crate::ui::{Ui, counted};
use crate::view::printable;

/// The endpoint of a rehearsal's ledger.
pub(super) const REHEARSAL: &str = "a rehearsal";

/// To be raised whenever other pairs may be made of the same files than before: then they are listed
/// again, and not taken for what an older build has listed.
const LISTING: u32 = 1;

/// Where a batch keeps what it produces.
#[derive(Debug, Clone)]
pub(super) struct Site {
    /// The manifest, as it was given.
    pub(super) manifest: PathBuf,
    pub(super) folder: PathBuf,
    /// Whether the run folder was named, and does not follow from the manifest.
    pub(super) named: bool,
    /// Whether this is a rehearsal.
    pub(super) rehearsal: bool,
    /// The ledger, if many share it.
    pub(super) shared: Option<Shared>,
    /// Whether workers of it that are silent are gone for good, by a person's word.
    pub(super) sure: bool,
    disk: Disk,
}

/// Where a run folder may lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Disk {
    /// Where a ledger keeps its promises.
    Local,
    /// Anywhere, by a person's word, or because no money is in it.
    Any,
}

/// Where the pairs of a batch are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pairs {
    /// In its manifest.
    Held,
    /// In the ledger: so many, of the same files. The manifest here has none.
    Listed(u64),
    /// In its files: so many. The manifest here has none.
    ToList(u64),
}

/// A checked manifest and its site.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) site: Site,
    pub(super) given: Given,
    pub(super) manifest: Manifest,
    /// The digest of the manifest's file and of its tables.
    pub(super) sha256: String,
    /// Where its pairs are.
    pub(super) pairs: Pairs,
    /// Whether its tables were the same before they were read as after.
    pub(super) is_still: bool,
    pub(super) plain: PlainHttp,
    /// Where the API is: the option's word before the manifest's.
    pub(super) endpoint: Endpoint,
}

/// Notes on a manifest as problems with their places.
pub(super) fn problems(
    batch: &Batch,
    notes: impl IntoIterator<Item = Note>,
    level: Severity,
) -> Result<Problems, Failure> {
    located(batch, notes.into_iter().collect(), level)
}

/// The same for notes of which only the first are kept.
pub(super) fn located(batch: &Batch, notes: Notes, level: Severity) -> Result<Problems, Failure> {
    let path = &batch.site.manifest;
    let bytes = match batch.given {
        Given::Manifest if !notes.is_empty() => bytes_of(path)?,
        Given::Manifest | Given::Table => Vec::new(),
    };
    let (text, files) = (String::from_utf8_lossy(&bytes), Tables::beside(path));
    let tables = &batch.manifest.tables;
    let shown = Shown { path: &path.display().to_string(), text: &text, tables, files: &files };
    Ok(Problems::of_notes(&shown, notes, level))
}

pub(super) fn plain(args: &ManifestArgs) -> PlainHttp {
    if args.allow_http { PlainHttp::Anywhere } else { PlainHttp::Loopback }
}

/// Where the API is, as an option or the environment says it.
pub(super) fn endpoint(text: &str, plain: PlainHttp) -> Result<Endpoint, Failure> {
    let bare = manifest::without_version(text);
    if bare != text {
        tracing::info!("`/v1` at the end of --endpoint is taken off");
    }
    Endpoint::parse(bare, plain).map_err(|error| match manifest::with_scheme(text) {
        Some(meant) => Failure::new(Exit::Usage, format!("endpoint {text}: it has no scheme"))
            .hint(format!("write {meant}")),
        None => Failure::new(Exit::Usage, format!("endpoint {text}: {error}"))
            .hint("write a host alone, such as https://api.foxapi.cc"),
    })
}

fn name_of(manifest: &Path) -> String {
    manifest.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

impl Site {
    /// What the batch is called: its manifest's file without the ending.
    pub(super) fn name(&self) -> String {
        name_of(&self.manifest)
    }

    /// Works out the run folder; touches nothing.
    pub(super) fn of(args: &BatchArgs) -> Self {
        let manifest = args.manifest.manifest.clone();
        let rehearsal = args.mock.is_some();
        let folder = args.out.clone().unwrap_or_else(|| run_folder(&manifest, rehearsal));
        let any = rehearsal || args.allow_network_disk;
        let disk = if any { Disk::Any } else { Disk::Local };
        let (named, sure) = (args.out.is_some(), args.shared.sure);
        let shared = Shared::of(args, &name_of(&manifest));
        Self { manifest, folder, named, rehearsal, shared, sure, disk }
    }

    /// Reads the ledger, if there is one, without its lock. One that is lost is no new one.
    pub(super) fn view(&self) -> Result<Option<View>, Failure> {
        if let Some(shared) = &self.shared {
            return shared.view();
        }
        if !self.folder.is_dir() {
            return Ok(None);
        }
        let view = View::open(&self.folder)?;
        if view.is_none() {
            must_not_be_lost(&self.folder)?;
        }
        Ok(view)
    }

    /// Reads the ledger, which has to be there.
    pub(super) fn existing(&self) -> Result<View, Failure> {
        self.view()?.ok_or_else(|| self.missing())
    }

    /// Why there is no ledger.
    pub(super) fn missing(&self) -> Failure {
        if !self.manifest.exists() && !file_of(&self.manifest).exists() {
            return unreadable(&self.manifest, &ErrorKind::NotFound.into());
        }
        let text = format!("{}: no run of this manifest yet", self.folder.display());
        Failure::new(Exit::Usage, text).hint(format!("start with: {}", self.command("run")))
    }

    /// Refuses a network's disk, on which a ledger cannot be trusted.
    pub(super) fn check_disk(&self) -> Result<(), Failure> {
        let found = match self.disk {
            Disk::Any => None,
            Disk::Local => network_disk(&self.folder),
        };
        let Some(name) = found else { return Ok(()) };
        let shown = self.folder.display();
        let text = format!(
            "{shown}: on a network's disk ({name}), where what was paid can be forgotten, and paid \
             again"
        );
        // Another folder would have a ledger that knows of nothing.
        let hint = if self.folder.join(FILE).exists() {
            "move this run folder, whole, to a local disk and name its new place with --out DIR; or \
             insist with --allow-network-disk"
        } else {
            "keep the run folder on a local disk with --out DIR, or insist with --allow-network-disk"
        };
        Err(Failure::new(Exit::Usage, text).hint(hint))
    }

    /// Makes the run folder.
    pub(super) fn make(&self) -> Result<(), Failure> {
        self.check_disk()?;
        let shown = self.folder.display();
        if self.folder.exists() && !self.folder.is_dir() {
            return Err(Failure::new(
                Exit::Usage,
                format!("{shown}: this is a file, not a folder"),
            )
            .hint("move it away, or choose another run folder with --out DIR"));
        }
        make_private_folder(&self.folder).map_err(|error| {
            Failure::new(Exit::Fault, format!("{shown}: cannot make the run folder: {error}"))
                .hint("choose another run folder with --out DIR")
        })
    }

    /// A command that has to do with this batch, as it can be typed.
    pub(super) fn command(&self, verb: &str) -> String {
        let mock = if self.rehearsal { " --mock" } else { "" };
        let mut command = format!("callsheet {verb} {}{mock}", shell_word(&self.manifest));
        if self.folder != run_folder(&self.manifest, self.rehearsal) {
            command.push_str(&format!(" --out {}", shell_word(&self.folder)));
        }
        command
    }
}

impl Batch {
    /// Reads the manifest and works out the rest; touches nothing.
    pub(super) fn open(ui: &Ui, args: &BatchArgs) -> Result<Self, Failure> {
        let written = Written::open(&args.manifest.manifest)?;
        let before = written.digest_of_tables(&args.manifest);
        let manifest = written.held(&args.manifest)?;
        written.announce(ui, &manifest);
        let sha256 = written.digest(&manifest)?;
        let is_still = manifest.tables.is_empty() || before.as_ref() == Some(&sha256);
        let batch = Self { sha256, is_still, ..Self::of(args, written.given, manifest)? };
        refuse_inside(&batch)?;
        Ok(batch)
    }

    /// Checks the manifest without keeping its pairs, of which there are so many; nothing if files
    /// of this machine are among their media. There is no digest of it.
    pub(super) fn outline(
        ui: &Ui,
        args: &BatchArgs,
        written: &Written<'_>,
    ) -> Result<Option<(Self, u64)>, Failure> {
        let Outline { manifest, pairs, local } = written.outline(&args.manifest)?;
        if local > 0 {
            return Ok(None);
        }
        written.announce(ui, &manifest);
        Ok(Some((Self::of(args, written.given, manifest)?, pairs)))
    }

    /// Of a manifest whose pairs are held, or none.
    pub(super) fn of(args: &BatchArgs, given: Given, manifest: Manifest) -> Result<Self, Failure> {
        let endpoint = match &args.endpoint {
            Some(text) => endpoint(text, plain(&args.manifest))?,
            None => manifest.endpoint.clone(),
        };
        let (site, sha256, plain) = (Site::of(args), String::new(), plain(&args.manifest));
        let (pairs, is_still) = (Pairs::Held, false);
        Ok(Self { site, given, manifest, sha256, pairs, is_still, plain, endpoint })
    }

    /// What the ledger knows a list by that it has listed: the files, and all else that decides which
    /// pairs are made of them.
    pub(super) fn digest(&self) -> String {
        let plain = if self.plain == PlainHttp::Anywhere { " http" } else { "" };
        let sheets = self.manifest.tables.iter().filter_map(|table| table.sheet.as_deref());
        let sheets: String = sheets.map(|sheet| format!(" #{sheet}")).collect();
        format!("{} {LISTING} {}{plain}{sheets}", env!("CARGO_PKG_VERSION"), self.sha256)
    }

    /// The same of pairs that follow from these files alone, whenever they are read.
    pub(super) fn lasting_digest(&self) -> Option<String> {
        let manifest = &self.manifest;
        let dies = manifest.pairs.iter().any(|pair| pair.expires.is_some());
        let lasts =
            self.is_still && manifest.warnings.is_empty() && !dies && !self.has_local_files();
        lasts.then(|| self.digest())
    }

    /// What was seen of its pairs at first is no longer so.
    pub(super) fn changed(&self) -> Failure {
        let shown = self.site.manifest.display();
        let text = format!("{shown}: its pairs were changed, or listed by another run, meanwhile");
        Failure::new(Exit::InUse, text).hint("give the same command again")
    }

    /// Whether any of its media are files on this machine.
    pub(super) fn has_local_files(&self) -> bool {
        let local = |source: &Source| matches!(source, Source::File(_));
        let mut requests = self.manifest.pairs.iter().map(|pair| &pair.request);
        requests.any(|request| local(&request.image) || local(&request.audio))
    }

    /// The bucket that the manifest wants finished videos in. A rehearsal's never go there.
    pub(super) fn video_bucket(&self) -> Option<&VideoBucket> {
        self.manifest.videos.as_ref().filter(|_| !self.site.rehearsal)
    }

    /// Whose tasks the ledger holds: a rehearsal's fake listens somewhere else every time.
    pub(super) fn owner(&self) -> String {
        if self.site.rehearsal { REHEARSAL.to_owned() } else { self.endpoint.origin() }
    }

    /// The manifest and what it is for, in a line.
    pub(super) fn head(&self, ui: &Ui) -> String {
        let pairs = match self.pairs {
            Pairs::Held => self.manifest.pairs.len() as u64,
            Pairs::Listed(pairs) | Pairs::ToList(pairs) => pairs,
        };
        head(ui, &self.site, pairs, &self.owner())
    }
}

/// `spring.yaml: 12 pairs for https://api.foxapi.cc`
pub(super) fn head(ui: &Ui, site: &Site, pairs: u64, owner: &str) -> String {
    format!("{}: {} for {owner}", site.manifest.display(), ui.strong(&counted(pairs, "pair")))
}

/// Beside the manifest. A link to a manifest has the folder of the file that it leads to, so that
/// both names have one ledger; unless it has one of its own already.
fn run_folder(manifest: &Path, rehearsal: bool) -> PathBuf {
    let beside = folder_beside(manifest, rehearsal);
    let is_link = manifest.symlink_metadata().is_ok_and(|metadata| metadata.is_symlink());
    if !is_link || beside.join(FILE).exists() {
        return beside;
    }
    let real = fs::canonicalize(manifest).ok().filter(|real| lasts(real));
    real.map_or(beside, |real| folder_beside(&real, rehearsal))
}

/// Whether a run folder beside a file would last: some links lead into stores that nobody writes to,
/// or, in containers, to a version of their volume that is dropped with the next one.
fn lasts(file: &Path) -> bool {
    let version = |part: Component<'_>| {
        matches!(part, Component::Normal(name)
        if name.as_encoded_bytes().starts_with(b".."))
    };
    let folder = fs::metadata(folder_of(file));
    folder.is_ok_and(|folder| !folder.permissions().readonly()) && !file.components().any(version)
}

/// `spring.yaml` and `spring.csv` keep their runs in `spring.run/`, and their rehearsals in
/// `spring.mock.run/`; a sheet's name goes into that of its folder.
fn folder_beside(manifest: &Path, rehearsal: bool) -> PathBuf {
    let table = table_of(manifest);
    let named = table.sheet.as_ref().map(|_| Path::new(&table.name));
    let stem = named.unwrap_or(manifest).file_stem();
    let mut name = stem.map_or_else(OsString::new, OsString::from);
    if let Some(sheet) = &table.sheet {
        name.push(format!("-{sheet}"));
    }
    name.push(if rehearsal { ".mock.run" } else { ".run" });
    manifest.with_file_name(name)
}

/// The command that was given. Keys are no arguments; who is notified may be a secret, and is left
/// to be filled in.
pub(super) fn this_command() -> String {
    command_of(std::env::args_os().skip(1))
}

/// The same without an option and its value.
pub(super) fn this_command_without(option: &str) -> String {
    command_of(without(option, std::env::args_os().skip(1)))
}

fn without(option: &str, words: impl Iterator<Item = OsString>) -> impl Iterator<Item = OsString> {
    let mut is_value = false;
    words.filter(move |word| {
        let text = word.to_string_lossy();
        let is_joined = text.strip_prefix(option).is_some_and(|rest| rest.starts_with('='));
        let was_value = std::mem::replace(&mut is_value, text == option);
        !(was_value || is_value || is_joined)
    })
}

fn command_of(words: impl Iterator<Item = OsString>) -> String {
    const NOTIFY: &str = "--notify";
    let mut is_address = false;
    let words = words.map(|word| {
        let text = word.to_string_lossy();
        let is_joined = text.strip_prefix(NOTIFY).is_some_and(|rest| rest.starts_with('='));
        match (std::mem::replace(&mut is_address, text == NOTIFY), is_joined) {
            (true, _) => "URL".to_owned(),
            (_, true) => format!("{NOTIFY}=URL"),
            _ => shell_word(Path::new(&word)),
        }
    });
    ["callsheet".to_owned()].into_iter().chain(words).collect::<Vec<_>>().join(" ")
}

/// A path as people write it: from where they are, if it is below that.
pub(super) fn from_here(path: &Path) -> PathBuf {
    let here = fs::canonicalize(".").ok();
    let below = here.and_then(|here| path.strip_prefix(here).ok().map(Path::to_owned));
    below.filter(|below| !below.as_os_str().is_empty()).unwrap_or_else(|| path.to_owned())
}

/// A path as one word of a shell's.
pub(super) fn shell_word(path: &Path) -> String {
    let text = printable(&path.display().to_string()).into_owned();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@%=".contains(c);
    if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rehearsal_never_shares_a_folder_with_the_real_thing() {
        let manifest = Path::new("jobs/spring.yaml");
        assert_eq!(folder_beside(manifest, false), Path::new("jobs/spring.run"));
        assert_eq!(folder_beside(manifest, true), Path::new("jobs/spring.mock.run"));
        assert_eq!(folder_beside(Path::new("a.b.yaml"), false), Path::new("a.b.run"));
        let sheet = Path::new("x/a.xlsx#Teil 2");
        assert_eq!(folder_beside(sheet, false), Path::new("x/a-Teil 2.run"));
    }

    #[test]
    fn a_command_that_is_shown_does_not_show_who_is_notified() {
        let words = ["run", "a b.yaml", "--notify", "https://x/s1", "--notify=https://x/s2", "-q"];
        let shown = command_of(words.into_iter().map(OsString::from));
        assert_eq!(shown, "callsheet run 'a b.yaml' --notify URL --notify=URL -q");
        let words = ["run", "--pilot", "3", "x", "--pilot=3", "--pilots", "3"].map(OsString::from);
        let left: Vec<_> = without("--pilot", words.into_iter()).collect();
        assert_eq!(left, ["run", "x", "--pilots", "3"]);
    }

    #[test]
    fn commands_can_be_typed() {
        assert_eq!(shell_word(Path::new("jobs/demo.yaml")), "jobs/demo.yaml");
        assert_eq!(shell_word(Path::new("it's here.yaml")), r"'it'\''s here.yaml'");
    }
}
