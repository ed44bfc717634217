//! One room for each kind of request. Each is handed the desk, and takes no lock of its own.

pub(crate) mod accounts;
pub(crate) mod admin;
pub(crate) mod create;
pub(crate) mod document;
pub(crate) mod files;
pub(crate) mod list;
pub(crate) mod query;
pub(crate) mod replay;
pub(crate) mod struck;
pub(crate) mod tasks;
pub(crate) mod upload;
