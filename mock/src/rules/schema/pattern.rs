//! Patterns, which JSON Schema takes from JavaScript.
//!
//! The crate `regex` reads many of its signs otherwise: `.`, `\d`, `\w` and `\s` above all. Only
//! what means the same in both is let through, and `\s` is written out.

use std::iter::Peekable;
use std::str::Chars;

use regex::Regex;

/// What white space is in JavaScript; other readers have U+0085 in it and not U+FEFF.
const SPACE: &str =
    r"\t-\r \u{a0}\u{1680}\u{2000}-\u{200a}\u{2028}\u{2029}\u{202f}\u{205f}\u{3000}\u{feff}";

/// Compiles a pattern; `None` if anything in it is not known to mean the same here.
pub(super) fn compile(pattern: &str) -> Option<Regex> {
    Regex::new(&translate(pattern)?).ok()
}

/// Signs that an escape makes plain in both readers.
const PLAIN: &str = r"^$\.*+?()[]{}|/-";

fn translate(pattern: &str) -> Option<String> {
    let mut signs = pattern.chars().peekable();
    let mut written = String::new();
    while let Some(sign) = signs.next() {
        match sign {
            '[' => class(&mut signs, &mut written)?,
            '\\' => match signs.next()? {
                's' => written.extend(["[", SPACE, "]"]),
                'S' => written.extend(["[^", SPACE, "]"]),
                escaped => plain(escaped, &mut written)?,
            },
            '.' => return None,
            '(' if signs.peek() == Some(&'?') => return None,
            '{' if !signs.peek().is_some_and(char::is_ascii_digit) => return None,
            '?' | '*' | '+' | '}' if matches!(signs.peek(), Some('?' | '+')) => return None,
            _ => written.push(sign),
        }
    }
    Some(written)
}

fn plain(escaped: char, written: &mut String) -> Option<()> {
    written.extend(PLAIN.contains(escaped).then_some(['\\', escaped])?);
    Some(())
}

/// A class up to its end. Doubled signs are operators to one of the two readers, and an empty
/// class is a mistake to it.
fn class(signs: &mut Peekable<Chars<'_>>, written: &mut String) -> Option<()> {
    written.push('[');
    written.extend(signs.next_if_eq(&'^'));
    if signs.peek() == Some(&']') {
        return None;
    }
    loop {
        match signs.next()? {
            ']' => break,
            '\\' => match signs.next()? {
                's' if !written.ends_with('-') && signs.peek() != Some(&'-') => {
                    written.push_str(SPACE);
                }
                escaped => plain(escaped, written)?,
            },
            '[' => return None,
            sign @ ('&' | '-' | '~') if signs.peek() == Some(&sign) => return None,
            sign => written.push(sign),
        }
    }
    written.push(']');
    Some(())
}
