//! Patterns by which scenarios name URLs and ids.

/// Whether a text contains the pattern or, with `*` or `?` in it, matches it as a whole.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    if !pattern.contains(['*', '?']) {
        return text.contains(pattern);
    }
    glob(pattern.as_bytes(), text.as_bytes())
}

/// Matches from the left, and on a mismatch lets the last `*` take one byte more.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t, mut retry) = (0, 0, None);
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                retry = Some((p, t));
                p += 1;
            }
            Some(byte) if *byte == b'?' || *byte == text[t] => (p, t) = (p + 1, t + 1),
            _ => match retry {
                Some((star, taken)) => {
                    retry = Some((star, taken + 1));
                    (p, t) = (star + 1, taken + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_substrings_or_globs() {
        assert!(matches("anna", "https://h/anna.jpg"));
        assert!(!matches("ben", "https://h/anna.jpg"));
        assert!(matches("*/anna.?pg", "https://h/anna.jpg"));
        assert!(matches("*a*a*", "banana"));
        assert!(!matches("anna*", "https://h/anna.jpg"));
        assert!(matches("**", ""));
    }
}
