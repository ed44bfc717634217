//! URLs in a manifest, and the ids that pairs get from them.

use std::borrow::Cow;

use url::Url;

use crate::pair::{
    Endpoint, LocalFile, PairId, Source, UrlError, alphabet, old_alphabet, plain_path,
};

use super::fields::{Field, Reading};
use super::problem::Finding;
use super::slips;
use super::tables::TableFile;
use super::tree::Kind;
use super::typed::{ESCAPE, ESCAPE_HELP};

/// One of the two media of a pair.
#[derive(Debug)]
pub(super) struct Medium {
    pub(super) spellings: [&'static str; 2],
    /// For messages: "the URL of the … ".
    of: &'static str,
    /// File endings that show that the other medium was meant.
    foreign: &'static [&'static str],
}

const PICTURES: &[&str] = &["jpg", "jpeg", "png", "webp", "gif", "avif"];
const SOUNDS: &[&str] = &["mp3", "wav", "ogg", "m4a", "aac"];

pub(super) const IMAGE: Medium =
    Medium { spellings: ["image", "image_url"], of: "portrait", foreign: SOUNDS };
pub(super) const AUDIO: Medium =
    Medium { spellings: ["audio", "audio_url"], of: "recording", foreign: PICTURES };

impl<'t> Reading<'t> {
    /// A media URL or the name of a file, or a note why it is neither.
    pub(super) fn source(&mut self, field: &Field<'t>, medium: &Medium) -> Option<Source> {
        let Kind::Text(text) = &field.node.kind else {
            let help = format!("give the public https:// URL of the {}, or its file", medium.of);
            self.wrong(field, "a URL or the name of a file", &help);
            return None;
        };
        self.warn_of_cut(field);
        if let Some(slip) = slips::of_address(text).or_else(|| slips::of_quotes(text)) {
            self.refuse(field, &slip.what, "a public https:// URL", &slip.help);
            return None;
        }
        match self.texts.url(text, self.plain) {
            Ok(url) => {
                let source = Source::Url(url);
                self.warn_of_foreign_ending(field, &source, medium);
                Some(source)
            }
            Err(error) if !is_url(&error) && is_local(text) => self.local_file(field, text, medium),
            Err(error) => {
                self.refuse(field, &error, "a public https:// URL", url_help(&error));
                None
            }
        }
    }

    /// Whether it is there is looked at by whoever may read files.
    fn local_file(&mut self, field: &Field<'t>, text: &str, medium: &Medium) -> Option<Source> {
        if is_file_url(text) {
            let help = "write the path without `file:`, relative to the manifest";
            self.refuse(field, "this is a file: URL", "a path or an https:// URL", help);
            return None;
        }
        if text.chars().any(char::is_control) {
            let raw = self.raw(field.node);
            let help = match raw.starts_with('"') && raw.contains('\\') {
                true => format!("{ESCAPE}: {ESCAPE_HELP}"),
                false => "give the file a name without such characters".to_owned(),
            };
            self.refuse(field, "the name has a control character in it", "a path", &help);
            return None;
        }
        let source = Source::File(LocalFile::new(&self.in_folder(text)));
        self.warn_of_foreign_ending(field, &source, medium);
        Some(source)
    }

    /// The path of a file from the manifest's folder on: that of a table's row starts in the folder
    /// of the table.
    fn in_folder(&self, path: &str) -> String {
        let folder = self.within.map_or("", TableFile::folder);
        let absolute = path.starts_with(['/', '\\']) || path.as_bytes().get(1) == Some(&b':');
        if folder.is_empty() || absolute { path.to_owned() } else { format!("{folder}/{path}") }
    }

    fn warn_of_foreign_ending(&mut self, field: &Field<'t>, source: &Source, medium: &Medium) {
        let name = file_name(source);
        let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
        if medium.foreign.iter().any(|foreign| ending.eq_ignore_ascii_case(foreign)) {
            let ending = ending.to_ascii_lowercase();
            let message = format!("`{}` ends in `.{ending}`", field.name);
            let label = format!("expected the {}", medium.of);
            let finding = Finding::new(field.span(), message, label);
            self.warnings.note(finding.help("are image and audio swapped?"));
        }
    }

    pub(super) fn endpoint(&mut self, field: &Field<'t>) -> Option<Endpoint> {
        let text = self.text(field)?;
        let bare = slips::without_version(text);
        match Endpoint::parse(bare, self.plain) {
            Ok(endpoint) => {
                if bare != text {
                    tracing::info!("`/v1` at the end of `endpoint` is taken off");
                }
                Some(endpoint)
            }
            Err(error) => {
                if let Some(meant) = slips::with_scheme(text) {
                    let help = format!("write {meant}");
                    self.refuse(field, "it has no scheme", "https:// and a host", &help);
                    return None;
                }
                self.refuse(field, &error, "https:// and a host", url_help(&error));
                None
            }
        }
    }
}

/// Whether what is wrong shows that it is no file's name.
fn is_url(error: &UrlError) -> bool {
    matches!(error, UrlError::Empty | UrlError::Form(_))
}

/// A path on this machine, on whatever system; not a URL with a slip in it.
fn is_local(text: &str) -> bool {
    let drive = text.as_bytes().get(1) == Some(&b':');
    drive || is_file_url(text) || !text.contains("://") && !text.starts_with("www.")
}

fn is_file_url(text: &str) -> bool {
    text.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("file:"))
}

/// What to do about a URL that is refused.
fn url_help(error: &UrlError) -> &'static str {
    match error {
        UrlError::Empty => "give it a URL",
        UrlError::Character => "write a space as %20, and the URL on one line",
        UrlError::TooLong => "give a shorter URL: servers refuse this one",
        UrlError::Form(_) => "write it as https://example.com/anna.jpg; a backslash as %5C",
        UrlError::Syntax(_) => "a URL looks like https://example.com/anna.jpg",
        UrlError::Scheme(_) => "give an address that starts with https://",
        UrlError::PlainHttp => "write https://, or run with --allow-http",
        UrlError::Credentials => "remove what stands before the `@`; use a signed URL instead",
        UrlError::NotAnOrigin => "remove everything after the host",
    }
}

/// The last part of the path; that of a URL decoded.
fn file_name(source: &Source) -> Cow<'_, str> {
    if let Source::File(file) = source {
        return file.path.rsplit(['/', '\\']).next().unwrap_or_default().into();
    }
    let last = plain_path(source.as_written()).and_then(|path| path.rsplit('/').next());
    // `..` and `%2e` take a part away.
    if let Some(last) = last.filter(|last| !last.contains('%') && !last.starts_with('.')) {
        return last.into();
    }
    let parsed = Url::parse(source.as_written()).ok();
    let last = parsed.as_ref().and_then(|url| url.path_segments()?.next_back());
    decoded(last.unwrap_or_default()).into()
}

/// With `%20` and the like replaced by what they stand for.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let hex = tail.get(..2).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        let hex = hex.and_then(|digits| std::str::from_utf8(digits).ok());
        match hex.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) if *first == b'%' => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// `<image stem>-<audio stem>`, and `-take2` for a second take; nothing when no id comes of it.
pub(super) fn default_id(image: &Source, audio: &Source, take: u32) -> Option<PairId> {
    joined([image, audio].map(|source| alphabet(&stem(source))), take)
}

/// The id that releases whose ids were ASCII gave to such a pair, if it was another one. A pair may
/// have been paid for under it.
pub(super) fn former_id(image: &Source, audio: &Source, take: u32) -> Option<PairId> {
    let former = joined([image, audio].map(|source| old_alphabet(&stem(source))), take);
    former.filter(|former| default_id(image, audio, take).as_ref() != Some(former))
}

fn joined([image, audio]: [String; 2], take: u32) -> Option<PairId> {
    if image.is_empty() || audio.is_empty() {
        return None;
    }
    let id = match take {
        1 => format!("{image}-{audio}"),
        _ => format!("{image}-{audio}-take{take}"),
    };
    PairId::parse(&id).ok()
}

/// The name of the file without its ending.
fn stem(source: &Source) -> String {
    let name = file_name(source);
    name.rsplit_once('.').map_or(&*name, |(stem, _)| stem).to_owned()
}

/// A name in the alphabet of ids; empty if nothing of it is in that.
pub(super) fn part_of_id(name: &str) -> String {
    alphabet(name)
}

#[cfg(test)]
mod tests {
    use crate::pair::{MediaUrl, PlainHttp};

    use super::*;

    #[test]
    fn ids_come_from_file_names() {
        let url = |path: &str| {
            let url = format!("https://example.com/{path}");
            Source::Url(MediaUrl::parse(&url, PlainHttp::Loopback).unwrap())
        };
        let id = |image, audio, take| {
            default_id(&url(image), &url(audio), take).map(|id| id.as_str().to_owned())
        };
        for (image, audio, expected) in [
            ("p/anna.jpg", "s/hello.mp3?sig=1/2", "anna-hello"),
            ("Anna%20M%C3%BCller.v2.jpg", "b_.c.mp3", "Anna-Müller.v2-b_.c"),
            ("%E7%8E%8B.jpg", "%E4%BD%A0%E5%A5%BD.mp3", "王-你好"),
            ("%2e%2e%2fup.jpg", "100%.mp3", "up-100"),
            ("noending", "x%4.y", "noending-x-4"),
        ] {
            assert_eq!(id(image, audio, 1).as_deref(), Some(expected), "{image} {audio}");
        }
        assert_eq!(id("a.jpg", "b.mp3", 2).as_deref(), Some("a-b-take2"));
        for (image, audio) in
            [("", "b.mp3"), ("x/..", "b.mp3"), ("%F0%9F%8E%A4.jpg", "b.mp3"), ("a.jpg", ".mp3")]
        {
            assert_eq!(id(image, audio, 1), None, "{image} {audio}");
        }
        let local = |path| Source::File(LocalFile::new(path));
        let id_of_files = default_id(&local("./a b/anna.x.jpg"), &local(r"c\en.wav"), 1).unwrap();
        assert_eq!(id_of_files.as_str(), "anna.x-en");
        assert_eq!(id(&"x".repeat(100), &"y".repeat(100), 1), None);
    }

    #[test]
    fn the_ids_of_earlier_releases_are_known() {
        let local = |path| Source::File(LocalFile::new(path));
        let former = |image, audio, take| {
            former_id(&local(image), &local(audio), take).map(|id| id.as_str().to_owned())
        };
        assert_eq!(former("Müller.jpg", "hello.mp3", 1).as_deref(), Some("M-ller-hello"));
        assert_eq!(former("Müller.jpg", "hello.mp3", 2).as_deref(), Some("M-ller-hello-take2"));
        assert_eq!(former("anna b.jpg", "hello.mp3", 1), None, "as it was");
        assert_eq!(former("张.jpg", "hello.mp3", 1), None, "was refused");
    }
}
