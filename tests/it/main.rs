//! Everything that needs the whole program, in one binary: real processes, files and sockets. Only
//! the paid API is a fake.

mod bad_input;
mod commands;
mod contract;
mod layers;
mod requests;
mod rude;
mod sheet;
mod trust;
