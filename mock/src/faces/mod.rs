//! The fake as others have it: a library, and a program.

pub(crate) mod api;
mod before;
mod between;
mod drift;
mod fail;
mod lines;
pub mod program;
mod ready;
mod record;
pub(crate) mod server;
mod signals;
