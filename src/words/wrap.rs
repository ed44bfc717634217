//! Chinese in lines of so many columns: it is broken between any two characters, but for those that do
//! not begin or end a line.

use unicode_width::UnicodeWidthChar;

/// What never begins a line.
const NOT_FIRST: &str = "，。、；：？！）】》」』”’…—,.;:?!)]}%";
/// What never ends one.
const NOT_LAST: &str = "（【《「『“‘([{";

/// A text in lines of at most so many columns, each paragraph by itself. A word of Latin letters stays
/// whole unless it alone is wider.
#[must_use]
pub fn wrapped(text: &str, columns: usize) -> String {
    let lines: Vec<_> = text.split('\n').map(|line| broken(line, columns.max(8))).collect();
    lines.join("\n")
}

fn broken(line: &str, columns: usize) -> String {
    let mut lines: Vec<String> = Vec::new();
    let (mut current, mut wide) = (String::new(), 0);
    for piece in pieces(line) {
        // The space at the end of a line is not seen, but it is before what follows in the same one.
        if wide > 0 && wide + width(piece.trim_end()) > columns {
            lines.push(current.trim_end().to_owned());
            (current, wide) = (String::new(), 0);
        }
        let piece = if wide == 0 && !lines.is_empty() { piece.trim_start() } else { piece };
        current.push_str(piece);
        wide += width(piece);
    }
    lines.push(current);
    lines.join("\n")
}

fn width(text: &str) -> usize {
    text.chars().map(|c| c.width().unwrap_or(0)).sum()
}

/// What stays together.
fn pieces(line: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut from = 0;
    let mut before: Option<char> = None;
    // What is in brackets is short, and read as one.
    let mut in_brackets = false;
    for (at, c) in line.char_indices() {
        let may = |before| if in_brackets { before == ' ' } else { may_break(before, c) };
        if before.is_some_and(may) {
            pieces.push(&line[from..at]);
            from = at;
        }
        in_brackets = c == '[' || (in_brackets && c != ']');
        before = Some(c);
    }
    pieces.push(&line[from..]);
    pieces
}

fn may_break(before: char, after: char) -> bool {
    if NOT_FIRST.contains(after) || NOT_LAST.contains(before) || after == ' ' {
        return false;
    }
    let is_wide = |c: char| c.width() == Some(2);
    before == ' ' || is_wide(before) || is_wide(after)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chinese_is_broken_anywhere_but_before_a_stop_and_words_stay_whole() {
        let text = "读取并检查清单，一次指出其中所有问题。见 callsheet options。";
        let shown = wrapped(text, 20);
        insta::assert_snapshot!(shown, @r"
        读取并检查清单，一次
        指出其中所有问题。见
        callsheet options。
        ");
        assert!(shown.lines().all(|line| width(line) <= 20));
        assert_eq!(wrapped("清单（用 `a b`）", 8), "清单（用\n`a b`）");
        assert_eq!(wrapped("颜色 [环境变量：A_B]", 14), "颜色\n[环境变量：A_B]");
        assert_eq!(wrapped("一个地址 [A_B]", 13), "一个地址\n[A_B]");
        assert_eq!(wrapped("一个地址 [A_B]", 14), "一个地址 [A_B]");
        assert_eq!(wrapped("一行\n\n另一行", 40), "一行\n\n另一行");
        assert_eq!(wrapped("", 40), "");
    }
}
