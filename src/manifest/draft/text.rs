//! A draft as a manifest to edit.

use std::fmt::Write;

use super::Draft;

/// What stands above the pairs: every setting that one may want, as it is without a word.
const SETTINGS: &str = "\
version: 1

# concurrency: 4                 # creates under way at once
# rate: 60/min                   # creates started; without it, no limit
# max_audio: 30s                 # the longest recording that is sent
# price_per_second: 0.16         # with it, plans speak in money
# ledger: postgres://me@db/me    # many machines at work on one batch; no password here

# Files are handed to the API's own storage, just before they are needed. Or to a bucket:
# uploads: {bucket: NAME, endpoint: https://s3.eu-central-1.amazonaws.com, region: eu-central-1}

# What every pair takes that does not say it itself:
# defaults:
#   prompt: The person speaks calmly to the camera

# An id names the pair and its video for good: change it before the first run, not after.
pairs:
";

/// What YAML, in one version or another, takes for something else than text.
const WORDS: [&str; 9] = ["null", "true", "false", "yes", "no", "on", "off", "y", "n"];

impl Draft {
    /// The manifest, with `below` in front of every path: the way from it to the folder.
    #[must_use]
    pub fn manifest(&self, below: &str) -> String {
        let mut text = format!(
            "# Written by `callsheet init`, and never written to again: edit it.\n\
             # Each pair becomes one video, and one paid request.\n{SETTINGS}"
        );
        let path = |path: &str| quoted(&format!("./{below}{path}"));
        for pair in &self.pairs {
            let (image, audio) = (path(&pair.image), path(&pair.audio));
            let _ = write!(
                text,
                "  - id: {}\n    image: {image}\n    audio: {audio}\n",
                quoted(&pair.id)
            );
        }
        if !self.left_out.is_empty() {
            text.push_str("\n# Left out:\n");
        }
        for file in &self.left_out {
            let reason = file.reason.to_string();
            let _ = writeln!(text, "# {}: {}", path(&file.path), escaped(&reason));
        }
        text
    }
}

/// A scalar that means this text and nothing else.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "./_-".contains(c);
    let named = text.starts_with("./") || text.starts_with(|c: char| c.is_ascii_alphabetic());
    let word = WORDS.iter().any(|word| text.eq_ignore_ascii_case(word));
    match named && !word && text.chars().all(plain) {
        true => text.to_owned(),
        false => format!("\"{}\"", escaped(&text.replace('\\', "\\\\").replace('"', "\\\""))),
    }
}

/// On one line, and nothing in it that a terminal or an editor would obey.
fn escaped(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        let directs = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        let breaks = c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}');
        if directs || breaks {
            let _ = write!(shown, "\\u{:04x}", u32::from(c));
        } else {
            shown.push(c);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_that_is_offered_is_one() {
        let is_setting = |line: &str| {
            let rest = line.trim_start_matches(|c: char| c.is_ascii_lowercase() || c == '_');
            line.starts_with("  ") || rest.len() < line.len() && rest.starts_with(':')
        };
        let offered = |line: &'static str| match line.strip_prefix("# ") {
            Some(setting) if is_setting(setting) => setting,
            _ => line,
        };
        let settings: Vec<_> = SETTINGS.lines().map(offered).collect();
        let pair = "  - {image: https://e.co/a.jpg, audio: https://e.co/b.mp3}";
        let yaml = format!("{}\n{pair}\n", settings.join("\n"));
        let manifest = crate::manifest::tests::parse(&yaml).unwrap();
        assert_eq!(manifest.uploads.unwrap().name, "NAME");
        let price = manifest.spending.price.and_then(|price| price.linear());
        let price = price.map(|price| price.to_string());
        assert_eq!((manifest.concurrency.get(), price.as_deref()), (4, Some("0.16")));
        assert!(manifest.pairs[0].request.to_json()["prompt"].is_string());
    }

    #[test]
    fn any_text_comes_back_from_yaml_as_it_was() {
        for text in [
            "anna-en",
            "ben",
            "e.v2",
            "./a b.jpg",
            "null",
            "yes",
            "true",
            "NO",
            "12",
            "0x1F",
            "1e3",
            "./-.wav",
            "./a: b.jpg",
            "./a #b.jpg",
            "./\"quoted\".jpg",
            "./back\\slash.jpg",
            "./it's.wav",
            "./line\nbreak.wav",
            "./tab\t.wav",
            "./\u{1b}[2J.wav",
            "./Müller 张.jpg",
            "./\u{202e}gpj.wav",
            "./\u{2028}.wav",
            "./\u{7f}\u{85}.wav",
            "./{{x}}.jpg",
            "./%00.jpg",
            "./*.jpg",
            "./&a.jpg",
            "~",
            "",
            "-",
            "./\u{feff}.wav",
            "./😀.wav",
        ] {
            let yaml = quoted(text);
            assert_eq!(yaml.lines().count(), 1, "{yaml}");
            assert!(!yaml.chars().any(char::is_control), "{yaml:?}");
            if ["anna-en", "ben", "e.v2", "./-.wav"].contains(&text) {
                assert_eq!(yaml, text, "quotes are for what needs them");
            }
            let read: serde_json::Value = serde_yaml::from_str(&format!("a: {yaml}")).unwrap();
            assert_eq!(read["a"].as_str(), Some(text), "{yaml}");
        }
    }
}
