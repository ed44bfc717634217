//! callsheet: manifest-driven bulk creation of talking-head videos.

pub mod manifest;
pub mod pace;
pub mod pair;
