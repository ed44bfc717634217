//! The database at work while the run folder is: what one side reads the other writes, some pages behind.
//!
//! The connection has a thread of its own for that long. A side that ends early ends the other, and its reason
//! is the one that counts.

use crate::ledger::postgres::error::SharedError;

/// How many pages one side may be ahead of the other.
pub(super) const AHEAD: usize = 2;

const GONE: &str = "the other side of a copy ended";

/// For a side that finds the other one gone.
pub(super) fn gone<E>(_: E) -> SharedError {
    SharedError::Broken(GONE)
}

/// What both sides come to, one of them on a thread.
pub(super) fn beside<T: Send, U>(
    there: impl FnOnce() -> Result<T, SharedError> + Send,
    here: impl FnOnce() -> Result<U, SharedError>,
) -> Result<(T, U), SharedError> {
    std::thread::scope(|scope| {
        let there = scope.spawn(there);
        // Its ends of what joins them go with it.
        let here = here();
        match (here, there.join().unwrap_or_else(|_| Err(gone(())))) {
            (Ok(here), Ok(there)) => Ok((there, here)),
            (Err(SharedError::Broken(GONE)), Err(why)) | (Err(why), _) | (_, Err(why)) => Err(why),
        }
    })
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;

    use super::*;

    fn local(why: &str) -> SharedError {
        SharedError::Local(why.to_owned())
    }

    /// Pages go to `there`, until one of the two says what is wrong.
    fn both(bad_there: Option<u32>, bad_here: Option<u32>) -> Result<(u32, u32), String> {
        let (gives, given) = sync_channel(AHEAD);
        let there = move || {
            let mut seen = 0;
            loop {
                match given.recv().map_err(gone)? {
                    Some(page) if bad_there == Some(page) => return Err(local("there")),
                    Some(_) => seen += 1,
                    None => return Ok(seen),
                }
            }
        };
        let here = move || {
            for page in 0..20 {
                if bad_here == Some(page) {
                    return Err(local("here"));
                }
                gives.send(Some(page)).map_err(gone)?;
            }
            gives.send(None).map_err(gone)?;
            Ok(20)
        };
        beside(there, here).map_err(|error| error.to_string())
    }

    #[test]
    fn whoever_ends_early_has_the_reason() {
        assert_eq!(both(None, None), Ok((20, 20)));
        assert!(both(Some(3), None).is_err_and(|why| why.contains("there")));
        assert!(both(None, Some(7)).is_err_and(|why| why.contains("here")));
    }
}
