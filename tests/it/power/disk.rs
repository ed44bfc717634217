//! A disk as a power cut may leave it. What was synced is there; of the rest, anything: nothing, all
//! of it, or some of it, in another order and torn between sectors. A name is there only if its
//! folder was synced after it was made, whatever was done with the file itself.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use fastrand::Rng;

use super::log::Act;

/// What a disk writes whole or not at all, in bytes.
const SECTOR: usize = 512;

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Entry {
    Folder,
    File(usize),
}

#[derive(Debug, Clone, Default)]
struct File {
    durable: Vec<u8>,
    pending: Vec<Change>,
}

#[derive(Debug, Clone)]
enum Change {
    Bytes(usize, Vec<u8>),
    Size(usize),
}

#[derive(Debug, Clone)]
enum Rename {
    Add(PathBuf, Entry),
    Drop(PathBuf),
    Move(PathBuf, PathBuf, Entry),
}

/// What becomes of that which was not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unsynced {
    Lost,
    /// Names are there, and nothing in them.
    Named,
    /// All the bytes are there, under the old names.
    Written,
    Kept,
    /// By throws of dice, from this seed.
    Some(u64),
}

/// The disk while a run goes on.
#[derive(Debug, Clone, Default)]
pub(super) struct Disk {
    files: Vec<File>,
    numbers: HashMap<u64, usize>,
    names: BTreeMap<PathBuf, Entry>,
    durable: BTreeMap<PathBuf, Entry>,
    pending: Vec<Rename>,
}

/// All that is on a disk: the contents of files, and `None` for folders.
pub(super) type Image = BTreeMap<PathBuf, Option<Vec<u8>>>;

impl Disk {
    /// With what is in a folder now, all of it durable.
    pub(super) fn of(folder: &Path) -> Self {
        let mut disk = Self::default();
        disk.scan(folder, Path::new(""));
        disk.durable = disk.names.clone();
        disk
    }

    fn scan(&mut self, folder: &Path, inside: &Path) {
        for entry in fs::read_dir(folder.join(inside)).unwrap() {
            let entry = entry.unwrap();
            let path = inside.join(entry.file_name());
            let metadata = entry.metadata().unwrap();
            if metadata.is_dir() {
                self.names.insert(path.clone(), Entry::Folder);
                self.scan(folder, &path);
            } else {
                let durable = fs::read(entry.path()).unwrap();
                self.numbers.insert(metadata.ino(), self.files.len());
                self.names.insert(path, Entry::File(self.files.len()));
                self.files.push(File { durable, pending: Vec::new() });
            }
        }
    }

    /// Goes on by one thing that happened.
    pub(super) fn step(&mut self, act: &Act) {
        match act {
            Act::Create { file, path } => {
                self.numbers.insert(*file, self.files.len());
                self.rename(Rename::Add(path.clone(), Entry::File(self.files.len())));
                self.files.push(File::default());
            }
            Act::Write { file, at, bytes } => {
                self.file(*file).pending.push(Change::Bytes(*at, bytes.clone()));
            }
            Act::Resize { file, size } => self.file(*file).pending.push(Change::Size(*size)),
            Act::Sync { file } => {
                let file = self.file(*file);
                for change in std::mem::take(&mut file.pending) {
                    apply(&mut file.durable, &change);
                }
            }
            Act::MakeFolder { path } => self.rename(Rename::Add(path.clone(), Entry::Folder)),
            Act::SyncFolder { path } => self.sync_names(path),
            Act::Move { from, to } => {
                let entry = self.names[from];
                self.rename(Rename::Move(from.clone(), to.clone(), entry));
            }
            Act::Link { from, to } => {
                let entry = self.names[from];
                self.rename(Rename::Add(to.clone(), entry));
            }
            Act::Remove { path } => self.rename(Rename::Drop(path.clone())),
            Act::Send { .. } => {}
        }
    }

    /// Where a file is now, by its number.
    pub(super) fn path(&self, number: u64) -> Option<PathBuf> {
        let place = self.numbers.get(&number)?;
        let mut names = self.names.iter();
        names.find(|(_, entry)| **entry == Entry::File(*place)).map(|(path, _)| path.clone())
    }

    /// What a program reads in a file now.
    pub(super) fn now(&self, path: &Path) -> Vec<u8> {
        match self.names[path] {
            Entry::File(place) => self.files[place].cut(Unsynced::Kept, &mut Rng::with_seed(0)),
            Entry::Folder => panic!("{} is a folder", path.display()),
        }
    }

    /// The same disk under other numbers, in the folder to which all of it was restored.
    pub(super) fn adopt(&mut self, folder: &Path) {
        self.numbers.clear();
        for (path, entry) in &self.names {
            if let Entry::File(place) = entry {
                let number = fs::metadata(folder.join(path)).unwrap().ino();
                self.numbers.insert(number, *place);
            }
        }
    }

    fn file(&mut self, number: u64) -> &mut File {
        let place = self.numbers[&number];
        &mut self.files[place]
    }

    fn rename(&mut self, change: Rename) {
        name(&mut self.names, &change);
        self.pending.push(change);
    }

    fn sync_names(&mut self, folder: &Path) {
        let concerns = |change: &Rename| {
            let in_it = |path: &Path| path.parent() == Some(folder);
            match change {
                Rename::Add(path, _) | Rename::Drop(path) => in_it(path),
                Rename::Move(from, to, _) => in_it(from) || in_it(to),
            }
        };
        let (synced, pending) = std::mem::take(&mut self.pending).into_iter().partition(concerns);
        self.pending = pending;
        let synced: Vec<Rename> = synced;
        synced.iter().for_each(|change| name(&mut self.durable, change));
    }

    /// What is there after a power cut now.
    pub(super) fn cut(&self, unsynced: Unsynced) -> Image {
        let mut rng = Rng::with_seed(if let Unsynced::Some(seed) = unsynced { seed } else { 0 });
        let mut names = self.durable.clone();
        for change in &self.pending {
            if keeps(unsynced, &mut rng) {
                name(&mut names, change);
            }
        }
        // What is in a folder that is lost is lost with it.
        let there = |path: &Path| {
            path.ancestors().skip(1).all(|folder| {
                folder.as_os_str().is_empty() || names.get(folder) == Some(&Entry::Folder)
            })
        };
        let contents = names.iter().filter(|(path, _)| there(path)).map(|(path, entry)| {
            let content = match entry {
                Entry::Folder => None,
                Entry::File(place) => Some(self.files[*place].cut(unsynced, &mut rng)),
            };
            (path.clone(), content)
        });
        contents.collect()
    }
}

impl File {
    fn cut(&self, unsynced: Unsynced, rng: &mut Rng) -> Vec<u8> {
        let mut content = self.durable.clone();
        match unsynced {
            Unsynced::Lost | Unsynced::Named => {}
            Unsynced::Written | Unsynced::Kept => {
                self.pending.iter().for_each(|change| apply(&mut content, change));
            }
            Unsynced::Some(_) => {
                let mut left: Vec<_> =
                    self.pending.iter().flat_map(|change| torn(change, rng)).collect();
                rng.shuffle(&mut left);
                left.iter().for_each(|change| apply(&mut content, change));
            }
        }
        content
    }
}

fn keeps(unsynced: Unsynced, rng: &mut Rng) -> bool {
    match unsynced {
        Unsynced::Lost | Unsynced::Written => false,
        Unsynced::Named | Unsynced::Kept => true,
        Unsynced::Some(_) => rng.bool(),
    }
}

/// What reaches the disk of one write: nothing, all of it, or some of its sectors.
fn torn(change: &Change, rng: &mut Rng) -> Vec<Change> {
    let fate = rng.u8(..3);
    match change {
        _ if fate == 0 => Vec::new(),
        Change::Bytes(at, bytes) if fate == 1 => {
            let sectors = sectors(*at, bytes);
            sectors.into_iter().filter(|_| rng.bool()).collect()
        }
        whole => vec![whole.clone()],
    }
}

fn sectors(at: usize, bytes: &[u8]) -> Vec<Change> {
    let (mut at, mut rest, mut sectors) = (at, bytes, Vec::new());
    while !rest.is_empty() {
        let (one, more) = rest.split_at(rest.len().min(SECTOR - at % SECTOR));
        sectors.push(Change::Bytes(at, one.to_vec()));
        (at, rest) = (at + one.len(), more);
    }
    sectors
}

fn apply(content: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Size(size) => content.resize(*size, 0),
        Change::Bytes(at, bytes) => {
            let end = at + bytes.len();
            if content.len() < end {
                content.resize(end, 0);
            }
            content[*at..end].copy_from_slice(bytes);
        }
    }
}

fn name(names: &mut BTreeMap<PathBuf, Entry>, change: &Rename) {
    match change {
        Rename::Add(path, entry) => drop(names.insert(path.clone(), *entry)),
        Rename::Drop(path) => drop(names.remove(path)),
        Rename::Move(from, to, entry) => {
            names.remove(from);
            names.insert(to.clone(), *entry);
        }
    }
}

/// Puts an image into a folder, which is emptied first.
pub(super) fn restore(image: &Image, folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }.unwrap();
    }
    for (path, content) in image {
        let path = folder.join(path);
        match content {
            None => fs::create_dir(path).unwrap(),
            Some(bytes) => fs::write(path, bytes).unwrap(),
        }
    }
}

#[test]
fn only_what_was_synced_survives_for_certain() {
    let (a, path) = (1, PathBuf::from("run/a"));
    let write = |at, text: &str| Act::Write { file: a, at, bytes: text.as_bytes().to_vec() };
    let mut disk = Disk::default();
    let mut after = |act: Act| {
        disk.step(&act);
        (disk.cut(Unsynced::Lost), disk.cut(Unsynced::Kept))
    };
    after(Act::MakeFolder { path: "run".into() });
    after(Act::Create { file: a, path: path.clone() });
    after(write(0, "old"));
    after(Act::Sync { file: a });
    let (lost, kept) = after(Act::SyncFolder { path: "run".into() });
    assert!(lost.is_empty(), "its own folder has no name yet: {lost:?}");
    assert_eq!(kept[&path].as_deref(), Some(&b"old"[..]));
    let (lost, _) = after(Act::SyncFolder { path: "".into() });
    assert_eq!(lost[&path].as_deref(), Some(&b"old"[..]));
    let (lost, kept) = after(write(3, "er"));
    assert_eq!(lost[&path].as_deref(), Some(&b"old"[..]));
    assert_eq!(kept[&path].as_deref(), Some(&b"older"[..]));
    let (lost, kept) = after(Act::Move { from: path.clone(), to: "run/b".into() });
    assert!(lost.contains_key(&path) && !kept.contains_key(&path));
    let torn = (0..99).map(|seed| disk.cut(Unsynced::Some(seed))).collect::<Vec<_>>();
    assert!(torn.iter().any(|image| image.contains_key(&path)));
    assert!(torn.iter().any(|image| image.contains_key(Path::new("run/b"))));
}
