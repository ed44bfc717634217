//! Reads which module uses which, and holds that to an order.
//!
//! A *place* is a module by its path below `src`: `words`, or `words/span` for a room of a floor.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The sources of a crate.
pub(crate) struct House {
    src: PathBuf,
    /// How many steps name a place: 1 for modules, 2 for rooms on floors.
    depth: usize,
}

impl House {
    pub(crate) fn new(src: impl Into<PathBuf>, depth: usize) -> Self {
        Self { src: src.into(), depth }
    }

    /// The rows of the table in the docs of `lib.rs` that follows this heading.
    pub(crate) fn table(&self, heading: &str) -> Vec<String> {
        let lib = fs::read_to_string(self.src.join("lib.rs")).unwrap();
        let (_, below) = lib.split_once(&format!("//! # {heading}\n")).unwrap();
        let table = below.split("//! ```text\n").nth(1).unwrap().split("//! ```").next().unwrap();
        table.lines().map(|line| line.strip_prefix("//! ").unwrap().to_owned()).collect()
    }

    /// The modules that a file declares.
    pub(crate) fn declared(&self, file: &str) -> BTreeSet<String> {
        let text = fs::read_to_string(self.src.join(file)).unwrap();
        let lines = text.lines().filter_map(|line| {
            let words: Vec<_> = line.strip_suffix(';')?.split(' ').collect();
            let place = words.iter().position(|word| *word == "mod")?;
            words.get(place + 1).map(|name| (*name).to_owned())
        });
        lines.collect()
    }

    /// The code of a place without its tests, which may use what they like, and without comments;
    /// each file with the path by which `super` is understood.
    pub(crate) fn code(&self, place: &str) -> Vec<(String, String)> {
        let files = self.files(place);
        assert!(!files.is_empty(), "no source of {place}");
        let is_test = |path: &Path| {
            path.components().any(|c| c.as_os_str().to_string_lossy().starts_with("tests"))
        };
        let read = |path: PathBuf| {
            let text = fs::read_to_string(&path).unwrap();
            let text = text.split("#[cfg(test)]\nmod ").next().unwrap();
            let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
            let code: Vec<_> = code.collect();
            let within = path.strip_prefix(&self.src).unwrap().with_extension("");
            let within = within.to_string_lossy().replace('\\', "/");
            (within.trim_end_matches("/mod").to_owned(), code.join("\n"))
        };
        files.into_iter().filter(|path| !is_test(path)).map(read).collect()
    }

    /// The places that a place uses, besides itself.
    pub(crate) fn uses(&self, place: &str) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        for (module, code) in self.code(place) {
            for path in paths(&absolute(&code, &module)) {
                let steps: Vec<_> = path.split('/').take(self.depth).collect();
                found.insert(steps.join("/"));
            }
        }
        found.retain(|used| used != place);
        found
    }

    /// Every use that the order forbids: of what stands later, or nowhere in it.
    pub(crate) fn forbidden(&self, order: &[String]) -> Vec<String> {
        let mut told = Vec::new();
        for (at, place) in order.iter().enumerate() {
            let wrong = self.uses(place).into_iter().filter(|used| !order[..at].contains(used));
            told.extend(wrong.map(|used| format!("{place} uses {used}")));
        }
        told
    }
}

impl House {
    /// The modules that use each other in a circle inside one module, by its path: `media/face: grey turn`.
    pub(crate) fn circles(&self) -> Vec<String> {
        let mut told = Vec::new();
        let mut left = self.children("");
        while let Some(place) = left.pop() {
            let children = self.children(&place);
            let uses: BTreeMap<_, _> = children
                .iter()
                .map(|child| (child.clone(), self.used_beside(child, &place, &children)))
                .collect();
            told.extend(rounds(&uses).iter().map(|round| {
                let names = round.iter().filter_map(|child| child.rsplit('/').next());
                format!("{place}: {}", names.collect::<Vec<_>>().join(" "))
            }));
            left.extend(children);
        }
        told.sort();
        told
    }

    /// The modules below a module, tests left out.
    fn children(&self, place: &str) -> Vec<String> {
        let Ok(folder) = fs::read_dir(self.src.join(place)) else { return Vec::new() };
        let names = folder.filter_map(|entry| {
            let path = entry.unwrap().path();
            let is_source = path.is_dir() || path.extension().is_some_and(|ending| ending == "rs");
            let name = path.file_stem()?.to_str()?.to_owned();
            let is_module = !["mod", "lib", "main"].contains(&&*name) && !name.starts_with("tests");
            (is_source && is_module)
                .then(|| format!("{place}/{name}").trim_start_matches('/').to_owned())
        });
        let names: BTreeSet<_> = names.collect();
        // A folder of anything else than sources is no module.
        names.into_iter().filter(|name| !self.files(name).is_empty()).collect()
    }

    fn files(&self, place: &str) -> Vec<PathBuf> {
        let mut files = Vec::new();
        sources(&self.src.join(format!("{place}.rs")), &mut files);
        sources(&self.src.join(place), &mut files);
        files
    }

    /// Which of its siblings a module uses, also by a name that their parent hands on.
    fn used_beside(&self, child: &str, parent: &str, siblings: &[String]) -> BTreeSet<String> {
        let handed_on = self.handed_on(parent);
        let mut found = BTreeSet::new();
        for (module, code) in self.code(child) {
            for path in paths(&absolute(&code, &module)) {
                let Some(rest) = path.strip_prefix(&format!("{parent}/")) else { continue };
                let first = rest.split('/').next().unwrap();
                let named = format!("{parent}/{first}");
                let used = handed_on.get(first).cloned().unwrap_or(named);
                found.extend(
                    siblings.iter().find(|known| **known == used && used != child).cloned(),
                );
            }
        }
        found
    }

    /// What a module hands on of the modules below it: name, and whose it is.
    fn handed_on(&self, place: &str) -> BTreeMap<String, String> {
        let here = [format!("{place}.rs"), format!("{place}/mod.rs")];
        let text = here.iter().find_map(|file| fs::read_to_string(self.src.join(file)).ok());
        let code =
            text.unwrap().replace("self::", &format!("crate::{}::", place.replace('/', "::")));
        let own = paths(&code).into_iter().filter_map(|path| {
            let (child, name) = path.strip_prefix(&format!("{place}/"))?.split_once('/')?;
            Some((name.to_owned(), format!("{place}/{child}")))
        });
        own.collect()
    }
}

/// Those that reach each other.
fn rounds(uses: &BTreeMap<String, BTreeSet<String>>) -> BTreeSet<BTreeSet<String>> {
    let reached = |from: &String| {
        let mut reached = BTreeSet::new();
        let mut left: Vec<_> = uses[from].iter().cloned().collect();
        while let Some(next) = left.pop() {
            left.extend(uses[&next].iter().filter(|one| !reached.contains(*one)).cloned());
            reached.insert(next);
        }
        reached
    };
    let all: BTreeMap<_, _> = uses.keys().map(|one| (one.clone(), reached(one))).collect();
    let round = |one: &String| {
        let back = all[one].iter().filter(|other| all[*other].contains(one));
        back.cloned().collect::<BTreeSet<_>>()
    };
    uses.keys().map(round).filter(|round| !round.is_empty()).collect()
}

fn sources(path: &Path, into: &mut Vec<PathBuf>) {
    if path.is_dir() {
        fs::read_dir(path).unwrap().for_each(|entry| sources(&entry.unwrap().path(), into));
    } else if path.is_file() && path.extension().is_some_and(|ending| ending == "rs") {
        into.push(path.to_owned());
    }
}

/// The code with `super::…` written as the `crate::…` that it means in this module.
pub(crate) fn absolute(code: &str, module: &str) -> String {
    let mut rest = code;
    let mut written = String::new();
    while let Some((before, after)) = rest.split_once("super::") {
        let (mut up, mut after) = (1, after);
        while let Some(next) = after.strip_prefix("super::") {
            (up, after) = (up + 1, next);
        }
        let steps: Vec<_> = module.split('/').collect();
        let parent = steps[..steps.len().saturating_sub(up)].join("::");
        written += &if parent.is_empty() {
            format!("{before}crate::")
        } else {
            format!("{before}crate::{parent}::")
        };
        rest = after;
    }
    written + rest
}

/// Every path below `crate`, its steps parted by `/`, lists in braces taken apart.
pub(crate) fn paths(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (start, _) in code.match_indices("crate::") {
        let joined = code[..start].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '$');
        if !joined {
            branch("", &code[start + "crate::".len()..], &mut found);
        }
    }
    found
}

/// Adds the paths that begin here, and returns how much of the text they take.
fn branch(above: &str, text: &str, found: &mut Vec<String>) -> usize {
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(text.len());
    let path =
        if above.is_empty() { text[..end].to_owned() } else { format!("{above}/{}", &text[..end]) };
    let Some(rest) = text[end..].strip_prefix("::") else {
        found.push(path);
        return end;
    };
    let taken = end + 2;
    let Some(list) = rest.strip_prefix('{') else {
        return taken + branch(&path, rest, found);
    };
    let mut at = 0;
    loop {
        at += list[at..].find(|c: char| !(c.is_whitespace() || c == ',')).unwrap();
        if list[at..].starts_with('}') {
            return taken + at + 2;
        }
        at += if let Some(named) = list[at..].strip_prefix("self") {
            found.push(path.clone());
            list[at..].len() - named.len()
        } else {
            branch(&path, &list[at..], found)
        };
        // A list may name things otherwise: `a as b`.
        at += list[at..].find([',', '}']).unwrap();
    }
}
