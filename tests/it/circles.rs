//! No circle within a room: modules know each other in one direction. What the sources name by `use` and by paths is
//! followed to the file that defines it; re-exports are a room's front and count for nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::rooms::sources;

/// `["cli", "project"]` of `src/cli/project/mod.rs`.
type Module = Vec<String>;

struct Source {
    /// Paths that it uses, as they are written, and the inline module they stand in.
    used: Vec<(String, bool)>,
    /// Paths that it hands on.
    handed_on: Vec<String>,
}

/// The paths of a `use` tree: `a::{b, c::d}` is `a::b` and `a::c::d`.
fn leaves(prefix: &str, tree: &str) -> Vec<String> {
    let tree = tree.trim();
    let Some(open) = tree.find('{') else {
        return vec![format!("{prefix}{}", tree.split_whitespace().next().unwrap_or_default())];
    };
    let inner = tree[open + 1..].strip_suffix('}').unwrap_or(&tree[open + 1..]);
    let prefix = format!("{prefix}{}", tree[..open].trim());
    let (mut depth, mut part, mut found) = (0, String::new(), Vec::new());
    for c in inner.chars().chain([',']) {
        depth += i32::from(c == '{') - i32::from(c == '}');
        if c == ',' && depth == 0 {
            if !part.trim().is_empty() {
                found.extend(leaves(&prefix, &part));
            }
            part.clear();
        } else {
            part.push(c);
        }
    }
    found
}

/// Every `a::b::C` of a line of code.
fn paths(line: &str) -> Vec<String> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    line.split(|c| !is_word(c))
        .filter(|word| word.contains("::"))
        .map(|word| word.trim_matches(':').to_owned())
        .collect()
}

impl Source {
    fn read(file: &Path) -> Source {
        let text = std::fs::read_to_string(file).unwrap();
        let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
        let mut source = Source { used: Vec::new(), handed_on: Vec::new() };
        let (mut is_inline, mut statement) = (false, String::new());
        for line in text.lines().filter(|line| !line.trim_start().starts_with("//")) {
            match line {
                "}" => is_inline = false,
                _ if line.ends_with('{') && line.contains("mod ") && !line.starts_with(' ') => is_inline = true,
                _ => {}
            }
            let word = line.trim_start();
            if !statement.is_empty() || word.starts_with("use ") || (word.starts_with("pub") && word.contains(" use "))
            {
                statement.push_str(word);
                statement.push(' ');
                let Some(whole) = statement.trim_end().strip_suffix(';').map(str::to_owned) else { continue };
                statement.clear();
                let (before, tree) = whole.split_once("use ").unwrap();
                match before.is_empty() {
                    true => source.used.extend(leaves("", tree).into_iter().map(|path| (path, is_inline))),
                    false => source.handed_on.extend(leaves("", tree)),
                }
            } else {
                source.used.extend(paths(line).into_iter().map(|path| (path, is_inline)));
            }
        }
        source
    }
}

/// The absolute path of one that a module writes; `None` for what is no module of f3s.
fn absolute(modules: &BTreeMap<Module, Source>, from: &Module, path: &str, is_inline: bool) -> Option<Vec<String>> {
    let mut words: Vec<String> = path.split("::").map(str::to_owned).collect();
    let mut base = from.clone();
    if is_inline && words[0] == "super" {
        words[0] = "self".to_owned();
    }
    match words[0].as_str() {
        "crate" => base.clear(),
        "self" => {}
        "super" => {
            while words.get(1).is_some_and(|word| word == "super") {
                base.pop();
                words.remove(0);
            }
            base.pop();
        }
        child => {
            base.push(child.to_owned());
            if !modules.contains_key(&base) {
                return None;
            }
        }
    }
    base.extend(words.into_iter().skip(1).filter(|word| word != "self"));
    Some(base)
}

/// The module that defines what a path names.
fn definer(modules: &BTreeMap<Module, Source>, path: Vec<String>) -> Option<Module> {
    let length = (1..=path.len()).rev().find(|length| modules.contains_key(&path[..*length]))?;
    let (module, item) = (path[..length].to_vec(), path.get(length));
    let is_item = |handed: &&String| Some(handed.rsplit("::").next().unwrap()) == item.map(String::as_str);
    let Some(handed) = modules[&module].handed_on.iter().find(is_item) else { return Some(module) };
    match absolute(modules, &module, handed, false) {
        Some(next) if next != path => definer(modules, next),
        _ => Some(module),
    }
}

/// A module that leads back to itself, with the way.
fn circle(known: &BTreeMap<&Module, BTreeSet<Module>>) -> Option<Vec<Module>> {
    fn walk(
        known: &BTreeMap<&Module, BTreeSet<Module>>,
        at: &Module,
        way: &mut Vec<Module>,
        done: &mut BTreeSet<Module>,
    ) -> Option<Vec<Module>> {
        if let Some(start) = way.iter().position(|module| module == at) {
            return Some(way[start..].to_vec());
        }
        if !done.insert(at.clone()) {
            return None;
        }
        way.push(at.clone());
        let found = known.get(at).into_iter().flatten().find_map(|next| walk(known, next, way, done));
        way.pop();
        found
    }
    let mut done = BTreeSet::new();
    known.keys().find_map(|module| walk(known, module, &mut Vec::new(), &mut done))
}

#[test]
fn no_circle_stands_within_a_room() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut modules: BTreeMap<Module, Source> = BTreeMap::new();
    for file in sources(&root) {
        let relative = file.strip_prefix(&root).unwrap().with_extension("");
        let mut module: Module = relative.iter().map(|word| word.to_string_lossy().into_owned()).collect();
        if module.last().is_some_and(|last| last == "mod") {
            module.pop();
        }
        let is_ours = !matches!(module[0].as_str(), "lib" | "main") && !module.iter().any(|word| word == "tests");
        if is_ours {
            modules.insert(module, Source::read(&file));
        }
    }
    let known: BTreeMap<&Module, BTreeSet<Module>> = modules
        .iter()
        .map(|(module, source)| {
            let paths = source.used.iter().filter_map(|(path, inline)| absolute(&modules, module, path, *inline));
            (module, paths.filter_map(|path| definer(&modules, path)).filter(|other| other != module).collect())
        })
        .collect();
    assert!(known.values().map(BTreeSet::len).sum::<usize>() > modules.len(), "hardly anything was followed");
    let shown = |way: Vec<Module>| way.iter().map(|module| module.join("::")).collect::<Vec<_>>().join(" -> ");
    assert_eq!(circle(&known).map(shown), None);
}

#[test]
fn trees_are_taken_apart() {
    assert_eq!(leaves("", "a::{self, b::{C, D as E}, f}"), ["a::self", "a::b::C", "a::b::D", "a::f"]);
    assert_eq!(paths("let x = a::b(c::D::e, f);"), ["a::b", "c::D::e"]);
}
