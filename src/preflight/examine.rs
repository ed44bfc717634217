//! From bytes to facts.

use bytes::Bytes;
use sha2::{Digest, Sha256};

use crate::files::hexadecimal;
use crate::fitness::{Content, Faces, Facts, Trouble};
use crate::pair::Role;

/// What the bytes of a medium are. Takes milliseconds of a processor, more to look for a face.
pub(super) fn examine(bytes: Bytes, role: Role, faces: Faces) -> Facts {
    let sha256 = hexadecimal(&Sha256::digest(&bytes));
    let content = match role {
        Role::Image => picture(&bytes, faces),
        Role::Audio => sound(&bytes),
    };
    Facts { bytes: bytes.len() as u64, sha256, content }
}

fn picture(_bytes: &Bytes, _faces: Faces) -> Content {
    Content::Unfit(Trouble::new("todo", "", ""))
}

fn sound(_bytes: &Bytes) -> Content {
    Content::Unfit(Trouble::new("todo", "", ""))
}
