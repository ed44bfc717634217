//! What somebody gave as the manifest: its bytes, read and checked as often as they are needed.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::batch::plain;
use super::failure::Failure;
use super::given::{self, Given, unreadable};
use crate::cli::ManifestArgs;
use crate::files::{Tables, hexadecimal, sha256};
use crate::manifest::{self, Form, Manifest, Marks, Origin, Outline, TableFile};
use crate::pair::Pair;
use crate::ui::{Ui, counted};

/// In bytes: a manifest of some thousand pairs.
const LONG: usize = 1 << 20;

/// What somebody gave as the manifest, read but not understood.
pub(super) struct Written<'a> {
    pub(super) path: &'a Path,
    pub(super) given: Given,
    /// Those of a manifest.
    bytes: Option<Vec<u8>>,
    /// The name of a table.
    name: String,
}

impl<'a> Written<'a> {
    pub(super) fn open(path: &'a Path) -> Result<Self, Failure> {
        let given = given::look(path)?;
        let bytes = match given {
            Given::Manifest => Some(bytes_of(path)?),
            Given::Table => None,
        };
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self { path, given, bytes, name })
    }

    /// Whether there may be so many pairs, here or in tables, that it is better read twice than held.
    pub(super) fn may_be_long(&self) -> bool {
        let named = |bytes: &Vec<u8>| bytes.windows(10).any(|part| part == b"pairs_from");
        self.bytes.as_ref().is_none_or(|bytes| bytes.len() > LONG || named(bytes))
    }

    /// Whether it may name a shared ledger, or the batch in it: most do not, and are not read for that.
    pub(super) fn may_share(&self) -> bool {
        let bytes = self.bytes.as_deref().unwrap_or_default();
        bytes.split(|byte| *byte == b'\n').any(|line| {
            let line = line.trim_ascii_start();
            let key = line.strip_prefix(b"\"").or(line.strip_prefix(b"'")).unwrap_or(line);
            // A map in braces has its keys anywhere.
            key.starts_with(b"ledger") || key.starts_with(b"batch") || key.starts_with(b"{")
        })
    }

    /// All of it.
    pub(super) fn held(&self, args: &ManifestArgs) -> Result<Manifest, Failure> {
        self.read(args, |origin, form| Ok(manifest::read(origin, form)?))
    }

    /// What it says besides its pairs, if that can be told without reading them.
    pub(super) fn head(&self, args: &ManifestArgs) -> Option<Manifest> {
        self.read(args, |origin, form| Ok(manifest::head(origin, form))).ok().flatten()
    }

    /// All of it but the pairs.
    pub(super) fn outline(&self, args: &ManifestArgs) -> Result<Outline, Failure> {
        self.read(args, |origin, form| Ok(manifest::outline(origin, form)?))
    }

    /// All of it but the pairs, each of which is handed on. What is wrong with all of them is known at
    /// the end only.
    pub(super) fn judged(
        &self,
        args: &ManifestArgs,
        mut each: impl FnMut(&Pair, &Marks),
    ) -> Result<Outline, Failure> {
        self.read(args, |origin, form| Ok(manifest::judged(origin, form, &mut each)?))
    }

    /// How long it is with its tables, in bytes.
    pub(super) fn length(&self, head: &Manifest) -> u64 {
        let table = |table: &TableFile| Tables::beside(self.path).path(&table.name).metadata();
        let tables = head.tables.iter().filter_map(|one| table(one).ok());
        let own = self.bytes.as_ref().map_or(0, |bytes| bytes.len() as u64);
        tables.map(|file| file.len()).sum::<u64>() + own
    }

    /// Hands on each pair of what was found to be good.
    pub(super) fn each(
        &self,
        args: &ManifestArgs,
        each: impl FnMut(&Pair, &Marks),
    ) -> Result<(), Failure> {
        self.read(args, |origin, form| Ok(manifest::each(origin, form, each)?))
    }

    fn read<T>(
        &self,
        args: &ManifestArgs,
        read: impl FnOnce(&Origin<'_>, Form<'_>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let (path, files) = (self.path.display().to_string(), Tables::beside(self.path));
        let origin = Origin { path: &path, plain: plain(args), files: &files };
        let form = self.bytes.as_deref().map_or(Form::Table(&self.name), Form::Yaml);
        read(&origin, form)
    }

    /// Says what its tables are, and what looks like a slip.
    pub(super) fn announce(&self, ui: &Ui, manifest: &Manifest) {
        let path = self.path.display().to_string();
        for table in &manifest.tables {
            let pairs = counted(table.pairs, "pair");
            tracing::info!("{}: {}, {pairs}", table.beside(&path), table.form);
        }
        if !manifest.warnings.is_empty() {
            ui.problems([&manifest.warnings]);
        }
    }

    /// The same before anything is read; nothing without tables, for all else is in memory.
    pub(super) fn digest_of_tables(&self, args: &ManifestArgs) -> Option<String> {
        let head = self.head(args).filter(|head| !head.tables.is_empty())?;
        self.digest(&head).ok()
    }

    /// The digest of all that a batch is read from.
    pub(super) fn digest(&self, manifest: &Manifest) -> Result<String, Failure> {
        let of_table = |table: &TableFile| {
            let path = Tables::beside(self.path).path(&table.name);
            let digest = File::open(&path).and_then(|mut file| sha256(&mut file));
            digest.map_err(|error| unreadable(&path, &error))
        };
        let tables: Vec<_> = manifest.tables.iter().map(of_table).collect::<Result<_, _>>()?;
        let own = self.bytes.as_ref().map(|bytes| hexadecimal(&Sha256::digest(bytes)));
        let all: Vec<_> = own.into_iter().chain(tables).collect();
        Ok(match &all[..] {
            [one] => one.clone(),
            _ => hexadecimal(&Sha256::digest(all.concat())),
        })
    }
}

/// The bytes of a manifest, but never more than a manifest may have: it may be a disk's image.
pub(super) fn bytes_of(path: &Path) -> Result<Vec<u8>, Failure> {
    let failed = |error: std::io::Error| unreadable(path, &error);
    let file = File::open(path).map_err(failed)?;
    let length = file.metadata().map_or(0, |metadata| metadata.len().min(manifest::MAX_BYTES));
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0) + 1);
    file.take(manifest::MAX_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > manifest::MAX_BYTES {
        let length = fs::metadata(path).map_or(bytes.len() as u64, |metadata| metadata.len());
        return Err(manifest::too_large(&path.display().to_string(), length).into());
    }
    Ok(bytes)
}
