//! Everything that needs the whole program, in one binary: real processes, files and sockets. Only
//! the paid API is a fake.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod bad_input;
mod buckets;
mod budget;
mod child;
mod commands;
mod confirming;
mod contract;
mod crash;
mod depots;
mod doubts;
mod fit;
mod half;
mod init;
mod layers;
mod library;
mod local_kills;
mod local_problems;
mod local_refusals;
mod locals;
mod media;
mod money;
mod plans;
mod probe;
mod probe_again;
mod probe_run;
mod proofs;
mod rehearsals;
mod requests;
mod room;
mod rude;
mod sheet;
mod speeches;
mod stops;
mod studio;
mod tables;
mod trust;
mod uploads;
mod videos;
mod waiting;
mod waits;
mod watched;
mod whole_way;
