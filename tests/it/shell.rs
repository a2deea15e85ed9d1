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

use crate::cases::{Cases, Choices};
use crate::shell_cases::{Dialect, Entries, Meaning, list, meaning};

/// Those that are there; the first always is.
const SHELLS: &[&[&str]] = &[&["sh"], &["dash"], &["bash"], &["bash", "--posix"], &["busybox", "sh"]];

fn shells() -> impl Iterator<Item = &'static [&'static str]> {
    let is_there = |shell: &&[&str]| shell[0] == "sh" || Command::new(shell[0]).args(["-c", "true"]).output().is_ok();
    SHELLS.iter().copied().filter(is_there)
}

/// The image, or why there is none.
fn planned(script: &str, fine: bool) -> Result<PlannedImage, String> {
    let world: Arc<dyn World> = Arc::new(Memory::new().file("scripts/a.rhai", script));
    let (config, mut sources, evaluations) = (Config::default(), Sources::default(), Evaluations::default());
    let graph = pipeline::load(&world, &config, &Request::default(), &mut sources, &evaluations)
        .map_err(|error| error.to_string())?;
    let fine = if fine { ["a".to_owned()].into() } else { Default::default() };
    let options = PlanOptions { fine, ..PlanOptions::default() };
    Ok(pipeline::plan(&graph, &Present::default(), &*world, &config, &options).unwrap().images.remove(0))
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

/// What scripts do that run one after the other.
fn done(shell: &[&str], scripts: &[String], folder: &Path) -> Meaning {
    let log = folder.join("log");
    std::fs::write(&log, "").unwrap();
    let _ = std::fs::remove_file(folder.join("file"));
    let succeeds = scripts.iter().all(|script| {
        let mut command = Command::new(shell[0]);
        command.args(&shell[1..]).args(["-c", script]).env_clear().env("PATH", "/usr/bin:/bin").env("ROOT", folder);
        command.current_dir(folder).output().unwrap().status.success()
    });
    Meaning::Ran { succeeds, log: std::fs::read_to_string(&log).unwrap() }
}

fn dialect(shell: &[&str]) -> Dialect {
    let status = |text: &str| Command::new(shell[0]).args(&shell[1..]).args(["-c", text]).output().unwrap().status;
    let unknown = status("command -v none").code().unwrap();
    Dialect { knows_pipefail: status("set -o pipefail").success(), unknown }
}

fn call(list: &Entries) -> String {
    format!("run({});", serde_json::to_string(&list.texts()).unwrap())
}

/// Two lists, and what f3s makes of them: of the first as one step and as a step for each command, of both as a layer.
struct Case {
    lists: [Entries; 2],
    recipes: [String; 2],
    planned: [Result<PlannedImage, String>; 3],
}

impl Case {
    fn of(choices: &mut Choices) -> Case {
        let lists = [list(choices), list(choices)];
        let [one, other] = &lists;
        let alone = format!("base(\"alpine:3.13\");\n{}", call(one));
        let layer = format!("base(\"alpine:3.13\");\nlayer(\"l\", || {{ {} {} }});", call(one), call(other));
        let planned = [planned(&alone, false), planned(&alone, true), planned(&layer, false)];
        Case { recipes: [alone, layer], lists, planned }
    }

    /// What it does in a shell, if that is not what the rule says.
    fn difference(&self, shell: &[&str], dialect: &Dialect) -> Option<String> {
        let folder = tempfile::tempdir().unwrap();
        let [one, other] = &self.lists;
        let (alone, both) = (meaning(&[one], dialect), meaning(&[one, other], dialect));
        let [of_alone, of_layer] = &self.recipes;
        let trials = [(of_alone, &alone), (of_alone, &alone), (of_layer, &both)];
        trials.into_iter().zip(&self.planned).find_map(|((recipe, expected), planned)| {
            let (found, text) = match planned {
                Ok(image) => (done(shell, &scripts(image, folder.path()), folder.path()), &image.dockerfile.text),
                Err(error) if error.contains("could fail unseen") => (Meaning::Refused, error),
                Err(error) => panic!("{error}\n{recipe}"),
            };
            (*expected != Meaning::Unsaid && found != *expected)
                .then(|| format!("{shell:?}: {found:?} and not {expected:?}\n{recipe}\n{text}\n"))
        })
    }
}

#[test]
fn a_text_sees_how_the_command_before_it_ended() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = r#"base("alpine:3.13"); run(["set +e", "(exit 3)", "echo \"status $?\" >>\"$ROOT/log\"\ntrue"]);"#;
    let scripts = scripts(&planned(recipe, false).unwrap(), folder.path());
    for shell in shells() {
        let expected = Meaning::Ran { succeeds: true, log: "status 3\n".to_owned() };
        assert_eq!(done(shell, &scripts, folder.path()), expected, "{shell:?}");
    }
}

#[test]
fn lines_end_as_the_shell_means_it() {
    let folder = tempfile::tempdir().unwrap();
    for recipe in [
        // A last backslash joins nothing to the last word.
        "run(`echo a >>\"$ROOT/log\" \\\n`);",
        "run(`set +e\necho a >>\"$ROOT/log\" \\\n\n`);",
        "layer(`l`, || { run(`true`); run(`echo a >>\"$ROOT/log\" \\\n`); });",
        // One that a backslash quotes is a character.
        "run(`echo 'a' >>\"$ROOT/log\"\n[ x = \\x ] && [ '\\' = \\\\ ]; : \\\\\n`);",
        // As an editor on Windows writes a recipe.
        "run(`\r\necho a >>\"$ROOT/log\"\r\nif true; then\r\n  : \\\r\n    b\r\nfi\r\n`);\r\n",
        "run([\r\n  `[ a = a ]`,\r\n  `cat <<X >>\"$ROOT/log\"\r\na\r\nX`,\r\n]);\r\n",
    ] {
        let scripts = scripts(&planned(&format!("base(\"alpine:3.13\");\n{recipe}"), false).unwrap(), folder.path());
        for shell in shells() {
            let expected = Meaning::Ran { succeeds: true, log: "a\n".to_owned() };
            assert_eq!(done(shell, &scripts, folder.path()), expected, "{shell:?} {recipe:?}");
        }
    }
}

#[test]
fn generated_commands_do_what_the_rule_says() {
    let shells: Vec<_> = shells().map(|shell| (shell, dialect(shell))).collect();
    let cases = Cases::wanted(20);
    let (mut meant, mut differing) = (Vec::new(), Vec::new());
    for choices in cases.each() {
        let mut made = choices;
        let case = Case::of(&mut made);
        meant.push(meaning(&[&case.lists[0]], &shells[0].1));
        if let Some((shell, dialect)) = shells.iter().find(|(shell, dialect)| case.difference(shell, dialect).is_some())
        {
            let differs = |choices: &mut Choices| Case::of(choices).difference(shell, dialect);
            differing.extend(differs(&mut made.shortest(|choices| differs(choices).is_some())));
        }
    }
    differing.sort_by_key(String::len);
    assert!(differing.is_empty(), "{} cases differ:\n{}", differing.len(), differing.join("\n"));
    let count = |is: fn(&Meaning) -> bool| meant.iter().filter(|one| is(one)).count();
    let succeeded = count(|one| matches!(one, Meaning::Ran { succeeds: true, .. }));
    let failed = count(|one| matches!(one, Meaning::Ran { succeeds: false, .. }));
    let refused = count(|one| matches!(one, Meaning::Refused));
    eprintln!("{succeeded} succeeded, {failed} failed, {refused} refused");
    assert!(succeeded > meant.len() / 8 && failed > meant.len() / 8, "{succeeded} succeeded, {failed} failed");
    let unsaid = count(|one| matches!(one, Meaning::Unsaid));
    assert!(unsaid < meant.len() / 8, "{unsaid} mean something else in each shell");
    assert!(refused > 0 && refused < meant.len() / 4, "{refused} were refused");
}
