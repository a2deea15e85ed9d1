//! What scripts probably do not mean: said once, by every command that evaluates, and never in the way.

use std::process::Output;

use f3s::config::Config;
use f3s::diagnostic::{Severity, Sources};
use f3s::pipeline;
use f3s::script::{Evaluations, Request};
use f3s::world::{Memory, World};
use snapbox::{IntoData, assert_data_eq, str};

use crate::binary::f3s;

/// The warnings of a recipe's steps, as `line: message`.
fn warnings(steps: &str) -> Vec<String> {
    let text = format!("base(\"alpine:3.13\");\n{steps}");
    let world: std::sync::Arc<dyn World> =
        std::sync::Arc::new(Memory::new().file("scripts/example.rhai", text).file("scripts/a", ""));
    let (request, evaluations) = (Request::default(), Evaluations::default());
    let graph = pipeline::load(&world, &Config::default(), &request, &mut Sources::default(), &evaluations)
        .unwrap_or_else(|error| panic!("{steps}: {error}"));
    let warnings = graph.warnings();
    assert!(warnings.iter().all(|warning| warning.severity == Severity::Warning && warning.hints.len() == 2));
    warnings
        .iter()
        .map(|warning| format!("{}: {}", warning.origin.as_ref().unwrap().place.line, warning.message))
        .collect()
}

#[test]
fn variables_of_a_dockerfile_are_warned_of() {
    for (steps, what) in [
        ("env(\"A\", \"$HOME/x\");", "`$HOME` is a text here: f3s expands no variables in the value of `env`"),
        (
            "env(#{ A: \"x\", B: \"${HOME}\" });",
            "`${HOME}` is a text here: f3s expands no variables in the value of `env`",
        ),
        ("label(\"a\", \"$V\");", "`$V` is a text here: f3s expands no variables in the value of `label`"),
        ("label(#{ a: \"$V\" });", "`$V` is a text here: f3s expands no variables in the value of `label`"),
        ("workdir(\"/opt/$V\");", "`$V` is a text here: f3s expands no variables in the path of `workdir`"),
        ("volume([\"/a\", \"/opt/$V\"]);", "`$V` is a text here: f3s expands no variables in the path of `volume`"),
        ("copy(\"a\", \"$V/\");", "`$V` is a text here: f3s expands no variables in the target of `copy`"),
        ("write(\"/$V\", \"$TEXT\");", "`$V` is a text here: f3s expands no variables in the path of `write`"),
        (
            "unpack(download(\"https://e.com/a.tgz\"), \"/$V\");",
            "`$V` is a text here: f3s expands no variables in the folder of `unpack`",
        ),
    ] {
        assert_eq!(warnings(steps), [format!("2: {what}")], "{steps}");
    }
}

#[test]
fn what_the_shell_expands_what_the_library_writes_and_what_is_meant_is_not() {
    for steps in [
        "run(\"echo $HOME\"); cmd(\"echo $HOME\"); entrypoint([\"$HOME\"]); healthcheck(\"test $HOME\");",
        "write(\"/x\", \"$HOME\"); author(\"$HOME\"); env(\"PRICE\", \"5$\"); label(\"a\", \"$1 $(date)\");",
        "jmeter(\"5.4.1\"); set_locale(\"en_US.UTF-8\"); kona_jdk();",
        "env(\"A\", literal(\"$HOME\")); env(#{ A: literal(\"$HOME\") }); label(\"a\", literal(\"$V\"));",
        "workdir(literal(\"/$V\")); volume([literal(\"/$V\")]); copy(\"a\", literal(\"/$V\")); write(literal(\"/$V\"), \"\");",
    ] {
        assert_eq!(warnings(steps), [] as [&str; 0], "{steps}");
    }
}

#[test]
fn variants_and_functions_say_it_once() {
    let steps = "let v = param(\"v\", each([\"1\", \"2\"]));\ntag(v);\nfor n in 0..3 { env(\"A\" + n, \"$HOME\"); }";
    assert_eq!(warnings(steps).len(), 1);
}

#[test]
fn commands_say_it_and_go_on() {
    let project = tempfile::tempdir().unwrap();
    std::fs::create_dir(project.path().join("scripts")).unwrap();
    std::fs::write(project.path().join("scripts/a.rhai"), "base(\"scratch\");\nworkdir(\"/opt/$V\");\n").unwrap();
    let text = |output: &Output| String::from_utf8_lossy(&output.stderr).into_owned();
    let output = f3s(project.path(), &[], &["check"]);
    assert_eq!(output.status.code(), Some(0));
    let expected = str![[r#"
warning: `$V` is a text here: f3s expands no variables in the path of `workdir`
 --> scripts/a.rhai:2:1
  |
2 | workdir("/opt/$V");
  | ^^^^^^^
  |
  = help: write the value, or a variable of the script: `"/opt/" + name`
  = help: `literal("$V")` says that the text is meant

1 image, 1 step, 0 checks: 1 warning

"#]];
    assert_data_eq!(text(&output), expected.raw());
    let output = f3s(project.path(), &[("GITHUB_ACTIONS", "true")], &["plan", "--offline", "--format", "json"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(serde_json::from_slice::<serde_json::Value>(&output.stdout).is_ok());
    let said = text(&output);
    assert!(said.contains("\n::warning file=scripts/a.rhai,line=2,col=1::`$V` is a text here"), "{said}");
}
