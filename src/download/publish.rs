//! How an upload becomes an object: decided from what is there and what the bucket said last, so that
//! an answer that never came neither loses a video nor overwrites anything.

use crate::client::Object;
use crate::wire::UploadError;

/// What the bucket said when it was last asked to make an object of the parts.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Last {
    /// It was not asked yet.
    Nothing,
    /// That there is one.
    Done,
    /// Nothing that could be understood.
    Unknown(String),
    /// That it cannot be done with this upload.
    Refused(String),
}

impl Last {
    /// What an answer says; an error if it is about the whole bucket.
    pub(super) fn of(answer: Result<(), UploadError>) -> Result<Self, String> {
        match answer {
            Ok(()) => Ok(Self::Done),
            Err(UploadError::TryAgain { reason, .. }) => Ok(Self::Unknown(reason)),
            Err(UploadError::Refused { message, .. }) => Ok(Self::Refused(message)),
            Err(other) => Err(other.to_string()),
        }
    }
}

/// What the object would be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ours<'a> {
    pub(super) task: &'a str,
    pub(super) bytes: u64,
}

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// It is there.
    Done,
    /// Another is there.
    InTheWay,
    /// The bucket is to be asked to make it.
    Complete,
    /// It has to be sent anew, for this reason.
    Anew(String),
}

/// What is to be done, with what is there now.
pub(super) fn next(found: Option<&Object>, last: &Last, ours: Ours<'_>) -> Next {
    match (found, last) {
        (Some(found), last) if is_ours(found, last, ours) => Next::Done,
        (Some(_), _) => Next::InTheWay,
        (None, Last::Nothing | Last::Unknown(_)) => Next::Complete,
        (None, Last::Refused(reason)) => Next::Anew(reason.clone()),
        (None, Last::Done) => Next::Anew("the bucket has not what it took".to_owned()),
    }
}

/// A bucket that keeps no metadata shows what it has just made without a task.
fn is_ours(found: &Object, last: &Last, ours: Ours<'_>) -> bool {
    let same_length = found.bytes.is_none_or(|bytes| bytes == ours.bytes);
    same_length
        && match &found.task {
            Some(task) => task == ours.task,
            None => *last == Last::Done,
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: Ours<'_> = Ours { task: "t1", bytes: 7 };

    fn object(bytes: Option<u64>, task: Option<&str>) -> Option<Object> {
        Some(Object { bytes, task: task.map(str::to_owned) })
    }

    #[test]
    fn an_object_is_made_once_and_over_nothing() {
        let why = || "why".to_owned();
        let (nothing, done) = (Last::Nothing, Last::Done);
        let (unknown, refused) = (Last::Unknown(why()), Last::Refused(why()));
        let ours = object(Some(7), Some("t1"));
        for last in [&nothing, &done, &unknown, &refused] {
            assert_eq!(next(ours.as_ref(), last, OURS), Next::Done, "{last:?}");
            for other in [object(Some(7), Some("t2")), object(Some(8), Some("t1"))] {
                assert_eq!(next(other.as_ref(), last, OURS), Next::InTheWay, "{last:?}");
            }
        }
        assert_eq!(next(None, &nothing, OURS), Next::Complete);
        assert_eq!(next(None, &unknown, OURS), Next::Complete, "asked again");
        assert_eq!(next(None, &refused, OURS), Next::Anew(why()));
        assert!(matches!(next(None, &done, OURS), Next::Anew(_)));
        let nameless = object(None, None);
        assert_eq!(next(nameless.as_ref(), &done, OURS), Next::Done);
        for last in [&nothing, &unknown, &refused] {
            assert_eq!(next(nameless.as_ref(), last, OURS), Next::InTheWay, "{last:?}");
        }
    }

    #[test]
    fn what_is_about_the_whole_bucket_is_no_answer_about_an_object() {
        let again = Last::of(Err(UploadError::again("reset"))).unwrap();
        assert_eq!(again, Last::Unknown("reset".to_owned()));
        let refused = Last::of(Err(UploadError::refused("NoSuchUpload", "gone"))).unwrap();
        assert_eq!(refused, Last::Refused("gone".to_owned()));
        let denied = Last::of(Err(UploadError::Bucket("denied".to_owned())));
        assert_eq!(denied, Err("denied".to_owned()));
    }
}
