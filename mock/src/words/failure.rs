//! Why tasks fail.

use serde::{Deserialize, Serialize};

/// Why a task fails at the server, in the words of the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are the service's, and say what there is to say")]
pub enum FailureCode {
    ContentPolicyViolation,
    InvalidParameters,
    ImageProcessingError,
    ImageDimensionMismatch,
    RequestCancelled,
    GenerationFailedNoContent,
    ServiceError,
    GenerationTimeout,
    ResourceExhausted,
    QuotaExceeded,
    ServiceUnavailable,
    UnknownError,
}
