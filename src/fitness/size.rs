//! How large media may be.

use super::{Remark, Trouble};
use crate::pair::Role;

/// The largest portrait that the API takes, in bytes.
pub const MAX_IMAGE: u64 = 5 * 1024 * 1024;
/// The largest recording that is looked at, in bytes: a minute of studio sound has a fifth of it.
pub const MAX_AUDIO: u64 = 64 * 1024 * 1024;
/// What "5 MB" is to those who count in thousands.
const COUNTED_IN_THOUSANDS: u64 = 5_000_000;

/// What is to be said of the size of a portrait, in bytes.
pub(super) fn of_picture(bytes: u64) -> Option<Remark> {
    if bytes > MAX_IMAGE {
        return Some(too_large(Role::Image, Some(bytes)).into());
    }
    (bytes > COUNTED_IN_THOUSANDS).then(|| {
        let message = "it is a little larger than 5 MB, as many count";
        let help = "make it smaller: the API takes 5 MB, and does not say how it counts";
        Remark::warning("image_large", message, help)
    })
}

/// A medium that is larger than what is taken; `bytes` where that is known.
#[must_use]
pub fn too_large(role: Role, bytes: Option<u64>) -> Trouble {
    let most = match role {
        Role::Image => MAX_IMAGE,
        Role::Audio => MAX_AUDIO,
    };
    let size = |bytes| format!("{}.{} MB large", bytes / 1_000_000, bytes / 100_000 % 10);
    let size = bytes.map_or_else(|| "larger".to_owned(), size);
    let message = format!("it is {size}; at most {} MB are taken", most / (1024 * 1024));
    Trouble::new(&format!("{role}_too_large"), message, "make it smaller")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_large_is_said_so_that_the_limit_is_seen_to_be_passed() {
        let said = |bytes| of_picture(bytes).map(|remark| (remark.code, remark.message));
        assert_eq!(said(5_000_000), None);
        assert_eq!(said(5_000_001).unwrap().0, "image_large");
        let (code, message) = said(MAX_IMAGE + 1).unwrap();
        assert_eq!(code, "image_too_large");
        assert_eq!(message, "it is 5.2 MB large; at most 5 MB are taken");
        let unknown = too_large(Role::Audio, None);
        assert_eq!(unknown.code, "audio_too_large");
        assert_eq!(unknown.message, "it is larger; at most 64 MB are taken");
    }
}
