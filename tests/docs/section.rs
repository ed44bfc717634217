//! The generated part of a page, between two comments.

use std::{env, fs};

use crate::root;

/// Holds the part of a page of this name to what it is to be; `INSTA_UPDATE=always` writes it anew.
pub(crate) fn hold(page: &str, name: &str, made: &str) {
    let path = root().join("docs").join(page);
    let text = fs::read_to_string(&path).unwrap();
    let (begin, end) = (format!("<!-- generated: {name} -->\n"), format!("<!-- end: {name} -->"));
    let marked = "has the two comments around what is generated";
    let (before, rest) = text.split_once(&begin).unwrap_or_else(|| panic!("docs/{page} {marked}"));
    let (held, after) = rest.split_once(&end).unwrap_or_else(|| panic!("docs/{page} {marked}"));
    let made = format!("\n{}\n\n", made.trim());
    if env::var("INSTA_UPDATE").as_deref() == Ok("always") {
        fs::write(path, format!("{before}{begin}{made}{end}{after}")).unwrap();
        return;
    }
    let differs = held.lines().zip(made.lines()).find(|(held, made)| held != made);
    assert_eq!(
        differs, None,
        "docs/{page} is behind the program: `INSTA_UPDATE=always cargo test --test docs` writes it anew"
    );
    assert_eq!(held.lines().count(), made.lines().count(), "docs/{page} is behind the program");
}

/// A text that stands in a cell of a table.
pub(crate) fn cell(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    text.replace('|', "\\|").replace('<', "\\<")
}
