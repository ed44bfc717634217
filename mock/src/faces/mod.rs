//! The fake as others have it: a library, and a program.

pub(crate) mod api;
pub mod program;
