//! Manifests that are not held: the same is found in them, and the same pairs come out.

use std::cell::Cell as Counter;
use std::io;

use super::tables::Folder;
use super::*;
use crate::table::{Files, Input, Scratch};

/// What there is for scratch files.
enum Room {
    Plenty,
    /// No folder where one could be made.
    Nowhere,
    /// Nothing can be written to them.
    Full,
}

struct FullDisk;

impl io::Read for FullDisk {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Ok(0)
    }
}

impl io::Seek for FullDisk {
    fn seek(&mut self, _: io::SeekFrom) -> io::Result<u64> {
        Ok(0)
    }
}

impl io::Write for FullDisk {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::StorageFull.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Counts the scratch files that are asked for.
struct Disk {
    folder: Folder,
    room: Room,
    scratch: Counter<u32>,
}

impl Disk {
    fn with(name: &str, text: &str) -> Self {
        let folder = Folder::with(name, text);
        Self { folder, room: Room::Plenty, scratch: Counter::new(0) }
    }

    fn origin(&self) -> Origin<'_> {
        Origin { path: "jobs/a.csv", plain: PlainHttp::Loopback, files: self }
    }
}

impl Files for Disk {
    fn open(&self, name: &str) -> io::Result<Box<dyn Input>> {
        self.folder.open(name)
    }

    fn scratch(&self) -> io::Result<Box<dyn Scratch>> {
        self.scratch.set(self.scratch.get() + 1);
        match &self.room {
            Room::Plenty => self.folder.scratch(),
            Room::Nowhere => Err(io::ErrorKind::ReadOnlyFilesystem.into()),
            Room::Full => Ok(Box::new(FullDisk)),
        }
    }
}

fn rows(count: usize) -> String {
    let row = |n: usize| format!("p{n},https://e.co/{n}.jpg,https://e.co/{n}.mp3\n");
    format!("id,image,audio\n{}", (0..count).map(row).collect::<String>())
}

const TABLE: Form<'_> = Form::Table("a.csv");

#[test]
fn what_is_handed_on_is_what_would_be_kept() {
    let disk = Disk::with(
        "a.csv",
        "image,audio,tags\nx.jpg,https://e.co/y.mp3,a\nhttps://e.co/é.jpg,https://e.co/z.mp3,\n",
    );
    let yaml = b"version: 1\nmodel: m\npairs_from: a.csv\npairs: [{image: https://e.co/q.jpg, audio: https://e.co/q.mp3}]\n";
    for form in [TABLE, Form::Yaml(yaml)] {
        let held = read(&disk.origin(), form).unwrap();
        let outline = outline(&disk.origin(), form).unwrap();
        assert_eq!((outline.pairs, outline.local), (held.pairs.len() as u64, 1));
        let mut pairs = Vec::new();
        each(&disk.origin(), form, |pair, marks| pairs.push((pair.clone(), *marks))).unwrap();
        let (pairs, marks): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
        assert_eq!((pairs, marks), (held.pairs.clone(), held.marks.clone()));
        let empty = Manifest { pairs: vec![], marks: vec![], formers: vec![], ..held };
        assert_eq!(outline.manifest, empty);
    }
}

/// Twins that are far apart are found, each said once, whatever had to be written down between.
#[test]
fn twins_are_found_among_many() {
    let more = "P7,https://e.co/a.jpg,https://e.co/a.mp3\n\
                other,https://e.co/9.jpg,https://e.co/9.mp3\n\
                ,https://e.co/a.jpg,https://e.co/b.mp3\n,https://e.co/a.jpg,https://e.co/b.mp3\n";
    let disk = Disk::with("a.csv", &(rows(9_000) + more));
    let problems = outline(&disk.origin(), TABLE).unwrap_err();
    let said: Vec<_> = problems.iter().map(|it| (it.place.line, it.message.as_str())).collect();
    assert_eq!(
        said,
        [
            (9_002, "two pairs have the id `P7`"),
            (9_003, "`other` asks for the same video as `p9`"),
            (9_005, "`a-b` is asked for twice"),
        ]
    );
    assert!(problems.render(false).contains("jobs/a.csv:9"), "{problems}");
    assert_eq!(disk.scratch.get(), 1);
    assert_eq!(read(&disk.origin(), TABLE).unwrap_err(), problems);
}

#[test]
fn few_pairs_need_no_disk_and_many_say_that_there_is_no_room() {
    let disk = Disk { room: Room::Full, ..Disk::with("a.csv", &rows(100)) };
    assert!(outline(&disk.origin(), TABLE).is_ok());
    let text = rows(9_000) + "p7,https://e.co/x.jpg,https://e.co/x.mp3\n";
    let disk = Disk { room: Room::Nowhere, ..Disk::with("a.csv", &text) };
    let twins = outline(&disk.origin(), TABLE).unwrap_err().render(false);
    assert!(twins.contains("p7") && disk.scratch.get() > 0, "in memory: {twins}");
    let disk = Disk { room: Room::Full, ..Disk::with("a.csv", &rows(9_000)) };
    let problems = outline(&disk.origin(), TABLE).unwrap_err().render(false);
    assert!(problems.contains("whether ids are unique cannot be found out: "), "{problems}");
    assert!(problems.contains("TMPDIR"), "{problems}");
}
