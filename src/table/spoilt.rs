//! What spreadsheet programs do to cells: long numbers are rounded, names become dates.

use super::cell::Value;

/// What happened to a cell, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spoilt {
    /// Follows the column's name.
    pub message: String,
    /// What to do.
    pub help: &'static str,
}

/// What a cell is read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// An id, or a part of one: what looks like a name that became a date is spoilt.
    Name,
    /// Words for people or machines, which may look like anything.
    Words,
    /// Anything else.
    Other,
}

const AS_TEXT: &str = "set the column's format to Text, then type or paste the cell again";

pub(super) fn of(value: &Value, as_a: Use) -> Option<Spoilt> {
    let (message, help) = match value {
        Value::Number(digits) if is_rounded(digits) => rounded(digits),
        Value::Written(text) | Value::Text(text) if is_error(text.trim()) => broken(text.trim()),
        Value::Written(_) if as_a == Use::Words => return None,
        Value::Written(text) if is_rounded(text.trim()) => rounded(text.trim()),
        Value::Written(text) if as_a == Use::Name && is_date(text.trim()) => {
            (format!("`{}` looks like a name that became a date", text.trim()), AS_TEXT)
        }
        Value::Written(text) if text.starts_with("=\"") || text.starts_with("=HYPERLINK(") => {
            ("this is a formula, not its result".to_owned(), FORMULA)
        }
        Value::Date => ("the cell became a date".to_owned(), AS_TEXT),
        Value::Error(shown) => broken(shown),
        Value::Formula => ("the formula has no result yet".to_owned(), FORMULA),
        Value::Written(_) | Value::Text(_) | Value::Number(_) => return None,
        Value::Bool(_) | Value::Null | Value::Json(_) => return None,
    };
    Some(Spoilt { message, help })
}

const FORMULA: &str = "open the file in a spreadsheet program and save it again, or paste the \
                       formula's result as a value";

fn rounded(digits: &str) -> (String, &'static str) {
    let digits = digits.chars().take(40).collect::<String>();
    (format!("`{digits}` is a long number that was rounded"), AS_TEXT)
}

fn broken(shown: &str) -> (String, &'static str) {
    let shown = shown.chars().take(40).collect::<String>();
    (format!("the cell shows the error `{shown}`"), "mend the formula, or write the value itself")
}

/// `1.23E+15`, `4E+12`, `1,23E+15`: digits were lost.
fn is_rounded(text: &str) -> bool {
    let Some((mantissa, exponent)) = text.split_once(['E', 'e']) else { return false };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let whole = match mantissa.split_once(['.', ',']) {
        Some((whole, rest)) => digits(rest).then_some(whole),
        None => Some(mantissa),
    };
    let positive = exponent.strip_prefix('+').is_some_and(digits);
    positive && whole.is_some_and(|whole| digits(whole.trim_start_matches('-')))
}

/// `12-Mar`, `Mar-12`, `3月12日`, `2026/3/12`: as spreadsheets write a date that was `3-12`.
fn is_date(text: &str) -> bool {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let digits =
        |text: &str| (1..=4).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    let parts: Vec<_> = text.split(['-', '/']).collect();
    let english = match parts[..] {
        [one, other] => {
            MONTHS.contains(&one) && digits(other) || digits(one) && MONTHS.contains(&other)
        }
        [day, month, year] => digits(day) && MONTHS.contains(&month) && digits(year),
        _ => false,
    };
    let slashes =
        parts.len() == 3 && text.matches('/').count() == 2 && parts.iter().all(|p| digits(p));
    let chinese = text.strip_suffix('日').and_then(|text| text.split_once('月'));
    english || slashes || chinese.is_some_and(|(month, day)| digits(month) && digits(day))
}

fn is_error(text: &str) -> bool {
    const ERRORS: [&str; 10] = [
        "#N/A", "#REF!", "#NAME?", "#VALUE!", "#DIV/0!", "#NULL!", "#NUM!", "#SPILL!", "#CALC!",
        "########",
    ];
    ERRORS.contains(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_spreadsheets_spoil_is_seen_and_names_are_left_alone() {
        let name = |text: &str| of(&Value::Written(text.to_owned()), Use::Name).is_some();
        for text in [
            "1.23E+15",
            "4E+12",
            "1,2E+20",
            "12-Mar",
            "Mar-26",
            "1-Apr-26",
            "3月12日",
            "2026/3/12",
            "#N/A",
            "#REF!",
            "=\"007\"",
        ] {
            assert!(name(text), "{text}");
        }
        for text in [
            "007",
            "1e5",
            "12E",
            "E+12",
            "anna-en",
            "2026-03-12",
            "12345678901234567890",
            "a/b/c",
            "May",
            "1-2",
            "Mar-anna",
            "1.2.E+5",
            "",
        ] {
            assert!(!name(text), "{text}");
        }
        let found = |text: &str, as_a| of(&Value::Written(text.to_owned()), as_a).is_some();
        assert!(!found("12-Mar", Use::Other) && !found("3/4/2026", Use::Other));
        assert!(!found("=\"wow\", she says", Use::Words) && !found("1E+5", Use::Words));
        assert!(found("#N/A", Use::Words) && found("=HYPERLINK(A1)", Use::Other));
        assert!(of(&Value::Number("1.2345678901234568E+17".to_owned()), Use::Name).is_some());
        assert!(of(&Value::Number("123456789012345678".to_owned()), Use::Name).is_none());
        assert!(of(&Value::Text("1.23E+15".to_owned()), Use::Name).is_none(), "typed as text");
    }
}
