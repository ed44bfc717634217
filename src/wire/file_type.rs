//! The kinds of files that the API takes, by their endings.

use crate::pair::Role;

/// A portrait's or a recording's format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FileType {
    /// A picture.
    Jpeg,
    /// A picture.
    Png,
    /// A picture.
    Webp,
    /// A picture.
    Gif,
    /// A picture.
    Avif,
    /// Sound.
    Mp3,
    /// Sound.
    Wav,
    /// Sound.
    Ogg,
    /// Sound.
    M4a,
    /// Sound.
    Aac,
}

impl FileType {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Jpeg,
        Self::Png,
        Self::Webp,
        Self::Gif,
        Self::Avif,
        Self::Mp3,
        Self::Wav,
        Self::Ogg,
        Self::M4a,
        Self::Aac,
    ];

    /// By the ending of a file's name, in whatever case, without the dot.
    #[must_use]
    pub fn of_ending(ending: &str) -> Option<Self> {
        match ending.to_ascii_lowercase().as_str() {
            "jpeg" | "jfif" | "jpe" => Some(Self::Jpeg),
            "oga" => Some(Self::Ogg),
            "m4b" => Some(Self::M4a),
            ending => Self::ALL.into_iter().find(|known| known.ending() == ending),
        }
    }

    /// How its files end, without the dot.
    #[must_use]
    pub const fn ending(self) -> &'static str {
        match self {
            Self::Jpeg => "jpg",
            Self::Png => "png",
            Self::Webp => "webp",
            Self::Gif => "gif",
            Self::Avif => "avif",
            Self::Mp3 => "mp3",
            Self::Wav => "wav",
            Self::Ogg => "ogg",
            Self::M4a => "m4a",
            Self::Aac => "aac",
        }
    }

    /// Its media type (RFC 6838).
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Webp => "image/webp",
            Self::Gif => "image/gif",
            Self::Avif => "image/avif",
            Self::Mp3 => "audio/mpeg",
            Self::Wav => "audio/wav",
            Self::Ogg => "audio/ogg",
            Self::M4a => "audio/mp4",
            Self::Aac => "audio/aac",
        }
    }

    /// Which half of a pair it can be.
    #[must_use]
    pub const fn role(self) -> Role {
        match self {
            Self::Jpeg | Self::Png | Self::Webp | Self::Gif | Self::Avif => Role::Image,
            Self::Mp3 | Self::Wav | Self::Ogg | Self::M4a | Self::Aac => Role::Audio,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endings_lead_back_to_their_types() {
        for known in FileType::ALL {
            assert_eq!(FileType::of_ending(&known.ending().to_uppercase()), Some(known));
            let kind = known.media_type().split('/').next();
            let role = if kind == Some("image") { Role::Image } else { Role::Audio };
            assert_eq!(known.role(), role);
        }
        for (ending, kind) in [
            ("JPEG", FileType::Jpeg),
            ("jfif", FileType::Jpeg),
            ("oga", FileType::Ogg),
            ("M4B", FileType::M4a),
        ] {
            assert_eq!(FileType::of_ending(ending), Some(kind));
        }
        for other in ["", "mp4", "svg", "jpg.exe", ".jpg"] {
            assert_eq!(FileType::of_ending(other), None, "{other}");
        }
    }
}
