//! callsheet: manifest-driven bulk creation of talking-head videos.

pub mod client;
pub mod ledger;
pub mod pace;
pub mod pair;
pub mod state;
pub mod submit;
pub mod wire;
