//! From bytes to facts.

use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::files::hexadecimal;
use crate::fitness::{Content, Ending, Face, Faces, Facts, Trouble};
use crate::media::audio::{self, Audio, Sound};
use crate::media::face;
use crate::media::image::{self, Image};
use crate::pair::Role;

/// What the bytes of a medium are. Takes milliseconds of a processor, more to look for a face.
#[must_use]
pub fn examine(bytes: &[u8], role: Role, faces: Faces) -> Facts {
    let picture = || match image::look(bytes) {
        Ok(image) => Ok(picture(bytes, &image, faces, Ending::There)),
        Err(no) => match image::without_end(bytes).filter(|it| face::is_complete(bytes, it)) {
            Some(image) => Ok(picture(bytes, &image, faces, Ending::Missing)),
            None => Err(no),
        },
    };
    let sound = || audio::measure(bytes).map(sound);
    // The other one may have been meant: then it is said what that is.
    let content = match role {
        Role::Image => picture().or_else(|no| sound().map_err(|_| bad_picture(no))),
        Role::Audio => sound().or_else(|no| picture().map_err(|_| bad_sound(no))),
    };
    let content = content.unwrap_or_else(Content::Unfit);
    let sha256 = hexadecimal(&Sha256::digest(bytes));
    Facts { bytes: bytes.len() as u64, sha256, content }
}

fn picture(bytes: &[u8], image: &Image, faces: Faces, ending: Ending) -> Content {
    let face = match faces {
        Faces::Ignored => Face::NotAsked,
        Faces::LookedFor => match face::find(bytes, image) {
            face::Faces::Seen(_) => Face::Seen,
            face::Faces::NotSeen => Face::NotSeen,
            face::Faces::NotChecked(reason) => Face::NotChecked(reason.to_string()),
        },
    };
    let size = (image.width, image.height);
    Content::Picture { kind: image.kind.to_string(), size, face, ending }
}

fn bad_picture(unfit: image::ImageFlaw) -> Trouble {
    use image::ImageFlaw::{Cut, Damaged, Empty, Other, Page, Unknown};
    let (code, help) = match unfit {
        Empty => ("image_empty", "is it the right file?"),
        Page => ("not_public", LOGIN),
        Other(_) | Unknown => ("not_an_image", "convert it to JPG or PNG"),
        Cut(_) => ("image_cut", "did its upload break off? Upload it again, or save it anew"),
        Damaged(_) => ("image_damaged", "save it anew"),
    };
    Trouble::new(code, unfit.to_string(), help)
}

/// What a host answers that wants people to log in, or that lost the file.
const LOGIN: &str = "the API fetches it without a login: give the URL of the file itself";

fn sound(audio: Audio) -> Content {
    Content::Sound {
        kind: audio.kind.to_string(),
        millis: audio.length.map(millis),
        claimed: audio.claimed.map(millis),
        silent: match audio.sound {
            Sound::Heard => Some(false),
            Sound::Silent => Some(true),
            Sound::NotChecked => None,
        },
        cut: audio.cut,
    }
}

fn bad_sound(unfit: audio::AudioFlaw) -> Trouble {
    use audio::AudioFlaw::{Cut, Empty, NoSound, Other, Page, Unknown};
    let (code, help) = match unfit {
        Empty => ("audio_empty", "is it the right file?"),
        Page => ("not_public", LOGIN),
        Other(_) | Unknown => ("not_audio", "convert it to MP3, WAV, OGG, M4A or AAC"),
        Cut => ("audio_cut", "did its upload break off? Upload it again"),
        NoSound => ("audio_empty", "record it again"),
    };
    Trouble::new(code, unfit.to_string(), help)
}

/// Up to the next whole one: what begins may be billed.
fn millis(length: Duration) -> u64 {
    u64::try_from(length.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}
