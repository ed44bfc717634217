//! Whether what was accepted, polled and downloaded is what a test expects, and if not, what came
//! closest.

use std::fmt::{self, Write as _};

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::rules::dialect::Dialect;
use crate::words::pattern;

/// So many of those that came close are told.
const MOST_TOLD: usize = 3;

/// What a test counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum What {
    /// Accepted creates.
    #[default]
    Create,
    /// Polls of their tasks.
    Poll,
    /// Downloads of their videos.
    Media,
    /// Files that were handed over.
    Upload,
}

/// An accepted create or a file that was handed over, and how often what is counted happened to it.
pub(crate) struct Counted {
    pub(crate) task: String,
    pub(crate) request: Value,
    pub(crate) times: usize,
}

/// What a test expects of the accepted creates. Without a number: at least one.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Expected {
    pub(crate) on: What,
    /// The image or audio URL contains or matches this; of uploads, the name or the URL that they come
    /// from.
    #[serde(rename = "match")]
    pub(crate) matching: Option<String>,
    /// Fields of the request, each with exactly this value.
    pub(crate) fields: Map<String, Value>,
    pub(crate) exactly: Option<usize>,
    pub(crate) at_least: Option<usize>,
    pub(crate) at_most: Option<usize>,
}

impl Expected {
    /// The names of its fields.
    pub(crate) const FIELDS: [&'static str; 6] =
        ["on", "match", "fields", "exactly", "at_least", "at_most"];

    /// What is expected otherwise than it is in this request; empty if it is one of those.
    fn misses(&self, dialect: Dialect, request: &Value) -> Vec<String> {
        let text = |field: &str| request[field].as_str().unwrap_or_default();
        let urls = match self.on {
            What::Upload => [text("filename"), text("url")],
            _ => [dialect.image_url(request), text("audio_url")],
        };
        let mut misses = Vec::new();
        if let Some(pattern) = &self.matching
            && !urls.iter().any(|url| pattern::matches(pattern, url))
        {
            misses.push(format!("neither {} nor {} matches {pattern}", urls[0], urls[1]));
        }
        for (name, wanted) in &self.fields {
            let came = request.get(name).map_or_else(|| "nothing".to_owned(), Value::to_string);
            if request.get(name) != Some(wanted) {
                misses.push(format!("{name} is {came} and not {wanted}"));
            }
        }
        misses
    }

    fn takes(&self, count: usize) -> bool {
        let least = self.at_least.unwrap_or_else(|| usize::from(self.at_most.is_none()));
        match self.exactly {
            Some(exactly) => count == exactly,
            None => count >= least && self.at_most.is_none_or(|most| count <= most),
        }
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.exactly, self.at_least, self.at_most) {
            (Some(exactly), ..) => write!(f, "exactly {exactly}")?,
            (None, None, Some(most)) => write!(f, "at most {most}")?,
            (None, Some(least), Some(most)) => write!(f, "{least} to {most}")?,
            (None, least, None) => write!(f, "at least {}", least.unwrap_or(1))?,
        }
        f.write_str(match self.on {
            What::Create => " accepted creates",
            What::Poll => " polls of tasks",
            What::Media => " downloads of videos",
            What::Upload => " uploads",
        })?;
        let mut with = " with";
        if let Some(pattern) = &self.matching {
            let what = if self.on == What::Upload { "name or URL" } else { "URL" };
            write!(f, "{with} a {what} that matches {pattern}")?;
            with = ",";
        }
        for (name, wanted) in &self.fields {
            write!(f, "{with} {name} {wanted}")?;
            with = ",";
        }
        Ok(())
    }
}

/// How often what is expected happened; or a report for who reads why a test failed.
pub(crate) fn verify(
    expected: &Expected,
    dialect: Dialect,
    creates: &[Counted],
) -> Result<usize, String> {
    let judged = creates.iter().map(|one| (one, expected.misses(dialect, &one.request)));
    let (met, mut missed): (Vec<_>, Vec<_>) = judged.partition(|(_, misses)| misses.is_empty());
    let count = met.iter().map(|(one, _)| one.times).sum();
    if expected.takes(count) {
        return Ok(count);
    }
    let of: usize = creates.iter().map(|one| one.times).sum();
    let mut report = format!("expected {expected}; there were {count} among {of}");
    // Writing into a text cannot fail.
    if matches!(expected.on, What::Poll | What::Media) {
        for (one, _) in met.iter().take(MOST_TOLD) {
            let _ = write!(report, "\ncounted: {}: {}", one.task, one.times);
        }
    }
    missed.retain(|(one, _)| one.times > 0);
    missed.sort_by_key(|(_, misses)| misses.len());
    for (one, misses) in missed.iter().take(MOST_TOLD) {
        let _ = write!(report, "\nclosest: {}: {}", one.task, misses.join("; "));
    }
    Err(report)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_report_says_what_came_closest() {
        let request = |name: &str, prompt: &str| {
            let urls = json!({"image_url": format!("https://h/{name}.jpg"),
                "audio_url": "https://h/a.mp3", "prompt": prompt});
            Counted { task: format!("task-{name}"), request: urls, times: 1 }
        };
        let requests =
            [request("anna", "smile"), request("anna2", "smile"), request("ben", "frown")];
        let judged = |expected: Value| {
            let expected: Expected = serde_json::from_value(expected).unwrap();
            verify(&expected, Dialect::Foxapi, &requests)
        };
        assert_eq!(judged(json!({})), Ok(3));
        assert_eq!(judged(json!({"match": "anna", "exactly": 2})), Ok(2));
        assert_eq!(judged(json!({"fields": {"prompt": "cry"}, "at_most": 0})), Ok(0));
        assert_eq!(judged(json!({"match": "*.mp3", "at_least": 2, "at_most": 3})), Ok(3));
        let report = judged(json!({"match": "ben", "fields": {"prompt": "smile"}, "exactly": 1}));
        insta::assert_snapshot!(report.unwrap_err(), @r#"
        expected exactly 1 accepted creates with a URL that matches ben, prompt "smile"; there were 0 among 3
        closest: task-anna: neither https://h/anna.jpg nor https://h/a.mp3 matches ben
        closest: task-anna2: neither https://h/anna2.jpg nor https://h/a.mp3 matches ben
        closest: task-ben: prompt is "frown" and not "smile"
        "#);
        let report = judged(json!({"on": "poll", "match": "anna", "exactly": 3}));
        insta::assert_snapshot!(report.unwrap_err(), @r#"
        expected exactly 3 polls of tasks with a URL that matches anna; there were 2 among 3
        counted: task-anna: 1
        counted: task-anna2: 1
        closest: task-ben: neither https://h/ben.jpg nor https://h/a.mp3 matches anna
        "#);
        assert!(judged(json!({"at_least": 4})).is_err());
        assert!(judged(json!({"match": "anna", "at_most": 1})).is_err());
    }
}
