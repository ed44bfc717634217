//! What is to become of a request.

use std::time::Duration;

use crate::http::answer::Answer;
use crate::words::fault::Fault;

/// An answer, and what is to happen to it on its way.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) answer: Answer,
    pub(crate) fault: Option<Fault>,
    pub(crate) delay: Duration,
}

impl From<Answer> for Reply {
    fn from(answer: Answer) -> Self {
        Self { answer, fault: None, delay: Duration::ZERO }
    }
}
