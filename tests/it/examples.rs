//! Every documented example is evaluated, and its lowered lines are those that the documentation shows.

use f3s::config::Config;
use f3s::script::Request;
use f3s::script::reference::{self, FunctionDoc};
use f3s::world::Memory;

use crate::project::plan;

/// Artifacts lie in folders named by a digest, which documentation writes as `KEY`.
fn with_keys(text: &str) -> String {
    let mut parts = text.split(".f3s/artifacts/");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |all, part| {
        let (_, rest) = part.split_once('/').expect("a key is a folder");
        format!("{all}.f3s/artifacts/KEY/{rest}")
    })
}

fn mistake(doc: &FunctionDoc) -> Option<String> {
    let has_base = doc.example.contains("base(") && !doc.example.trim_start().starts_with("let build = stage");
    let script = if has_base || doc.name == "stage" {
        doc.example.clone()
    } else {
        format!("base(\"alpine:3.13\");\n{}", doc.example)
    };
    // The files and the recipe that examples name.
    let world = ["nginx.conf", "a.conf", "b.conf"]
        .iter()
        .fold(Memory::new(), |world, name| world.file(&format!("scripts/{name}"), ""));
    let world = world.file("scripts/example.rhai", script);
    let plan = match plan(world, &Config::default(), &Request::default()) {
        Ok(plan) => plan,
        Err(error) => return Some(format!("`{}`: {error}", doc.name)),
    };
    // One image, or one for every variant.
    let lowered: String = plan.images.iter().map(|image| with_keys(&image.dockerfile.text)).collect();
    let expected = doc.lowers_to.trim_end();
    (!lowered.contains(expected)).then(|| format!("`{}` lowers to\n{lowered}\nnot to\n{expected}\n", doc.name))
}

#[test]
fn examples_lower_to_what_the_documentation_shows() {
    let functions = reference::functions();
    assert!(functions.len() > 50, "{} functions", functions.len());
    let mistakes: Vec<String> = functions.iter().filter_map(mistake).collect();
    assert!(mistakes.is_empty(), "{}", mistakes.join("\n"));
}

#[test]
fn every_function_is_documented_with_an_example() {
    for doc in reference::functions() {
        assert!(doc.summary.ends_with('.'), "`{}` has no summary", doc.name);
        assert!(doc.example.contains(&doc.name), "`{}` has no example", doc.name);
    }
}
