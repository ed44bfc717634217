//! The fake as others have it: a library, and a program.

pub(crate) mod api;
mod between;
mod fail;
mod lines;
pub mod program;
mod ready;
pub(crate) mod server;
mod signals;
