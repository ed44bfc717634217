//! What requests and scenarios are held to, and what a scenario says.

pub(crate) mod answers;
pub(crate) mod contract;
pub(crate) mod dialect;
pub(crate) mod scenario;
pub(crate) mod schema;
