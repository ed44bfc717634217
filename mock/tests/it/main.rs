//! What a client of the fake sees, and what its owner can ask afterwards.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

mod accounts;
mod admin;
mod answers;
mod between;
mod book;
mod callbacks;
mod client;
mod dialects;
mod drift;
mod elsewhere;
mod floors;
mod gate;
mod house;
mod lists;
mod meddling;
mod media;
mod program;
mod record;
mod server;
mod shipped;
mod tasks;
mod uploads;
mod wire;
mod worlds;
