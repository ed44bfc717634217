//! The table of layers in `lib.rs`, held against what the modules really use.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const SRC: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src");

/// The modules in the order of the table, with whether they are above `files`, so pure.
fn table() -> Vec<String> {
    let lib = fs::read_to_string(format!("{SRC}/lib.rs")).unwrap();
    let table = lib.split("//! ```text\n").nth(2).unwrap().split("//! ```").next().unwrap();
    let modules = table.lines().flat_map(|line| {
        let names = line.trim_start_matches("//! ").split("   ").next().unwrap();
        names.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    });
    modules.collect()
}

fn sources(path: &Path, into: &mut Vec<PathBuf>) {
    if path.is_dir() {
        fs::read_dir(path).unwrap().for_each(|entry| sources(&entry.unwrap().path(), into));
    } else if path.is_file() && path.extension().is_some_and(|ending| ending == "rs") {
        into.push(path.to_owned());
    }
}

/// The code of a module without its tests, which may use what they like.
fn code(module: &str) -> String {
    let mut files = Vec::new();
    for path in [format!("{SRC}/{module}.rs"), format!("{SRC}/{module}")] {
        sources(Path::new(&path), &mut files);
    }
    files.retain(|path| {
        !path.components().any(|part| part.as_os_str().to_string_lossy().starts_with("tests"))
    });
    assert!(!files.is_empty(), "no source of {module}");
    let lines = |path: &PathBuf| {
        let text = fs::read_to_string(path).unwrap();
        text.split("#[cfg(test)]\nmod ").next().unwrap().to_owned()
    };
    files.iter().map(lines).collect::<String>()
}

fn uses(module: &str) -> BTreeSet<String> {
    let code = code(module);
    let code = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    let names = code.flat_map(|line| line.split("crate::").skip(1).map(name).collect::<Vec<_>>());
    names.filter(|used| used != module).collect()
}

fn name(text: &str) -> String {
    text.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect()
}

#[test]
fn the_table_names_every_module_once() {
    let lib = fs::read_to_string(format!("{SRC}/lib.rs")).unwrap();
    let modules = lib.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    let modules: BTreeSet<_> = modules.map(str::to_owned).collect();
    let table = table();
    assert_eq!(table.iter().cloned().collect::<BTreeSet<_>>(), modules);
    assert_eq!(table.len(), modules.len());
}

#[test]
fn each_module_uses_only_what_stands_before_it() {
    let table = table();
    for (place, module) in table.iter().enumerate() {
        let below: Vec<_> =
            uses(module).into_iter().filter(|used| !table[..place].contains(used)).collect();
        assert!(below.is_empty(), "{module} uses {below:?}, which stand below it in lib.rs");
    }
}

#[test]
fn what_stands_above_files_is_pure() {
    let table = table();
    let pure = table.iter().take_while(|module| *module != "files");
    let outside = ["tokio::", "reqwest::", "std::fs", "std::env", "::now()", "rusqlite"];
    for module in pure {
        let code = code(module);
        for word in outside {
            assert!(!code.contains(word), "{module} is to be pure, and uses {word}");
        }
    }
}
