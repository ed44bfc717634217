//! Slips of the finger, and of programs that mean well: characters that look like others, and
//! addresses that a browser would mend in silence and a server reads otherwise.

use crate::pair::{is_hidden, plain_path};

/// What is wrong, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Slip {
    pub(super) what: String,
    pub(super) help: String,
}

impl Slip {
    /// Somebody copied more than can be seen.
    pub(super) fn invisible(c: char) -> Self {
        let what = format!("an invisible character, U+{:04X}, is in it", u32::from(c));
        Self::new(what, "type it again instead of copying it")
    }

    fn new(what: impl Into<String>, help: impl Into<String>) -> Self {
        Self { what: what.into(), help: help.into() }
    }
}

/// What stands at the end of a URL that was copied out of a list or a program.
const ENDS: [(char, &str); 9] = [
    (',', "a comma"),
    (';', "a semicolon"),
    ('"', "a quote"),
    ('\'', "a quote"),
    ('”', "a quote"),
    ('’', "a quote"),
    ('，', "a full-width comma"),
    ('。', "a full stop"),
    ('、', "a comma"),
];

/// What is wrong with an address that looks like one of the web's; nothing for names of files.
pub(super) fn of_address(text: &str) -> Option<Slip> {
    // None of what follows is in it.
    if plain_path(text).is_some() {
        return None;
    }
    let folded = twins_replaced(text).to_ascii_lowercase();
    let rest = folded.strip_prefix("https:").or_else(|| folded.strip_prefix("http:"))?;
    // Further on they may belong to the name of a file; but a space never does.
    let slashes = text.chars().zip(folded.chars()).scan(0, |slashes, (c, plain)| {
        *slashes += u32::from(plain == '/');
        Some((*slashes, c))
    });
    let odd = slashes.filter_map(|(slashes, c)| Some((slashes, c, twin(c)?)));
    let mut odd = odd.filter(|(slashes, _, twin)| *slashes < 3 || *twin == ' ');
    if let Some((_, c, twin)) = odd.next() {
        return Some(look_alike(c, twin));
    }
    if let Some(c) = text.chars().find(|c| is_hidden(*c)) {
        return Some(Slip::invisible(c));
    }
    if text.contains('\\') {
        return Some(Slip::new("it has a backslash in it", "a URL has only `/` between its parts"));
    }
    if !rest.starts_with("//") {
        return Some(Slip::new("two slashes are missing after the colon", "write https://"));
    }
    let query = text.split_once('?').map_or("", |(_, query)| query);
    if query.contains("&amp;") {
        return Some(Slip::new(
            "it was copied out of a page's source",
            "write `&` for each `&amp;`",
        ));
    }
    let end = ENDS.iter().find(|(c, _)| text.ends_with(*c));
    end.map(|(c, name)| {
        Slip::new(format!("it ends in {name}"), format!("remove the {c} at its end"))
    })
}

/// What is wrong with a key or a word, if it has a character in it that only looks like another.
pub(super) fn of_word(text: &str) -> Option<Slip> {
    text.chars().find_map(|c| match twin(c) {
        Some(twin) => Some(look_alike(c, twin)),
        None => is_hidden(c).then(|| Slip::invisible(c)),
    })
}

/// What is wrong with a text in quotes that YAML takes for letters.
pub(super) fn of_quotes(text: &str) -> Option<Slip> {
    let is_quote = |c: &char| matches!(twin(*c), Some('"' | '\''));
    let first = text.chars().next().filter(is_quote)?;
    text.chars().next_back().filter(is_quote)?;
    let slip = look_alike(first, twin(first)?);
    Some(Slip { what: slip.what.replace(" is in it ", " stands around it "), ..slip })
}

/// What an endpoint without its scheme may have been meant to be.
#[must_use]
pub fn with_scheme(text: &str) -> Option<String> {
    let host = text.split(['/', ':']).next().unwrap_or_default();
    let named = host == "localhost" || host.contains('.') && !host.ends_with('.');
    let plain = host.chars().all(|c| c.is_alphanumeric() || c == '.' || c == '-');
    let scheme = if host == "localhost" || host.starts_with("127.") { "http" } else { "https" };
    let rest = without_version(text);
    // What would have to be hidden is no address that can be offered.
    (named && plain && !text.contains("://") && !text.contains(['@', '?', '#']))
        .then(|| format!("{scheme}://{rest}"))
}

/// An address without the `/v1` at its end, which is part of the API's paths already.
#[must_use]
pub fn without_version(text: &str) -> &str {
    let bare = text.trim_end_matches('/');
    bare.strip_suffix("/v1").unwrap_or(text)
}

fn twins_replaced(text: &str) -> String {
    text.chars().map(|c| twin(c).unwrap_or(c)).collect()
}

/// The ASCII character that somebody meant who typed another one that looks like it.
pub(super) fn twin(c: char) -> Option<char> {
    Some(match c {
        '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => ' ',
        '“' | '”' | '„' | '‟' | '«' | '»' | '＂' | '「' | '」' | '『' | '』' => '"',
        '‘' | '’' | '‚' | '‛' | '＇' => '\'',
        '：' | '︰' | '﹕' | '∶' | '꞉' => ':',
        '，' | '、' | '﹐' => ',',
        '／' | '⁄' | '∕' => '/',
        '－' | '‐' | '‑' | '–' | '—' | '−' => '-',
        '［' => '[',
        '］' => ']',
        '｛' => '{',
        '｝' => '}',
        '＃' => '#',
        '？' => '?',
        '＆' => '&',
        '＝' => '=',
        '．' => '.',
        '％' => '%',
        _ => return None,
    })
}

/// Names both characters: on most screens they look alike.
pub(super) fn look_alike(c: char, twin: char) -> Slip {
    let (shown, meant) = match twin {
        ' ' => (name(c).to_owned(), "a plain space".to_owned()),
        _ => (format!("`{c}`, {},", name(c)), format!("`{twin}`")),
    };
    let what = format!("{shown} (U+{:04X}) is in it where {meant} belongs", u32::from(c));
    Slip::new(what.replace(", (U", " (U"), format!("type {meant} instead"))
}

fn name(c: char) -> &'static str {
    match c {
        '\u{a0}' | '\u{202f}' => "a no-break space",
        '\u{2000}'..='\u{200a}' | '\u{205f}' => "a typographic space",
        '\u{3000}' => "a full-width space",
        '“' | '”' | '„' | '‟' | '‘' | '’' | '‚' | '‛' | '«' | '»' => {
            "a typographic quote"
        }
        '「' | '」' | '『' | '』' => "a corner bracket",
        '‐' | '‑' | '–' | '—' | '−' => "a typographic dash",
        '、' => "an ideographic comma",
        '\u{ff01}'..='\u{ff5e}' => "a full-width character",
        _ => "a look-alike",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_a_browser_would_mend_are_told() {
        for (text, what) in [
            ("https:/e.co/a.jpg", "two slashes are missing after the colon"),
            ("https:e.co/a.jpg", "two slashes are missing after the colon"),
            (r"https:\\e.co\a.jpg", "it has a backslash in it"),
            (r"https://e.co/a\b.jpg", "it has a backslash in it"),
            ("https://e.co/a\u{200b}.jpg", "an invisible character, U+200B, is in it"),
            ("https://e.co/a.jpg?x=1&amp;y=2", "it was copied out of a page's source"),
            ("https://e.co/a.jpg,", "it ends in a comma"),
            ("https://e.co/a.jpg\"", "it ends in a quote"),
            (
                "https：//e.co/a.jpg",
                "`：`, a full-width character (U+FF1A) is in it where `:` belongs",
            ),
            ("HTTPS://e–f.co/a.jpg", "`–`, a typographic dash (U+2013) is in it where `-` belongs"),
            (
                "https://e.co/a.jpg\u{a0}",
                "a no-break space (U+00A0) is in it where a plain space belongs",
            ),
        ] {
            assert_eq!(of_address(text).map(|slip| slip.what).as_deref(), Some(what), "{text}");
        }
        for text in [
            "https://e.co/a.jpg",
            "HTTPS://E.CO/a.jpg",
            "https://e.co/a(1).jpg",
            "https://e.co/&amp;/a.jpg",
            "https://münchen.example/王.jpg",
            "https://e.co/a.jpg?b=c%2C",
            "https://e.co/a–b、c.jpg",
            "faces/anna.jpg",
            r"faces\anna.jpg",
            "httpd/a.jpg",
            "a,",
        ] {
            assert_eq!(of_address(text), None, "{text}");
        }
    }
}
