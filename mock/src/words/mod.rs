//! The words that all of the fake is written in. They know of nothing but each other.

pub(crate) mod clock;
pub(crate) mod dice;
pub(crate) mod digest;
pub(crate) mod failure;
pub(crate) mod fault;
pub(crate) mod id;
pub(crate) mod mime;
pub(crate) mod near;
pub(crate) mod pattern;
pub(crate) mod span;
