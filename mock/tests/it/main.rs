//! What a client of the fake sees, and what its owner can ask afterwards.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

mod accounts;
mod admin;
mod answers;
mod between;
mod book;
mod client;
mod dialects;
mod floors;
mod gate;
mod house;
mod lists;
mod meddling;
mod program;
mod server;
mod shipped;
mod tasks;
mod uploads;
mod wire;
mod worlds;
