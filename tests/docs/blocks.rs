//! Command blocks of a page, and what their fences ask for.
//!
//! ````text
//! ```sh                         runs in a folder of its own and has to end with 0
//! ```sh exit=5                  … or with another code
//! ```sh continued               runs in the folder of the block before it
//! ```sh given=doubts            something has happened before: see `folder`
//! ```sh ctrl-c                  goes on until somebody presses Ctrl-C
//! ```sh ignore=needs-a-bucket   cannot run here, and why
//! ```yaml file=spring.yaml      a reader saves this as a file; also with `continued`
//! ````
//!
//! A page that cannot run at all says so in a comment: `<!-- sh: ignore=needs-a-database -->`.

use std::fs;
use std::path::Path;

use crate::folder::Given;

/// A block of commands, or a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Block {
    /// Where it stands: `docs/money.md:12`.
    pub(crate) place: String,
    pub(crate) text: String,
    pub(crate) orders: Orders,
}

/// What a fence asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Orders {
    /// Why it cannot run here.
    pub(crate) ignore: Option<String>,
    /// The code that it ends with.
    pub(crate) exit: i32,
    /// It goes on in the folder of the block before.
    pub(crate) continued: bool,
    /// What has happened before.
    pub(crate) given: Given,
    /// It goes on until somebody presses Ctrl-C.
    pub(crate) ctrl_c: bool,
    /// It is no command, and saved as this.
    pub(crate) file: Option<String>,
}

impl Orders {
    fn read(words: &str) -> Result<Self, String> {
        let mut orders = Self::default();
        for word in words.split_whitespace() {
            match word.split_once('=').unwrap_or((word, "")) {
                ("ignore", why) if why.contains('-') => orders.ignore = Some(why.to_owned()),
                ("exit", code) => orders.exit = code.parse().map_err(|_| word.to_owned())?,
                ("given", name) => {
                    orders.given = Given::named(name).ok_or_else(|| word.to_owned())?
                }
                ("file", name) if !name.is_empty() => orders.file = Some(name.to_owned()),
                ("continued", "") => orders.continued = true,
                ("ctrl-c", "") => orders.ctrl_c = true,
                _ => return Err(word.to_owned()),
            }
        }
        Ok(orders)
    }
}

/// The blocks of a page.
pub(crate) fn of_page(page: &Path) -> Vec<Block> {
    let text = fs::read_to_string(page).unwrap();
    let name = page.strip_prefix(crate::root()).unwrap().display().to_string();
    of_text(&name, &text)
}

fn of_text(name: &str, text: &str) -> Vec<Block> {
    let whole = text.lines().find_map(|line| {
        line.strip_prefix("<!-- sh: ignore=").and_then(|rest| rest.strip_suffix(" -->"))
    });
    let (mut blocks, mut lines) = (Vec::new(), text.lines().enumerate());
    while let Some((number, line)) = lines.next() {
        let Some(fence) = line.trim_start().strip_prefix("```") else { continue };
        let indent = line.len() - line.trim_start().len();
        let inside = lines.by_ref().map(|(_, line)| line.get(indent..).unwrap_or_default());
        let inside: Vec<_> = inside.take_while(|line| !line.starts_with("```")).collect();
        let (language, words) = fence.split_once(' ').unwrap_or((fence, ""));
        if language != "sh" && !words.starts_with("file=") {
            continue;
        }
        let place = format!("{name}:{}", number + 1);
        let mut orders = Orders::read(words).unwrap_or_else(|word| {
            panic!("{place}: `{word}` is nothing that a command block can ask for")
        });
        orders.ignore = orders.ignore.or_else(|| whole.map(str::to_owned));
        blocks.push(Block { place, text: inside.join("\n"), orders });
    }
    blocks
}

#[test]
fn a_block_ends_where_its_fence_does_and_a_page_may_be_left_out() {
    let text = "a\n```sh exit=5 given=doubts\none\n```\n```text\n```\n1. b\n   ```sh continued\n   two\n     x\n   ```\n";
    let found = of_text("a.md", text);
    let texts: Vec<_> = found.iter().map(|block| (&*block.place, &*block.text)).collect();
    assert_eq!(texts, [("a.md:2", "one"), ("a.md:8", "two\n  x")]);
    assert_eq!((found[0].orders.exit, found[0].orders.given), (5, Given::Doubts));
    assert!(found[1].orders.continued && found[1].orders.ignore.is_none());
    let found = of_text("a.md", &format!("<!-- sh: ignore=no-way -->\n{text}"));
    assert!(found.iter().all(|block| block.orders.ignore.as_deref() == Some("no-way")));
    assert_eq!(Orders::read("exit=x"), Err("exit=x".to_owned()));
    assert_eq!(Orders::read("ignore="), Err("ignore=".to_owned()));
}
