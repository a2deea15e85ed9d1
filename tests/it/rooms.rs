//! The rooms rule: who may know whom. Paths that begin with `crate::` are read from the sources.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Data that every room may use.
const EVERYWHERE: &[&str] =
    &["diagnostic", "digest", "file", "folders", "harmless", "http", "path", "pattern", "shell"];

/// A room and the rooms it may know.
const TABLE: &[(&str, &[&str])] = &[
    ("diagnostic", &[]),
    ("digest", &[]),
    ("file", &[]),
    ("folders", &[]),
    ("harmless", &[]),
    ("http", &[]),
    ("path", &[]),
    ("pattern", &[]),
    ("shell", &[]),
    ("event", &["diagnostic"]),
    ("config", &["recipe"]),
    ("world", &["diagnostic"]),
    ("recipe", &["diagnostic"]),
    ("script", &["recipe", "world", "config"]),
    ("graph", &["recipe"]),
    ("consent", &["graph", "recipe"]),
    ("dockerfile", &[]),
    ("lower", &["config", "dockerfile", "graph", "recipe", "world"]),
    ("plan", &["config", "dockerfile", "graph", "lower", "recipe", "world"]),
    ("artifact", &["recipe", "event", "config"]),
    ("transport", &[]),
    ("registry", &["recipe", "transport"]),
    ("engine", &["artifact", "config", "dockerfile", "event", "lower", "plan", "recipe", "transport"]),
    ("execute", &["artifact", "config", "engine", "event", "lower", "plan", "recipe", "registry"]),
    ("report", &["event", "plan"]),
    ("watch", &["world"]),
    (
        "pipeline",
        &[
            "artifact", "config", "engine", "event", "execute", "graph", "lower", "plan", "recipe", "registry",
            "script", "world",
        ],
    ),
    (
        "cli",
        &[
            "artifact",
            "config",
            "consent",
            "engine",
            "event",
            "graph",
            "lower",
            "pipeline",
            "plan",
            "recipe",
            "report",
            "script",
            "transport",
            "watch",
            "world",
        ],
    ),
];

pub fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect()
}

/// The first names behind `crate::`, with those in braces.
fn known(text: &str) -> BTreeSet<String> {
    let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let mut names = BTreeSet::new();
    for rest in code.split("crate::").skip(1) {
        match rest.strip_prefix('{') {
            Some(list) => names.extend(list.split(&[',', '{', '}'][..]).map(|part| word(part.trim()))),
            None => _ = names.insert(word(rest)),
        }
    }
    names
}

#[test]
fn rooms_know_only_their_neighbours() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut mistakes = Vec::new();
    for file in sources(&root) {
        let relative = file.strip_prefix(&root).unwrap();
        let room =
            relative.components().next().unwrap().as_os_str().to_string_lossy().trim_end_matches(".rs").to_owned();
        if matches!(room.as_str(), "lib" | "main") {
            continue;
        }
        let (_, allowed) =
            TABLE.iter().find(|(name, _)| *name == room).unwrap_or_else(|| panic!("`{room}` is no room"));
        // Tests of the scheduler drive the phases before it.
        if relative.ends_with("tests.rs") {
            continue;
        }
        for name in known(&std::fs::read_to_string(&file).unwrap()) {
            let is_room = TABLE.iter().any(|(room, _)| *room == name);
            if is_room && name != room && !allowed.contains(&name.as_str()) && !EVERYWHERE.contains(&name.as_str()) {
                mistakes.push(format!("{} knows `{name}`", relative.display()));
            }
        }
    }
    assert!(mistakes.is_empty(), "{}", mistakes.join("\n"));
}

#[test]
fn files_stay_small() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for file in sources(&root) {
        let lines = std::fs::read_to_string(&file).unwrap().lines().count();
        assert!(lines <= 420, "{} has {lines} lines: split it by noun", file.display());
    }
}
