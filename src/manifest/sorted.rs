//! Records in the order of their keys, however many there are: few are held, and the others go to a
//! scratch file in sorted runs, which are merged in the end.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::{self, Cursor, SeekFrom};

use crate::table::{Files, Scratch};

/// What is held of records before they are written down, in bytes.
const HELD: usize = 1 << 20;

/// What is read of a run at a time.
const READ: usize = 8 << 10;

/// In front of each record: its key, and how long it is.
const HEAD: usize = 20;

/// Takes records.
pub(super) struct Sorter<'f> {
    files: &'f dyn Files,
    /// What may be held.
    most: usize,
    bytes: Vec<u8>,
    /// Key and place of those that are held.
    held: Vec<(u128, usize, usize)>,
    scratch: Option<Box<dyn Scratch>>,
    runs: Vec<Run>,
    written: u64,
}

/// Sorted records, of which a part is held.
struct Run {
    /// What is left of it in the scratch file.
    start: u64,
    end: u64,
    bytes: Vec<u8>,
    used: usize,
}

/// Hands out records by their keys; of equal ones the first that was put in comes first.
pub(super) struct Sorted {
    scratch: Option<Box<dyn Scratch>>,
    runs: Vec<Run>,
    next: BinaryHeap<Reverse<(u128, usize)>>,
}

impl<'f> Sorter<'f> {
    pub(super) fn new(files: &'f dyn Files) -> Self {
        Self::holding(files, HELD)
    }

    fn holding(files: &'f dyn Files, most: usize) -> Self {
        let (bytes, held, runs) = (Vec::new(), Vec::new(), Vec::new());
        Self { files, most, bytes, held, scratch: None, runs, written: 0 }
    }

    pub(super) fn put(&mut self, key: u128, record: &[u8]) -> io::Result<()> {
        self.held.push((key, self.bytes.len(), record.len()));
        self.bytes.extend_from_slice(record);
        let held = self.bytes.len() + self.held.len() * size_of::<(u128, usize, usize)>();
        if held < self.most { Ok(()) } else { self.write_down() }
    }

    /// What is held as a run.
    fn run(&mut self) -> Vec<u8> {
        // Equal keys stay in their order.
        self.held.sort_by_key(|(key, ..)| *key);
        let mut run = Vec::with_capacity(self.bytes.len() + self.held.len() * HEAD);
        for (key, start, length) in self.held.drain(..) {
            run.extend(key.to_be_bytes());
            run.extend(u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
            run.extend_from_slice(&self.bytes[start..start + length]);
        }
        self.bytes.clear();
        run
    }

    fn write_down(&mut self) -> io::Result<()> {
        let run = self.run();
        let scratch = match &mut self.scratch {
            Some(scratch) => scratch,
            None => {
                // Without a place on a disk it is memory that is used.
                let scratch = self.files.scratch();
                self.scratch.insert(scratch.unwrap_or_else(|_| Box::new(Cursor::new(Vec::new()))))
            }
        };
        scratch.write_all(&run)?;
        let (start, length) = (self.written, run.len() as u64);
        self.written += length;
        self.runs.push(Run { start, end: self.written, bytes: Vec::new(), used: 0 });
        Ok(())
    }

    pub(super) fn sorted(mut self) -> io::Result<Sorted> {
        let bytes = self.run();
        self.runs.push(Run { start: 0, end: 0, bytes, used: 0 });
        let count = self.runs.len();
        let mut sorted = Sorted {
            scratch: self.scratch,
            runs: self.runs,
            next: BinaryHeap::with_capacity(count),
        };
        (0..count).try_for_each(|run| sorted.look(run))?;
        Ok(sorted)
    }
}

impl Sorted {
    /// The next record.
    pub(super) fn next(&mut self) -> io::Result<Option<(u128, Vec<u8>)>> {
        let Some(Reverse((key, run))) = self.next.pop() else { return Ok(None) };
        let head = self.take(run, HEAD)?;
        let length = head[16..].iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
        let record = self.take(run, length)?;
        self.look(run)?;
        Ok(Some((key, record)))
    }

    /// Learns the key of a run's next record, if there is one.
    fn look(&mut self, run: usize) -> io::Result<()> {
        self.fill(run, HEAD)?;
        let Run { bytes, used, .. } = &self.runs[run];
        if let Some(key) = bytes[*used..].first_chunk() {
            self.next.push(Reverse((u128::from_be_bytes(*key), run)));
        }
        Ok(())
    }

    fn take(&mut self, run: usize, length: usize) -> io::Result<Vec<u8>> {
        self.fill(run, length)?;
        let Run { bytes, used, .. } = &mut self.runs[run];
        let part = bytes.get(*used..*used + length).ok_or(io::ErrorKind::UnexpectedEof)?.to_vec();
        *used += length;
        Ok(part)
    }

    /// Has so many bytes of a run at hand, if it has so many.
    fn fill(&mut self, run: usize, length: usize) -> io::Result<()> {
        let Run { start, end, bytes, used } = &mut self.runs[run];
        if bytes.len() - *used >= length || start == end {
            return Ok(());
        }
        let Some(scratch) = &mut self.scratch else { return Ok(()) };
        bytes.drain(..std::mem::take(used));
        let more = (*end - *start).min(READ.max(length) as u64);
        let held = bytes.len();
        bytes.resize(held + usize::try_from(more).unwrap_or(READ), 0);
        scratch.seek(SeekFrom::Start(*start))?;
        scratch.read_exact(&mut bytes[held..])?;
        *start += more;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use proptest::prelude::{prop_assert_eq, proptest};

    use super::*;
    use crate::table::Input;

    struct Desk;

    impl Files for Desk {
        fn open(&self, _: &str) -> io::Result<Box<dyn Input>> {
            Err(io::ErrorKind::NotFound.into())
        }

        fn scratch(&self) -> io::Result<Box<dyn Scratch>> {
            Ok(Box::new(Cursor::new(Vec::new())))
        }
    }

    fn sorted(records: &[(u128, Vec<u8>)], most: usize) -> (Vec<(u128, Vec<u8>)>, usize) {
        let mut sorter = Sorter::holding(&Desk, most);
        records.iter().for_each(|(key, record)| sorter.put(*key, record).unwrap());
        let mut sorted = sorter.sorted().unwrap();
        let runs = sorted.runs.len();
        (std::iter::from_fn(|| sorted.next().unwrap()).collect(), runs)
    }

    proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig {
            cases: 64,
            failure_persistence: None,
            ..proptest::prelude::ProptestConfig::default()
        })]

        /// Whatever goes to the scratch file, and in whatever pieces it comes back.
        #[test]
        fn records_come_in_order_and_equal_ones_as_they_were_put(
            keys in proptest::collection::vec((0..20_u128, 0..3_usize), 0..300), most in 1..4_000_usize,
        ) {
            let record = |(place, (key, size)): (usize, &(u128, usize))| {
                (*key, format!("{place}-{}", "x".repeat(size * 5_000)).into_bytes())
            };
            let records: Vec<_> = keys.iter().enumerate().map(record).collect();
            let mut expected = records.clone();
            expected.sort_by_key(|(key, _)| *key);
            prop_assert_eq!(sorted(&records, most).0, expected);
        }
    }

    #[test]
    fn few_records_touch_no_disk() {
        let records: Vec<_> = (0..100).map(|n| (n, vec![0])).collect();
        assert_eq!(sorted(&records, HELD).1, 1);
        assert!(sorted(&records, 1_000).1 > 3);
    }
}
