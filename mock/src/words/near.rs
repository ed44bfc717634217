//! What a misspelt word was meant to be.

/// Suggestions further away than this would confuse.
const FARTHEST: usize = 3;

/// The nearest of the known names, or all of them if none is near: the end of a message.
pub(crate) fn suggestion(name: &str, known: &[impl AsRef<str>]) -> String {
    let near = known.iter().map(|known| (distance(name, known.as_ref()), known.as_ref()));
    match near.min() {
        Some((steps, near)) if steps <= FARTHEST => format!("; did you mean `{near}`?"),
        _ => {
            let known: Vec<_> = known.iter().map(AsRef::as_ref).collect();
            format!("; there are: {}", known.join(", "))
        }
    }
}

/// The nearest of the known names, if one is near.
pub(crate) fn nearest<'a>(name: &str, known: &'a [String]) -> Option<&'a str> {
    let near = known.iter().map(|known| (distance(name, known), known.as_str()));
    near.min().filter(|(steps, _)| (1..=FARTHEST).contains(steps)).map(|(_, near)| near)
}

/// Levenshtein's distance.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<_> = b.chars().collect();
    let mut row: Vec<_> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, to) in b.iter().enumerate() {
            let change = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_is_named_or_else_all() {
        let known = ["status", "code", "advance"];
        assert_eq!(suggestion("statsu", &known), "; did you mean `status`?");
        assert_eq!(suggestion("x-y-z-w-v", &known), "; there are: status, code, advance");
    }
}
