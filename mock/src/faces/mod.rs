//! The fake as others have it: a library, and a program.

pub(crate) mod api;
mod between;
mod drift;
mod fail;
mod lines;
pub mod program;
mod record;
mod server;
mod signals;
