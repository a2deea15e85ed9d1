//! Generated commands do what the rule says, in every shell that images bring: each command of a list runs as one of its
//! own in one shell, up to the first whose status is not 0.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use f3s::config::Config;
use f3s::diagnostic::Sources;
use f3s::lower::ContextEntry;
use f3s::pipeline;
use f3s::plan::{PlanOptions, PlannedImage, Present};
use f3s::script::{Evaluations, Request};
use f3s::world::{Memory, World};

use crate::cases::Cases;
use crate::shell_cases::{Text, list, meaning};

/// Those that are there; the first always is.
const SHELLS: &[&[&str]] = &[&["sh"], &["dash"], &["bash"], &["bash", "--posix"], &["busybox", "sh"]];

fn planned(script: &str, fine: bool) -> PlannedImage {
    let world: Arc<dyn World> = Arc::new(Memory::new().file("scripts/a.rhai", script));
    let (config, mut sources, evaluations) = (Config::default(), Sources::default(), Evaluations::default());
    let graph = pipeline::load(&world, &config, &Request::default(), &mut sources, &evaluations)
        .unwrap_or_else(|error| panic!("{error}\n{script}"));
    let fine = if fine { ["a".to_owned()].into() } else { Default::default() };
    let options = PlanOptions { fine, ..PlanOptions::default() };
    pipeline::plan(&graph, &Present::default(), &*world, &config, &options).unwrap().images.remove(0)
}

/// What the shell is given for each `RUN`, as the builder's frontend reads the Dockerfile.
fn scripts(image: &PlannedImage, folder: &Path) -> Vec<String> {
    let runs = image.dockerfile.instructions.iter().filter_map(|one| one.text.strip_prefix("RUN "));
    let texts = runs.map(|text| {
        let mut text = text.replace("\\\n", "").trim_start().to_owned();
        while let Some(flag) = text.strip_prefix("--") {
            let (flag, rest) = flag.split_once(' ').unwrap();
            let source = flag.split_once("source=").and_then(|(_, rest)| rest.split(',').next()).unwrap();
            let Some(ContextEntry::Text { text: script, .. }) = image.context.entries.get(source) else { panic!() };
            std::fs::write(folder.join("script"), script).unwrap();
            text = rest.trim_start().replace("/dev/f3s/run", folder.join("script").to_str().unwrap());
        }
        text
    });
    texts.collect()
}

/// What scripts tell that run one after the other, and whether all succeed.
fn told(shell: &[&str], scripts: &[String], folder: &Path) -> (bool, String) {
    let log = folder.join("log");
    std::fs::write(&log, "").unwrap();
    let _ = std::fs::remove_file(folder.join("file"));
    let succeeded = scripts.iter().all(|script| {
        let mut command = Command::new(shell[0]);
        command.args(&shell[1..]).args(["-c", script]).env_clear().env("PATH", "/usr/bin:/bin").env("ROOT", folder);
        command.current_dir(folder).output().unwrap().status.success()
    });
    (succeeded, std::fs::read_to_string(&log).unwrap())
}

fn call(list: &[Text]) -> String {
    let texts: Vec<&str> = list.iter().map(|entry| entry.text.as_str()).collect();
    format!("run({});", serde_json::to_string(&texts).unwrap())
}

#[test]
fn generated_commands_do_what_the_rule_says() {
    let has = |shell: &&&[&str]| Command::new(shell[0]).args(["-c", "true"]).output().is_ok() || shell[0] == "sh";
    let shells: Vec<_> = SHELLS.iter().filter(has).collect();
    let cases = Cases::wanted(20);
    let (mut succeeded, mut failed) = (0, 0);
    for mut choices in cases.each() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (list(&mut choices), list(&mut choices));
        let alone = format!("base(\"alpine:3.13\");\n{}", call(&one));
        let layer = format!("base(\"alpine:3.13\");\nlayer(\"l\", || {{ {} {} }});", call(&one), call(&other));
        let (alone, fine) = (planned(&alone, false), planned(&alone, true));
        let layer = planned(&layer, false);
        for shell in &shells {
            let expected = told(shell, &[meaning(&one)], folder.path());
            *(if expected.0 { &mut succeeded } else { &mut failed }) += 1;
            let show = || format!("{shell:?} {one:#?}\n{}", meaning(&one));
            assert_eq!(told(shell, &scripts(&alone, folder.path()), folder.path()), expected, "{}", show());
            assert_eq!(told(shell, &scripts(&fine, folder.path()), folder.path()), expected, "fine {}", show());
            let expected = told(shell, &[meaning(&one), meaning(&other)], folder.path());
            let show = || format!("{shell:?} {one:#?} {other:#?}\n{}", layer.dockerfile.text);
            assert_eq!(told(shell, &scripts(&layer, folder.path()), folder.path()), expected, "layer {}", show());
        }
    }
    assert!(succeeded > cases.count / 4 && failed > cases.count / 4, "{succeeded} succeeded, {failed} failed");
}
