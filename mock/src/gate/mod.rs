//! What clients connect to.
//!
//! wiremock answers, but it keeps a copy of each request for ever, cuts answers off when it ends,
//! and cannot misbehave below HTTP. So the fake listens itself, answers what needs no
//! matching, passes all else on to a private wiremock server, moves to a fresh one every few thousand requests, lets answers under
//! way finish, and does on the raw socket what the engine asks for in a private header.

mod backend;
pub(crate) mod between;
mod connection;
mod deliver;
pub(crate) mod door;
pub(crate) mod errands;
mod hot;
mod long;
pub(crate) mod orders;
mod private;
pub(crate) mod reach;
mod read;
pub(crate) mod upstream;
