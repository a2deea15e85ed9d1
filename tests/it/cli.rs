//! Commands, where they need no engine.

use std::process::{Command, Output};

use crate::binary::f3s;

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn init_writes_a_project_that_is_right() {
    let folder = tempfile::tempdir().unwrap();
    assert!(f3s(folder.path(), &[], &["init", "first"]).status.success());
    let check = f3s(folder.path(), &[], &["check"]);
    assert!(check.status.success(), "{}", err(&check));
    let list = f3s(folder.path(), &[], &["list"]);
    assert!(out(&list).contains("first  Says hello."), "{}", out(&list));
    // Nothing is overwritten.
    let again = f3s(folder.path(), &[], &["init", "first"]);
    assert_eq!(again.status.code(), Some(2), "{}", err(&again));
    // Every setting of the commented file is one that exists.
    let file = folder.path().join("f3s.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("\n#", "\n").replace("\n ", "\n# ")).unwrap();
    let check = f3s(folder.path(), &[], &["check"]);
    assert!(check.status.success(), "{}", err(&check));
}

#[test]
fn mistakes_of_usage_scripts_and_configuration_have_their_exit_codes() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("scripts")).unwrap();
    std::fs::write(folder.path().join("scripts/a.rhai"), "base(\"alpine:3.13\");").unwrap();
    assert_eq!(f3s(folder.path(), &[], &["frobnicate"]).status.code(), Some(2));
    assert_eq!(f3s(folder.path(), &[], &["doc", "aapk"]).status.code(), Some(2));
    let unknown = f3s(folder.path(), &[], &["check", "b"]);
    assert_eq!(unknown.status.code(), Some(3));
    assert!(err(&unknown).contains("there is no recipe `b`"), "{}", err(&unknown));
    std::fs::write(folder.path().join("f3s.toml"), "registri = \"x\"\n").unwrap();
    let config = f3s(folder.path(), &[], &["check"]);
    assert_eq!(config.status.code(), Some(3));
    assert!(err(&config).contains("--> f3s.toml:1:1"), "{}", err(&config));
}

#[test]
fn help_and_mistakes_of_usage_follow_the_choice_of_colours() {
    let is_coloured = |variables: &[(&str, &str)], words: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_f3s"));
        let output = command.args(words).env_clear().envs(variables.iter().copied()).output().unwrap();
        [output.stdout, output.stderr].concat().contains(&b'\x1b')
    };
    let force = ("CLICOLOR_FORCE", "1");
    for words in [&["--help"][..], &["frobnicate"], &["build", "--jobs", "none"]] {
        let with = |color: &[&'static str]| [color, words].concat();
        assert!(!is_coloured(&[], words));
        assert!(is_coloured(&[force], words));
        assert!(!is_coloured(&[("NO_COLOR", "1")], words));
        assert!(is_coloured(&[], &with(&["--color", "always"])));
        assert!(!is_coloured(&[force], &with(&["--color", "never"])));
        assert!(!is_coloured(&[force], &with(&["--color=never"])));
    }
}

#[test]
fn empty_variables_are_not_set() {
    let folder = tempfile::tempdir().unwrap();
    assert!(f3s(folder.path(), &[], &["init"]).status.success());
    let host = format!("unix://{}", folder.path().join("none.sock").display());
    std::fs::write(folder.path().join("f3s.toml"), format!("[engine]\nhost = \"{host}\"\n")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_f3s"));
    command.arg("build").current_dir(folder.path()).env_clear().env("F3S_CACHE_DIR", folder.path());
    command.env("F3S_ALLOW", "engine");
    let output = command.envs(["F3S_PROGRESS", "F3S_JOBS", "DOCKER_HOST"].map(|name| (name, ""))).output().unwrap();
    assert_eq!(output.status.code(), Some(4), "{}", err(&output));
    assert!(err(&output).contains("none.sock"), "{}", err(&output));
}

#[test]
fn mistakes_are_annotated_where_github_looks() {
    let folder = tempfile::tempdir().unwrap();
    let scripts = folder.path().join("images/scripts");
    std::fs::create_dir_all(&scripts).unwrap();
    std::fs::write(scripts.join("a.rhai"), "base(\"alpine:3.13\");\nrun();\n").unwrap();
    let check = |variables: &[(&str, &str)]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_f3s"));
        command.arg("check").current_dir(folder.path().join("images")).env_clear();
        let output = command.envs(variables.iter().copied()).output().unwrap();
        assert_eq!(output.status.code(), Some(3));
        err(&output)
    };
    let workspace = folder.path().to_str().unwrap();
    let github = check(&[("GITHUB_ACTIONS", "true"), ("GITHUB_WORKSPACE", workspace)]);
    assert!(github.contains("\n::error file=images/scripts/a.rhai,line=2,col=1::"), "{github}");
    let github = check(&[("GITHUB_ACTIONS", "true")]);
    assert!(github.contains("\n::error file=scripts/a.rhai,line=2,col=1::"), "{github}");
    assert!(!check(&[]).contains("::error"));
}

#[test]
fn an_engine_that_does_not_answer_is_exit_code_4_and_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    assert!(f3s(folder.path(), &[], &["init"]).status.success());
    let host = format!("unix://{}", folder.path().join("none.sock").display());
    let run = f3s(folder.path(), &[], &["--host", &host, "run"]);
    assert_eq!(run.status.code(), Some(4), "{}", err(&run));
    assert!(err(&run).contains("no engine answers") && err(&run).contains("help:"), "{}", err(&run));
}

#[test]
fn the_plan_as_json_has_the_documented_form() {
    let folder = tempfile::tempdir().unwrap();
    assert!(f3s(folder.path(), &[], &["init", "a"]).status.success());
    std::fs::write(folder.path().join("scripts/b.rhai"), "//! B.\nbase(\"a\");\nrun(\"true\");\n").unwrap();
    let plan = f3s(folder.path(), &[], &["plan", "--offline", "--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&out(&plan)).unwrap();
    assert_eq!(json["version"], 1);
    let b = &json["images"][1];
    assert_eq!(
        (&b["name"], &b["reference"], &b["recipe"]),
        (&"b".into(), &"b:latest".into(), &"scripts/b.rhai".into())
    );
    assert_eq!(
        (&b["action"], &b["reason"], &b["parents"]),
        (&"build".into(), &"a is built".into(), &serde_json::json!(["a"]))
    );
    assert_eq!(b["fingerprint"].as_str().unwrap().len(), 64);
    let step = serde_json::json!([{ "summary": "run(\"true\")", "file": "scripts/b.rhai", "line": 3, "column": 1 }]);
    assert_eq!(b["steps"], step);
    let again = f3s(folder.path(), &[], &["plan", "--offline", "--format", "json"]);
    assert_eq!(out(&plan), out(&again));
}

#[test]
fn graphs_have_four_forms() {
    let folder = tempfile::tempdir().unwrap();
    assert!(f3s(folder.path(), &[], &["init", "a"]).status.success());
    std::fs::write(folder.path().join("scripts/b.rhai"), "base(\"a\");\n").unwrap();
    let graph = |format: &str| out(&f3s(folder.path(), &[], &["graph", "--format", format]));
    assert_eq!(graph("tree"), "a\n`-- b\n");
    assert!(graph("dot").contains("\"a\" -> \"b\";"));
    assert!(graph("mermaid").contains("i0 --> i1"));
    let json: serde_json::Value = serde_json::from_str(&graph("json")).unwrap();
    assert_eq!(json["images"][1]["parents"], serde_json::json!(["a"]));
}

#[test]
fn recipes_are_found_from_anywhere_in_the_project_and_by_path() {
    let folder = tempfile::tempdir().unwrap();
    assert!(f3s(folder.path(), &[], &["init", "a"]).status.success());
    let inside = folder.path().join("scripts");
    assert!(f3s(&inside, &[], &["check", "a.rhai"]).status.success());
    let elsewhere = tempfile::tempdir().unwrap();
    let path = inside.join("a.rhai");
    let check = f3s(elsewhere.path(), &[], &["check", path.to_str().unwrap()]);
    assert!(check.status.success(), "{}", err(&check));
}

#[test]
fn every_command_has_a_manual_page() {
    let folder = tempfile::tempdir().unwrap();
    assert!(f3s(folder.path(), &[], &["man", "pages"]).status.success());
    let page = |name: &str| {
        let text = std::fs::read_to_string(folder.path().join("pages").join(name)).unwrap();
        text.replace("\\-", "-").replace("\\fR", "").replace("\\fB", "").replace("\\fI", "")
    };
    let run = page("f3s-run.1");
    for words in
        ["keep-going", "f3s run [OPTIONS] [RECIPE]...", "F3S_JOBS", "F3S_PROGRESS", "tty: One line per running"]
    {
        assert!(run.contains(words), "{words}: {run}");
    }
    let watch = page("f3s-watch.1");
    for words in ["SH KEYS", "select the next image", "SH \"EXIT CODES\"", "130  interrupted"] {
        assert!(watch.replace("\"KEYS\"", "KEYS").contains(words), "{words}: {watch}");
    }
    let all = page("f3s.1");
    assert!(
        all.contains("SH \"ENVIRONMENT\"") && all.contains("F3S_CACHE_DIR") && all.contains("4    no engine"),
        "{all}"
    );
    assert!(page("f3s-check.1").contains("130  interrupted"));
    // What the pages say, `--help` says.
    let help = out(&f3s(folder.path(), &[], &["watch", "--help"]));
    assert!(help.contains("select the next image") && help.contains("130  interrupted"), "{help}");
}

/// What f3s writes for a project whose every text is hostile, on a service or on none.
fn of_a_hostile_project(words: &[&str], service: &str) -> (String, String) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("scripts")).unwrap();
    let hostile = "x\\n::stop-commands::y\\n  ##[error]z \\x1b]0;title\\x07\\x1b[2J \\u009b31m https://me:geheim@h/";
    let script = format!(
        "description(\"{hostile}\");\nbase(\"scratch\");\nparam(\"p\", \"1\", \"{hostile}\");\nprint(\"{hostile}\");\n\
         debug(\"{hostile}\");\nwrite(\"/a\", \"{hostile}\");\n"
    );
    std::fs::write(folder.path().join("scripts/a.rhai"), script).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_f3s"));
    command.args(words).current_dir(folder.path()).env_clear().env("F3S_CACHE_DIR", folder.path().join("cache"));
    let output = command.env(service, "true").output().unwrap();
    assert!(output.status.success(), "{}", err(&output));
    (out(&output), err(&output))
}

#[test]
fn what_a_project_says_commands_neither_terminals_nor_services() {
    for words in [
        &["list"][..],
        &["list", "--format", "json"],
        &["plan", "--offline"],
        &["plan", "--offline", "--format", "json"],
        &["graph"],
        &["check"],
        &["dockerfile"],
    ] {
        let (out, err) = of_a_hostile_project(words, "GITHUB_ACTIONS");
        assert!(err.contains("\\::stop-commands::y") && err.contains("##\\[error]z"), "print() shows: {err}");
        for text in [&out, &err] {
            assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "{words:?}: {text:?}");
            assert!(!text.lines().any(|line| line.trim_start().starts_with("::")), "{words:?}: {text}");
            assert!(!text.contains("##["), "{words:?}: {text}");
            // The Dockerfile is what is built.
            assert!(words == ["dockerfile"] || !text.contains("geheim"), "{words:?}: {text}");
        }
    }
    // What another program reads is exact.
    let (exact, _) = of_a_hostile_project(&["dockerfile", "--no-comments"], "NO_SERVICE");
    assert_eq!(exact.matches("geheim").count(), 1, "{exact:?}");
    assert!(exact.contains('\x1b') && !exact.contains('\u{241b}'), "{exact:?}");
}
