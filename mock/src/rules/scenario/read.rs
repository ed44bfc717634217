//! Reads a scenario from YAML and shows every mistake in its place, all in one run.
//!
//! The document is first read into a tree that remembers places, then held to
//! `scenario.schema.json`, and only then turned into a [`Scenario`].

use std::ops::Range;
use std::sync::LazyLock;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use serde_json::Value;
use serde_yaml::Spanned;

use super::tree::{Node, key_place, place};
use super::{Latency, On, SCENARIO_SCHEMA, Scenario};
use crate::rules::schema::{Broken, Problem, Schema};
use crate::words::near::suggestion;

const NOT_FOR_CREATES: &str = "a create cannot meet this fault; see those with `-after-accept`";

/// Each costs a look at the whole text, and nobody reads more at once.
const MOST_SHOWN: usize = 20;

static SCHEMA: LazyLock<Schema> = LazyLock::new(load);

#[expect(clippy::expect_used, reason = "the schema is compiled in, and tests load it")]
fn load() -> Schema {
    let document = serde_json::from_str(SCENARIO_SCHEMA).expect("scenario.schema.json is JSON");
    Schema::compile(&document, "").expect("scenario.schema.json uses known keywords")
}

/// Reads a scenario; an error is a text that shows all mistakes. `path` is what the text calls it.
pub(super) fn read(path: &str, text: &str) -> Result<Scenario, String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let tree = match serde_yaml::from_str::<Option<Spanned<Node>>>(text) {
        Ok(Some(tree)) => tree,
        // An empty document is null to YAML, and a calm day here.
        Ok(None) => return Ok(Scenario::default()),
        Err(error) => {
            let start = error.location().and_then(|l| l.span().byte_offset()).unwrap_or(0);
            let start = usize::try_from(start).unwrap_or(0).min(text.len());
            let said = error.without_snippet().to_string();
            let mistake = Mistake { what: first_line(&said), place: start..start };
            return Err(render(path, text, &[mistake]));
        }
    };
    if matches!(tree.value, Node::Scalar(Value::Null)) {
        return Ok(Scenario::default());
    }
    let value = tree.value.json();
    let mut mistakes: Vec<_> =
        SCHEMA.broken(&value).iter().flat_map(|broken| mistakes(broken, &tree, text)).collect();
    if mistakes.is_empty() {
        match serde_json::from_value::<Scenario>(value) {
            Ok(scenario) => {
                mistakes.extend(
                    senseless(&scenario).into_iter().map(|(pointer, what)| Mistake {
                        what,
                        place: place(&tree, &pointer, text),
                    }),
                );
                if mistakes.is_empty() {
                    return Ok(scenario);
                }
            }
            // The schema is looser than the types only in how large numbers may be.
            Err(error) => mistakes.push(Mistake { what: error.to_string(), place: 0..0 }),
        }
    }
    mistakes.sort_by_key(|mistake| mistake.place.start);
    Err(render(path, text, &mistakes))
}

/// What no schema can say.
fn senseless(scenario: &Scenario) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (index, rule) in scenario.faults.iter().enumerate() {
        if !rule.on.takes(rule.fault) {
            found.push((format!("/faults/{index}/fault"), misplaced(rule.on).to_owned()));
        }
        if rule.between.is_some_and(|(start, end)| start >= end) {
            let what = "the window ends before it begins".to_owned();
            found.push((format!("/faults/{index}/between"), what));
        }
    }
    for (index, script) in scenario.scripts.iter().enumerate() {
        for (try_index, step) in script.tries.iter().enumerate() {
            if step.fault().is_some_and(|fault| !script.on.takes(fault)) {
                let pointer = format!("/scripts/{index}/tries/{try_index}");
                found.push((pointer, misplaced(script.on).to_owned()));
            }
        }
    }
    if let Some(Latency::Uniform(low, high)) = scenario.callbacks.as_ref().map(|c| c.late)
        && low > high
    {
        let what = "the first is more than the second".to_owned();
        found.push(("/callbacks/late/uniform".to_owned(), what));
    }
    for on in [On::Create, On::Poll, On::Media, On::Upload] {
        if let Latency::Uniform(low, high) = scenario.latency_of(on)
            && low > high
        {
            let pointer = match on {
                On::Create => "/latency/uniform".to_owned(),
                other => format!("/latencies/{}/uniform", other.name()),
            };
            found.push((pointer, "the first is more than the second".to_owned()));
        }
    }
    found
}

/// Why this kind of request cannot meet a fault that another can.
const fn misplaced(on: On) -> &'static str {
    match on {
        On::Create => NOT_FOR_CREATES,
        On::Poll | On::Media | On::Upload => "only a create can meet a fault `-after-accept`",
    }
}

/// One mistake and the bytes it is about.
#[derive(Debug)]
struct Mistake {
    what: String,
    place: Range<usize>,
}

/// What a broken rule of the schema means to who wrote the file.
fn mistakes(broken: &Broken<'_>, tree: &Spanned<Node>, text: &str) -> Vec<Mistake> {
    let pointer = broken.pointer.as_str();
    let what = match &broken.problem {
        Problem::Unexpected { keys, known } => {
            let told = keys.iter().map(|key| Mistake {
                what: format!("unknown field `{key}`{}", suggestion(key, known)),
                place: key_place(tree, pointer, key, text),
            });
            return told.collect();
        }
        Problem::NotNamed(names) => {
            let came = broken.value.as_str().unwrap_or_default();
            format!("unknown name `{came}`{}", suggestion(came, names))
        }
        Problem::NoAlternative | Problem::Unlike(_) => {
            format!("this cannot be `{}`{}", broken.value, hint(broken))
        }
        _ => format!("{broken}{}", hint(broken)),
    };
    vec![Mistake { what, place: place(tree, pointer, text) }]
}

fn hint(broken: &Broken<'_>) -> String {
    broken.description().map_or_else(String::new, |hint| format!(", expected: {hint}"))
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

/// The first mistakes, each under its line.
fn render(path: &str, text: &str, mistakes: &[Mistake]) -> String {
    let report: Vec<_> = mistakes
        .iter()
        .take(MOST_SHOWN)
        .map(|mistake| {
            let mark = AnnotationKind::Primary.span(mistake.place.clone());
            let snippet = Snippet::source(text).path(path).annotation(mark);
            Level::ERROR.primary_title(mistake.what.as_str()).element(snippet)
        })
        .collect();
    let count = if mistakes.len() == 1 { "a mistake" } else { "mistakes" };
    let shown = Renderer::plain().decor_style(DecorStyle::Ascii).render(&report);
    let more = match mistakes.len().saturating_sub(MOST_SHOWN) {
        0 => String::new(),
        more => format!("\nand {more} more"),
    };
    format!("{count} in the scenario\n{shown}{more}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::fault::Fault;

    #[test]
    fn all_mistakes_are_shown_in_their_place() {
        let yaml = "\
seed: -1
latncy: none
work: {elapsed: soon}
latency: {fixed: 5}
faults:
  - {fault: reset-after-acept, share: 2}
  - {fault: truncated}
  - share: 0.5
keys: []
";
        insta::assert_snapshot!(read("day.yaml", yaml).unwrap_err());
        let sensible_but = "\
latency: {uniform: [2s, 1s]}
faults:
  - {fault: truncated}
  - {fault: reset-after-accept, on: poll}
  - {fault: status-503, between: [2m, 60s]}
scripts: [{on: upload, match: a, tries: [ok, close-after-accept]}]
latencies: {media: {uniform: [2s, 1s]}}
";
        insta::assert_snapshot!(read("day.yaml", sensible_but).unwrap_err());
    }

    /// Each would otherwise cost a look at the whole of the text.
    #[test]
    fn of_many_mistakes_the_first_are_shown() {
        let wrong = "  - {fault: oops}\n".repeat(2_000);
        let said = read("long.yaml", &format!("faults:\n{wrong}")).unwrap_err();
        assert_eq!(said.matches("unknown name `oops`").count(), MOST_SHOWN);
        assert!(said.ends_with("\nand 1980 more"), "{}", &said[said.len() - 100..]);
    }

    #[test]
    fn what_is_not_yaml_is_shown_in_its_place() {
        for (name, yaml) in [("twice", "seed: 1\nseed: 2\n"), ("open", "keys: [a"), ("text", "x")] {
            insta::assert_snapshot!(format!("not_yaml_{name}"), read("a.yaml", yaml).unwrap_err());
        }
    }

    #[test]
    fn empty_documents_are_calm_days() {
        for empty in ["", "# nothing\n", "---\n", "\u{feff}{}"] {
            assert_eq!(read("empty.yaml", empty), Ok(Scenario::default()), "{empty:?}");
        }
    }

    #[test]
    fn the_schema_and_the_types_say_the_same() {
        let schema: Value = serde_json::from_str(SCENARIO_SCHEMA).unwrap();
        let listed = &schema["properties"]["faults"]["items"]["properties"]["fault"]["enum"];
        assert_eq!(listed, &serde_json::to_value(Fault::ALL).unwrap());
        let steps = &schema["properties"]["scripts"]["items"]["properties"]["tries"]["items"];
        assert_eq!(steps["enum"].as_array().unwrap()[1..], listed.as_array().unwrap()[..]);
        let written = serde_json::to_value(Scenario::default()).unwrap();
        let errors: Vec<_> = SCHEMA.broken(&written).iter().map(ToString::to_string).collect();
        assert!(errors.is_empty(), "{errors:?}");
        let left_out = ["callbacks", "rate"];
        let fields: Vec<_> = schema["properties"].as_object().unwrap().keys().collect();
        for field in fields.iter().filter(|field| !left_out.contains(&field.as_str())) {
            assert!(
                !written[field.as_str()].is_null()
                    || matches!(field.as_str(), "balance" | "concurrency" | "credits"),
                "{field} is in the schema only"
            );
        }
        assert_eq!(fields.len(), written.as_object().unwrap().len() + left_out.len());
    }
}
