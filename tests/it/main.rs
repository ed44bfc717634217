//! Everything that needs the whole program, in one binary: real processes, files and sockets. Only
//! the paid API is a fake.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod adopting;
mod answers;
mod bad_input;
mod buckets;
mod budget;
mod child;
mod commands;
mod confirming;
mod contract;
mod crash;
mod depots;
mod disks;
mod doubts;
mod evidence;
mod fencing;
mod files;
mod fit;
mod half;
mod init;
mod inside;
mod layers;
mod library;
mod local_kills;
mod local_problems;
mod local_refusals;
mod locals;
mod media;
mod migrating;
mod money;
mod outages;
mod parts;
mod plans;
mod polls;
#[cfg(target_os = "linux")]
mod power;
mod probe;
mod probe_again;
mod probe_run;
mod projections;
mod proofs;
mod reconciling;
mod refusals;
mod rehearsals;
mod remarks;
mod requests;
mod room;
mod rude;
mod sheet;
mod sounds;
mod speeches;
mod stops;
mod strangers;
mod studio;
mod trust;
mod uploads;
mod videos;
mod waiting;
mod waits;
mod watched;
mod whole_way;
