//! callsheet: manifest-driven bulk creation of talking-head videos.

pub mod cli;
pub mod client;
pub mod commands;
pub mod exit;
pub mod files;
pub mod ledger;
pub mod manifest;
pub mod pace;
pub mod pair;
pub mod plan;
pub mod report;
pub mod state;
pub mod submit;
pub mod ui;
pub mod view;
pub mod wire;
