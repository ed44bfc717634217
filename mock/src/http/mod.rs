//! What comes and goes, as values: nothing here listens, and nothing is decided.

pub(crate) mod answer;
pub(crate) mod clean;
pub(crate) mod forms;
pub(crate) mod reply;
pub(crate) mod request;
pub(crate) mod route;
pub(crate) mod samples;
