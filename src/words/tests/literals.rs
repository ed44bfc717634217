//! The messages of the program as its source has them: for the test that holds the catalogue complete.

use std::fs;
use std::path::{Path, PathBuf};

/// A text in the source, a line of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    /// Of the file, from the folder of the source.
    pub(super) file: String,
    pub(super) line: usize,
    /// Its gaps numbered, as the catalogue has it.
    pub(super) text: String,
}

/// What is written between two quotes, and before them.
struct Literal<'a> {
    at: usize,
    before: &'a str,
    text: String,
}

/// All messages below a folder of source.
pub(super) fn messages(folder: &Path) -> Vec<Message> {
    let all = texts(folder);
    all.into_iter().filter(|one| is_message(&one.text)).collect()
}

/// All texts there, also those that may be no messages.
pub(super) fn texts(folder: &Path) -> Vec<Message> {
    let mut found = Vec::new();
    for path in sources(folder) {
        let code = fs::read_to_string(&path).unwrap();
        let file = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
        let code = without_tests(&code);
        let is_ours = |one: &&Literal<'_>| !is_for_developers(one.before) && !is_sql(&one.text);
        for literal in literals(code).iter().filter(is_ours) {
            let line = code[..literal.at].matches('\n').count() + 1;
            for text in literal.text.split('\n').map(normal) {
                found.push(Message { file: file.clone(), line, text });
            }
        }
    }
    found
}

/// All that is said of items in a folder of source, a paragraph in each line.
pub(super) fn descriptions(folder: &Path) -> String {
    let mut all = String::new();
    for path in sources(folder) {
        for line in fs::read_to_string(path).unwrap().lines() {
            match line.trim_start().strip_prefix("///") {
                Some("") | None => all.push('\n'),
                Some(text) => all.push_str(text),
            }
        }
    }
    all
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() && name != "tests" {
            files.extend(sources(&path));
        } else if name.ends_with(".rs") && name != "tests.rs" {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// Without the module of tests, which comes last.
fn without_tests(code: &str) -> &str {
    let starts = code.match_indices("\n#[cfg(").map(|(at, _)| at);
    let is_of_tests = |at: &usize| code[*at..].lines().nth(1).is_some_and(|it| it.contains("test"));
    let is_module = |at: &usize| {
        let next = code[at + 1..].lines().find(|line| !line.starts_with("#["));
        next.is_some_and(|line| line.starts_with("mod ") && line.ends_with('{'))
    };
    starts.filter(is_of_tests).find(is_module).map_or(code, |at| &code[..at])
}

fn literals(code: &str) -> Vec<Literal<'_>> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < code.len() {
        let rest = &code[at..];
        let raw = rest.strip_prefix('r').map(|rest| rest.trim_start_matches('#'));
        let is_raw = raw.is_some_and(|rest| rest.starts_with('"'))
            && !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
        if rest.starts_with("//") {
            at += rest.find('\n').unwrap_or(rest.len());
        } else if is_raw {
            let hashes = rest.len() - 1 - raw.unwrap().len();
            let close = format!("\"{}", "#".repeat(hashes));
            let inner = &rest[hashes + 2..];
            let end = inner.find(&close).unwrap();
            found.push(Literal { at, before: &code[..at], text: inner[..end].to_owned() });
            at += hashes + 2 + end + close.len();
        } else if let Some(inner) = rest.strip_prefix('"') {
            let end = closing(inner);
            found.push(Literal { at, before: &code[..at], text: unescaped(&inner[..end]) });
            at += end + 2;
        } else if let Some(length) = character(rest) {
            at += length;
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    found
}

fn closing(inner: &str) -> usize {
    let mut escaped = false;
    let end = inner.find(|c| {
        let is_end = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        is_end
    });
    end.unwrap()
}

/// How long a character is written; nothing for a lifetime.
fn character(rest: &str) -> Option<usize> {
    let inner = rest.strip_prefix('\'')?;
    if inner.starts_with('\\') {
        return Some(inner[2..].find('\'')? + 4);
    }
    let c = inner.chars().next()?;
    inner[c.len_utf8()..].starts_with('\'').then_some(c.len_utf8() + 2)
}

fn unescaped(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        plain.push_str(before);
        let c = after.chars().next().unwrap();
        rest = &after[c.len_utf8()..];
        match c {
            '\n' => rest = rest.trim_start(),
            'n' => plain.push('\n'),
            't' => plain.push('\t'),
            'r' => plain.push('\r'),
            // No text: it ends what a file begins with.
            '0' => {}
            'u' => {
                let (code, after) = rest[1..].split_once('}').unwrap();
                let code = u32::from_str_radix(code, 16).unwrap();
                plain.extend(char::from_u32(code));
                rest = after;
            }
            c => plain.push(c),
        }
    }
    plain + rest
}

/// A reason for the compiler, a line of the log, a panic that cannot happen.
fn is_for_developers(before: &str) -> bool {
    let statement = before.rsplit([';', '{']).next().unwrap_or_default();
    let before = before.trim_end();
    ["reason =", ".expect("].iter().any(|end| before.ends_with(end))
        || ["info!(", "debug!(", "trace!(", "warn!("].iter().any(|log| statement.contains(log))
}

/// As the catalogue has it: gaps numbered, and without what joins it to what stands before it.
pub(super) fn normal(text: &str) -> String {
    let text = numbered(text);
    let text = text.trim();
    let joined = text.strip_prefix([',', ';', ':', '.']).filter(|rest| rest.starts_with(' '));
    let text = joined.unwrap_or(text).trim();
    let inner = text.strip_prefix('(').and_then(|text| text.strip_suffix(')'));
    inner.filter(|inner| !inner.contains('(')).unwrap_or(text).to_owned()
}

fn numbered(text: &str) -> String {
    let mut plain = String::new();
    let mut number = 0;
    let mut rest = text;
    while let Some(open) = rest.find(['{', '}']) {
        plain.push_str(&rest[..open]);
        let brace = &rest[open..=open];
        if rest[open + 1..].starts_with(brace) {
            plain.push_str(brace);
            rest = &rest[open + 2..];
            continue;
        }
        let Some(close) = rest[open..].find('}').filter(|_| brace == "{") else {
            plain.push_str(brace);
            rest = &rest[open + 1..];
            continue;
        };
        number += 1;
        plain.push_str(&format!("{{{number}}}"));
        rest = &rest[open + close + 1..];
    }
    plain + rest
}

/// Two words beside each other, or one beside a gap.
fn is_message(text: &str) -> bool {
    let word = |token: &str| {
        let token = token.trim_matches(|c: char| ",:;.()?!…".contains(c));
        let letters = token.chars().filter(|c| c.is_alphabetic()).count();
        (letters > 1 || token == "a")
            && token.chars().all(|c| c.is_alphabetic() || "'’-".contains(c))
    };
    let is_gap = |token: &str| token.trim_matches(|c: char| "`,:;.()".contains(c)).starts_with('{');
    let tokens: Vec<_> = text.split_whitespace().collect();
    tokens.windows(2).any(|pair| match pair {
        [one, next] => (word(one) && (word(next) || is_gap(next))) || (is_gap(one) && word(next)),
        _ => false,
    })
}

fn is_sql(text: &str) -> bool {
    let token = |token: &str| SQL.contains(&token.trim_matches(|c| "(),;".contains(c)));
    // Names of columns are words with lines under them.
    let columns = text.split(", ").filter(|part| part.contains('_') && !part.contains(' '));
    text.split_whitespace().any(token) || columns.count() > 1
}

const SQL: [&str; 35] = [
    "SELECT",
    "FROM",
    "WHERE",
    "INSERT",
    "UPDATE",
    "DELETE",
    "NULL",
    "ORDER",
    "SET",
    "VALUES",
    "TABLE",
    "AND",
    "OR",
    "IS",
    "JOIN",
    "PRAGMA",
    "BEGIN",
    "EXISTS",
    "LISTEN",
    "FILTER",
    "VACUUM",
    "ANALYZE",
    "CREATE",
    "DROP",
    "CASE",
    "CONFLICT",
    "RETURNING",
    "GROUP",
    "ON",
    "AS",
    "WITH",
    "THEN",
    "->>",
    "INTEGER",
    "TEXT,",
];
