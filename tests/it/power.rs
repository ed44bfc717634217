//! Power cuts: a run is written down call by call, and each moment of it is taken for the last that
//! the disk saw. Whatever was not synced by then is lost, torn or out of order. On what is left the
//! same command continues: nothing is paid twice, and nothing that was told is lost.
//!
//! Needs the loader's `LD_PRELOAD`, so Linux.

mod disk;
mod log;
mod recording;
mod verdict;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use callsheet_mock::{Fault, On, Rule, Scenario, Work};
use fastrand::Rng;

use self::disk::{Disk, Unsynced};
use self::log::Act;
use self::recording::{Day, Phase, Recording};
use crate::sheet::side_by_side;

/// Every video's first download breaks off, and goes on from there.
fn calm_day() -> Scenario {
    let cut = Rule::new(Fault::Truncated).on(On::Media).first(1);
    Scenario { work: Work::AtOnce, faults: vec![cut], ..Scenario::default() }
}

/// A whole day of a few pairs.
fn small(pairs: usize) -> Recording {
    let settings = "concurrency: 2";
    Recording::of(Day { scenario: calm_day(), pairs, settings, options: &[] })
}

/// Enough creates that the write-ahead log is taken over into the ledger while they go on.
fn large(settings: &'static str) -> Recording {
    let options = &["--until", "created"][..];
    Recording::of(Day { scenario: calm_day(), pairs: 240, settings, options })
}

/// Before and after each sync, and at random: so many moments of each kind of work.
fn moments(recording: &Recording, most: usize, seed: u64) -> BTreeMap<Phase, BTreeSet<usize>> {
    let mut rng = Rng::with_seed(seed);
    let mut phases = BTreeMap::<Phase, (Vec<usize>, Vec<usize>)>::new();
    for (number, phase) in recording.phases.iter().enumerate() {
        let (syncs, others) = phases.entry(*phase).or_default();
        match &recording.acts[number] {
            Act::Sync { .. } | Act::SyncFolder { .. } => syncs.extend([number, number + 1]),
            _ => others.push(number),
        }
    }
    let chosen = phases.into_iter().map(|(phase, (mut syncs, mut others))| {
        rng.shuffle(&mut syncs);
        rng.shuffle(&mut others);
        (phase, syncs.into_iter().take(most / 2).chain(others).take(most).collect())
    });
    chosen.collect()
}

/// Nothing else survives; only names, or only bytes; all of it; or some, by two throws of the dice.
fn fates(moment: usize) -> [Unsynced; 6] {
    let dice = |throw| Unsynced::Some(moment as u64 * 2 + throw);
    [Unsynced::Lost, Unsynced::Named, Unsynced::Written, Unsynced::Kept, dice(0), dice(1)]
}

/// Cuts the power at these moments, and looks at the disks. Counts them.
fn cut(
    recording: &Recording,
    moments: &BTreeMap<Phase, BTreeSet<usize>>,
) -> BTreeMap<Phase, usize> {
    let place = in_memory();
    let mut cuts = BTreeMap::new();
    for (phase, moments) in moments {
        recording.at(moments, |done, disk| {
            for fate in fates(done) {
                let judged = recording.judge(done, &disk.cut(fate), &place.path().join("cut"));
                judged.unwrap_or_else(|wrong| fail(recording, (done, *phase, fate), &wrong));
                *cuts.entry(*phase).or_default() += 1;
            }
        });
    }
    cuts
}

fn fail(recording: &Recording, (done, phase, fate): (usize, Phase, Unsynced), wrong: &str) -> ! {
    let first = done.saturating_sub(12);
    let acts = recording.acts[first..done].iter().map(|act| format!("  {}\n", shortly(act)));
    let acts: String = acts.collect();
    panic!("{wrong}: after {done} acts ({phase:?}), {fate:?}; the last of them:\n{acts}");
}

fn shortly(act: &Act) -> String {
    let text = format!("{act:?}");
    text.chars().take(120).collect()
}

/// A folder whose files are not really synced: tests of power cuts need none.
fn in_memory() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    tempfile::tempdir_in(if memory.is_dir() { memory } else { Path::new("/tmp") }).unwrap()
}

fn end(recording: &Recording) {
    let last = BTreeSet::from([recording.acts.len()]);
    recording.at(&last, |_, disk: &Disk| {
        recording.judge_end(&disk.cut(Unsynced::Lost), &disk.cut(Unsynced::Kept)).unwrap();
    });
}

#[test]
fn after_a_power_cut_at_any_moment_the_ledger_has_all_that_was_sent_and_told() {
    let (small, large) = (small(9), large("concurrency: 4"));
    assert_eq!((small.truth.sent.len(), small.truth.told.len()), (9, 9));
    assert_eq!((large.truth.sent.len(), large.truth.told.len()), (240, 240));
    end(&small);
    end(&large);
    let mut cuts = BTreeMap::new();
    for (recording, most) in [(&small, 100), (&large, 40)] {
        for (phase, count) in cut(recording, &moments(recording, most, 7)) {
            *cuts.entry(phase).or_default() += count;
        }
    }
    println!("power cuts: {cuts:?}, {} in all", cuts.values().sum::<usize>());
    for phase in [Phase::Listing, Phase::Creates, Phase::Checkpoint, Phase::Csv, Phase::Download] {
        assert!(cuts.get(&phase).is_some_and(|count| *count >= 100), "{phase:?}: {cuts:?}");
    }
    assert!(cuts.values().sum::<usize>() >= 2000, "{cuts:?}");
}

#[test]
fn after_a_power_cut_with_many_under_way_too() {
    side_by_side(["concurrency: 64", "concurrency: 256"], |settings| {
        let recording = large(settings);
        end(&recording);
        let cuts = cut(&recording, &moments(&recording, 24, 11));
        println!("power cuts, {settings}: {cuts:?}");
        assert!(cuts[&Phase::Creates] >= 100, "{settings}: {cuts:?}");
    });
}

#[test]
fn after_a_power_cut_at_any_moment_an_older_ledger_is_brought_up_to_date_all_the_same() {
    side_by_side(1..6, |format| {
        let (recording, place) = (Recording::of_format(format), in_memory());
        let (whole, mut cuts) = (recording.standings(), 0);
        for moments in moments(&recording, 30, 7).values() {
            recording.at(moments, |done, disk| {
                for fate in fates(done) {
                    let cut = (&disk.cut(fate), &*place.path().join("cut"));
                    let judged = recording.judge_migration(&whole, cut);
                    judged.unwrap_or_else(|wrong| {
                        fail(&recording, (done, Phase::Migration, fate), &wrong)
                    });
                    cuts += 1;
                }
            });
        }
        println!("power cuts while format {format} is brought up to date: {cuts}");
        assert!(cuts >= 100, "{cuts}");
    });
}

#[test]
fn a_kill_before_it_makes_a_power_cut_no_worse() {
    // What the first run had not synced when it died is still not synced while the next goes on.
    let steps = small(1).acts.len();
    side_by_side(0..2, |part| {
        for kill in 0..12 {
            let killed = steps * (2 * kill + part) / 24;
            let recording = small(1).after_kill(killed);
            cut(&recording, &moments(&recording, 3, killed as u64));
            end(&recording);
        }
    });
}

#[test]
fn the_same_command_continues_after_a_power_cut() {
    side_by_side(0..4, |part| {
        let recording = small(3);
        let moments = moments(&recording, 4, part);
        let moments: BTreeSet<_> = moments.into_values().flatten().collect();
        recording.at(&moments, |done, disk| {
            for fate in [Unsynced::Lost, Unsynced::Some(done as u64)] {
                let continued = recording.continues(done, &disk.cut(fate));
                let phase = recording.phases.get(done).copied().unwrap_or(Phase::Csv);
                continued.unwrap_or_else(|wrong| fail(&recording, (done, phase, fate), &wrong));
            }
        });
    });
}
