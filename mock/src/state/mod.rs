//! What the fake remembers.

pub(crate) mod blocks;
pub(crate) mod book;
pub(crate) mod desk;
pub(crate) mod errands;
pub(crate) mod har;
pub(crate) mod journal;
pub(crate) mod played;
pub(crate) mod storage;
pub(crate) mod tape;
pub(crate) mod tasks;
pub(crate) mod texts;
pub(crate) mod world;
pub(crate) mod worlds;
