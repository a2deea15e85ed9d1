//! Every snippet of the guide is evaluated and planned; what it calls wrong is wrong in the words that it says.

use f3s::config::Config;
use f3s::script::Request;
use f3s::world::Memory;

use crate::project::plan;

const GUIDE: &str = include_str!("../../stdlib/GUIDE.md");

/// What snippets copy.
const FILES: [&str; 6] = ["motd", "app.sh", "a.conf", "b.conf", "src/Makefile", "html/index.html"];

/// The fenced blocks: what stands behind the fence, and the text.
fn blocks() -> Vec<(&'static str, &'static str)> {
    let mut parts = GUIDE.split("```").skip(1);
    let mut blocks = Vec::new();
    while let (Some(block), Some(_)) = (parts.next(), parts.next()) {
        blocks.push(block.split_once('\n').expect("a fence ends its line"));
    }
    blocks
}

/// The file that a snippet is, if its first line says so.
fn file_of(snippet: &str) -> Option<&str> {
    snippet.lines().next()?.strip_prefix("// ").filter(|name| name.ends_with(".rhai"))
}

fn project() -> Memory {
    let files = FILES.iter().fold(Memory::new(), |world, name| world.file(&format!("scripts/{name}"), "x"));
    let snippets = blocks().into_iter().filter(|(kind, _)| *kind == "rhai").map(|(_, text)| text);
    snippets.filter_map(|text| Some((file_of(text)?, text))).fold(files, |world, (name, text)| world.file(name, text))
}

fn planned(script: &str) -> Result<usize, String> {
    let script = if script.contains("base(") { script.to_owned() } else { format!("base(\"alpine:3.13\");\n{script}") };
    let request = Request { recipes: vec!["snippet".to_owned()], ..Request::default() };
    let plan = plan(project().file("scripts/snippet.rhai", script), &Config::default(), &request);
    plan.map(|plan| plan.images.iter().map(|image| image.steps.len()).sum()).map_err(|error| error.to_string())
}

#[test]
fn snippets_are_recipes() {
    let blocks = blocks();
    assert!(blocks.len() > 15, "{} blocks", blocks.len());
    for (at, (kind, text)) in blocks.iter().enumerate() {
        match *kind {
            "rhai" if file_of(text).is_none() => {
                let steps = planned(text).unwrap_or_else(|error| panic!("{text}\n{error}"));
                assert!(steps > 0 || text.contains("check("), "{text}\nrecords nothing");
            }
            "rhai,wrong" => {
                let error = planned(text).expect_err(text);
                let (kind, words) = blocks[at + 1];
                assert!(kind == "text" && error.contains(words.trim()), "{words}\nis not in\n{error}");
            }
            _ => {}
        }
    }
}

#[test]
fn the_files_of_the_guide_are_one_family() {
    let plan = plan(project(), &Config::default(), &Request::default()).unwrap_or_else(|error| panic!("{error}"));
    let names: Vec<&str> = plan.images.iter().map(|image| image.name.as_str()).collect();
    for name in ["tools", "app", "java", "service", "python[version=3.12]", "site"] {
        assert!(
            names.iter().any(|found| *found == name || found.starts_with(&format!("{name}["))),
            "{name}: {names:?}"
        );
    }
}
