//! What is answered, decided from values alone: what is known, what is asked, and the dice.

pub(crate) mod callback;
pub(crate) mod chance;
pub(crate) mod drift;
pub(crate) mod life;
pub(crate) mod limits;
pub(crate) mod media;
pub(crate) mod misanswer;
pub(crate) mod ranges;
pub(crate) mod refuse;
pub(crate) mod told;
pub(crate) mod toll;
pub(crate) mod verify;
pub(crate) mod video;
