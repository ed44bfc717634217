//! From bytes to a tree, and what the parser refuses, in words for someone who writes manifests.

use std::borrow::Cow;

use serde_yaml::budget::BudgetBreach;
use serde_yaml::granit_parser;
use serde_yaml::options::{DuplicateKeyPolicy, NonFiniteFloatPolicy};
use serde_yaml::{Error, Location, Options};

use super::MAX_BYTES;
use super::events::Odd;
use super::problem::{Finding, Problems};
use super::tree::{Kind, Node, Span};
use super::typed;

/// What a file may be blown up to: enough for 100,000 pairs with every key set, or as many that
/// take eight keys from an anchor; far from what an alias bomb needs.
pub(super) const MAX_NODES: usize = 4_000_000;

/// Deep enough for any request, and shallow enough for a small stack.
pub(super) const MAX_DEPTH: usize = 32;

/// See [`MAX_NODES`]; of these, what comes from aliases.
const MAX_REPLAYED: usize = 2_000_000;

/// See [`MAX_NODES`]; of all text together. Only aliases can pass it.
const MAX_SCALAR_BYTES: usize = 256 << 20;

/// The text of a manifest, without a byte-order mark.
pub(super) fn text<'a>(path: &str, bytes: &'a [u8]) -> Result<&'a str, Problems> {
    let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    if size > MAX_BYTES {
        return Err(too_large(path, size));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    std::str::from_utf8(bytes).map_err(|error| {
        let at = error.valid_up_to();
        let finding = Finding::new(Span::new(at, at + 1), "the file is not UTF-8", "this byte")
            .help("save it again with the encoding UTF-8");
        // What stands before the place is the same in the lossy text.
        Problems::one(path, &String::from_utf8_lossy(bytes), finding)
    })
}

/// For a file that need not even be read.
#[must_use]
pub fn too_large(path: &str, size: u64) -> Problems {
    let mib = |bytes: u64| bytes.div_ceil(1 << 20);
    let message =
        format!("the manifest has {} MiB; at most {} are read", mib(size), mib(MAX_BYTES));
    let finding = Finding::new(Span::START, message, "too large")
        .help("is it the right file? A larger batch goes into several manifests");
    Problems::one(path, "", finding)
}

/// The tree of the text, or the one thing that stops the parser.
pub(super) fn tree<'a>(path: &str, text: &'a str) -> Result<Node<'a>, Problems> {
    serde_yaml::from_str_with_options(text, options()).map_err(|error| {
        Problems::one(path, text, explain(text, error.without_snippet(), error.location()))
    })
}

/// What a plain scalar is: as [`tree`] has it.
pub(super) fn scalar(value: Cow<'_, str>) -> Result<Kind<'_>, Odd> {
    // By themselves these are no scalars.
    if value.starts_with("---") || value.starts_with("...") {
        return Err(Odd);
    }
    let kind = match serde_yaml::from_str_with_options(&value, options()) {
        Ok(Kind::Null) => Kind::Null,
        Ok(Kind::Bool(value)) => Kind::Bool(value),
        Ok(Kind::Whole(value)) => Kind::Whole(value),
        Ok(Kind::Float(value)) => Kind::Float(value),
        Ok(Kind::Text(_)) => return Ok(Kind::Text(value)),
        Ok(Kind::List(_) | Kind::Map(_)) | Err(_) => return Err(Odd),
    };
    Ok(kind)
}

/// The same for events: no more is taken.
pub(super) fn parser_options() -> granit_parser::Options {
    granit_parser::options! { emit_comments: false, flow_nesting_limit: MAX_DEPTH }
}

fn options() -> Options {
    serde_yaml::options! {
        budget: serde_yaml::budget! {
            max_depth: MAX_DEPTH,
            flow_nesting_limit: MAX_DEPTH,
            max_nodes: MAX_NODES,
            max_events: 3 * MAX_NODES,
            max_aliases: MAX_REPLAYED,
            max_anchors: 200_000,
            max_merge_keys: MAX_REPLAYED,
            // Counts what aliases repeat, such as one long prompt in every pair.
            max_total_scalar_bytes: MAX_SCALAR_BYTES,
            // One portrait for a thousand pairs is what anchors are for.
            enforce_alias_anchor_ratio: false,
        },
        alias_limits: serde_yaml::alias_limits! {
            max_total_replayed_events: MAX_REPLAYED,
        },
        // Both are kept, so that both places can be shown.
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        // `no` is Norwegian before it is false, `007` an id before it is seven.
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        non_finite_float_policy: NonFiniteFloatPolicy::PassThrough,
        reject_unsupported_tags: true,
        // More than 32 lines of comment in a row are an error otherwise.
        emit_comments: false,
        with_snippet: false,
    }
}

/// The parser's error as a finding, in our words where they are better.
fn explain(text: &str, error: &Error, location: Option<Location>) -> Finding {
    let span = location.map_or(Span::START, |location| place(text, &location));
    match error {
        // The alias is to blame, not what it stands for.
        Error::AliasError { error, locations, .. } => {
            explain(text, error, Some(locations.reference_location))
        }
        Error::MultipleDocuments { .. } => {
            Finding::new(span, "a second document starts in this file", "not part of the first")
                .help("a manifest is one document: put the second into a file of its own")
        }
        Error::Budget { breach, .. } => too_much(span, breach),
        Error::AliasReplayLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayCounterOverflow { .. } => too_much_aliased(span),
        Error::RecursiveReferencesRequireWeakTypes { .. } => {
            Finding::new(span, "an alias stands inside its own anchor", "it would never end")
                .help("write out what is meant here")
        }
        Error::UnknownAnchor { .. } => {
            Finding::new(span, "no anchor of this name stands before it", "unknown alias")
                .help("define it with `&name` further up, or quote a text that starts with `*`")
        }
        Error::UnsupportedTag { .. } => {
            Finding::new(span, "a manifest knows no YAML tags of its own", "tagged value")
                .help("remove the word that starts with `!`, or quote the text")
        }
        Error::MergeValueNotMapOrSeqOfMaps { .. } => {
            Finding::new(span, "`<<` takes over the keys of a map", "expected a map")
                .help("write `<<: *name`, where `&name` marks a map further up")
        }
        _ => explain_words(text, span, &words(error)),
    }
}

fn too_much(span: Span, breach: &BudgetBreach) -> Finding {
    match breach {
        BudgetBreach::Aliases { .. }
        | BudgetBreach::Anchors { .. }
        | BudgetBreach::MergeKeys { .. }
        | BudgetBreach::ScalarBytes { .. }
        | BudgetBreach::RecordedAnchorEvents { .. } => too_much_aliased(span),
        BudgetBreach::Depth { .. } => {
            Finding::new(span, "the manifest is nested too deeply", "too deep")
                .help("no key of a manifest needs this")
        }
        _ => Finding::new(span, "the manifest has too many values", "reading stopped here")
            .help("split it into several manifests"),
    }
}

fn too_much_aliased(span: Span) -> Finding {
    let message = "the manifest grows too large when its aliases are filled in";
    Finding::new(span, message, "reading stopped here")
        .help("write out what the aliases (`*name`) stand for, or split the manifest")
}

/// The parser's own words, without the place that is shown anyway.
fn words(error: &Error) -> String {
    let text = error.to_string();
    text.rsplit_once(" at line ").map_or(text.clone(), |(words, _)| words.to_owned())
}

/// The scanner's errors are only told apart by their words; unknown ones are passed on.
fn explain_words(text: &str, span: Span, words: &str) -> Finding {
    let known = [
        (
            "mapping values are not allowed",
            "this `:` cannot start a value",
            "put a text that contains `: ` in quotes; otherwise check the indentation",
        ),
        ("unclosed quote", "this quote is never closed", "close it with the same sign"),
        ("unclosed bracket", "this bracket is never closed", "close it with `]` or `}`"),
        ("misplaced bracket", "this bracket closes nothing", "remove it, or quote the text"),
        (
            "simple key expected ':'",
            "this line is neither `key: value` nor part of a text",
            "add the `:` and a space after the key, or indent the line under its key",
        ),
        (
            "did not find expected key",
            "this line is not indented like its neighbours",
            "keys of one map start in the same column",
        ),
        (
            "did not find expected '-'",
            "a list ends here, and something else starts in its column",
            "start it with `- `, or indent it like the key it belongs to",
        ),
        (
            "unexpected character",
            "this character cannot start or be part of a plain text",
            "put the whole text in double quotes",
        ),
    ];
    if words.contains("tabs disallowed") {
        return tab(text, span);
    }
    if let Some(typed) = typed::explain(text, span, words) {
        return typed;
    }
    let found = known.iter().find(|(theirs, ..)| words.contains(theirs));
    match found {
        Some((_, ours, help)) => Finding::new(span, *ours, "here").help(*help),
        None => Finding::new(span, format!("not valid YAML: {words}"), "here"),
    }
}

fn tab(text: &str, span: Span) -> Finding {
    let before = text[..span.range().start].ends_with('\t');
    let start = span.range().start - usize::from(before);
    Finding::new(Span::new(start, start + 1), "a line is indented with a tab", "this is a tab")
        .help("YAML is indented with spaces: replace every tab")
}

/// Scanner errors have no byte offset, only one in characters.
fn place(text: &str, location: &Location) -> Span {
    let chars = usize::try_from(location.span().offset()).unwrap_or(usize::MAX);
    let mut from = text.char_indices().skip(chars);
    let start = from.next().map_or(text.len(), |(at, _)| at);
    let length = usize::try_from(location.span().len()).unwrap_or(1).max(1);
    let end = from.nth(length - 1).map_or(text.len(), |(at, _)| at);
    Span::new(start, end)
}
