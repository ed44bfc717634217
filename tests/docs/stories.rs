//! Every command block of the documentation runs against the fake, with the outcome it promises.

use std::sync::Mutex;
use std::thread;

use crate::blocks::{self, Block};
use crate::folder::Folder;
use crate::pages;
use crate::shell::Shell;

/// So many stories go on at once. They wait for the fake most of the time.
const AT_ONCE: usize = 16;

/// Blocks that run in one folder, one after the other.
type Story = Vec<Block>;

fn told(blocks: Vec<Block>) -> Vec<Story> {
    let mut stories: Vec<Story> = Vec::new();
    for block in blocks {
        match stories.last_mut() {
            Some(story) if block.orders.continued => story.push(block),
            _ => stories.push(vec![block]),
        }
    }
    stories
}

/// Runs a story. What went wrong, if something did.
fn lived(story: &Story) -> Result<(), String> {
    if story.iter().any(|block| block.orders.ignore.is_some()) {
        return Ok(());
    }
    let folder = Folder::new(story[0].orders.given);
    // A reader's terminal knows what was exported there before.
    let mut exported = String::new();
    for block in story {
        if let Some(file) = &block.orders.file {
            folder.write(file, &block.text);
            continue;
        }
        let text = exported.clone() + &folder.filled_in(&block.text);
        let exports = block.text.lines().filter(|line| line.starts_with("export "));
        exports.for_each(|line| exported += &format!("{line}\n"));
        let said = if block.orders.ctrl_c {
            // The shell is to live on, and say how its command ended.
            Shell::start(&folder, &format!("trap : INT\n{text}")).interrupted().ended()
        } else {
            Shell::start(&folder, &text).ended()
        };
        if said.code != Some(block.orders.exit) {
            return Err(format!("{}: {said}", block.place));
        }
    }
    Ok(())
}

#[test]
fn every_block_does_what_it_promises() {
    let stories: Vec<_> = pages().iter().flat_map(|page| told(blocks::of_page(page))).collect();
    let runs = |block: &&Block| block.orders.ignore.is_none() && block.orders.file.is_none();
    let run = stories.iter().flatten().filter(runs).count();
    assert!(run > 30, "only {run} blocks run");
    let left = Mutex::new(stories.iter());
    let wrong = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let next = left.lock().unwrap().next();
                    let Some(story) = next else { break };
                    if let Err(failure) = lived(story) {
                        wrong.lock().unwrap().push(failure);
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{} went wrong\n\n{}", wrong.len(), wrong.join("\n\n"));
}

#[test]
fn a_block_that_does_not_keep_its_promise_is_found() {
    let block = |text: &str, orders: &str| {
        let text = format!("```sh {orders}\n{text}\n```\n");
        let folder = tempfile::tempdir_in(crate::root().join("target")).unwrap();
        let page = folder.path().join("page.md");
        std::fs::write(&page, text).unwrap();
        blocks::of_page(&page)
    };
    let failure = lived(&block("callsheet run sprnig.yaml", "")).unwrap_err();
    assert!(failure.contains("page.md:1: ended with 2") && failure.contains("sprnig"), "{failure}");
    assert_eq!(lived(&block("callsheet run sprnig.yaml", "exit=2")), Ok(()));
}
