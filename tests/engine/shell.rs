//! What the shell makes of commands: which failures count, which shell it is, and texts of any length.

use std::process::Command;

use crate::cases::Cases;
use crate::lab::{Project, is_missing};
use crate::shell_cases::{Dialect, Entries, Meaning, list, meaning};

fn recipe(steps: &str) -> String {
    format!("base(\"alpine:3.13\");\nuser(\"root\");\n{steps}\n")
}

#[test]
fn a_command_that_fails_fails_the_image() {
    if is_missing("alpine:3.13") {
        return;
    }
    let project = Project::new();
    project.file("scripts/lib/own.rhai", "fn both() { run([\"false && true\", \"touch /reached\"]); }");
    let failing = [
        r#"run(["false && true", "touch /reached"]);"#,
        r#"run(["! true", "touch /reached"]);"#,
        r#"run(["[ -e /none ] && touch /x", "touch /reached"]);"#,
        r#"run(["for x in 1 2; do false && true; done", "touch /reached"]);"#,
        "run(`false && true\ntouch /reached`);",
        "run(`[ -e / ] && false && true\ntouch /reached`);",
        "run(`f() { false && true; touch /reached; }\nf`);",
        r#"layer("l", || { run(["false && true", "touch /reached"]); run("true"); });"#,
        r#"run("true"); cleanup(["false && true", "touch /reached"]);"#,
        "layer(\"l\", || { run(\"true\"); run(`false && true # why\ntouch /reached`); });",
        "own::both();",
    ];
    for (number, steps) in failing.iter().enumerate() {
        project.recipe(&format!("a{number}"), &format!("import \"lib/own\" as own;\n{}", recipe(steps)));
    }
    let ran = project.f3s(&["build", "--keep-going"]).fails(1, &["a command failed with exit code 1"]);
    assert!(ran.err.contains(&format!("failed {}", failing.len())), "{}", ran.err);
    let project = Project::new();
    project.recipe("a", &recipe(r#"run("echo $none");"#));
    project.f3s(&["build"]).fails(1, &["commands run with `set -u`"]);
}

#[test]
fn what_may_fail_may() {
    if is_missing("alpine:3.13") {
        return;
    }
    let project = Project::new();
    let steps = r##"
run(`[ -e /none ] && touch /not
! [ -e /none ] && echo 1 >>/log
command -v none && none || echo 2 >>/log
if grep -q none /etc/passwd && true; then touch /not; fi
for x in /none /etc/passwd; do [ -e $x ] && echo $x >>/log; done
cat <<END | while read -r x; do echo "$x" >>/log; done
it's # $((1 + 2)) <<x
  \\
END
echo 3 >>/log # done`);
run(["set +e", "false && true", "echo $? >>/log", "false", "echo 4 >>/log"]);
run(["true\nset +e\nfalse", "true"]);
run(["# nothing", "echo 5 >>/log # it's", "sleep 0 &", "wait; echo 6 >>/log;", "cat <<X >>/log\n7\nX"]);
layer("l", || { run("# nothing"); run("echo 8 >>/log # why"); run(`echo 9 >>/log
echo 10 >>/log`); });
"##;
    project.recipe("a", &recipe(steps));
    project.f3s(&["build"]).ok();
    let expected = "1\n2\n/etc/passwd\nit's # 3 <<x\n\\\n3\n1\n4\n5\n6\n7\n8\n9\n10";
    assert_eq!(project.sh("a", "cat /log; ls /not 2>/dev/null || true"), expected);
}

#[test]
fn every_command_runs_in_the_shell_of_its_base() {
    if is_missing("alpine:3.13") {
        return;
    }
    let elsewhere = Project::new();
    let steps = r##"write("/bin/own", "#!/bin/sh\nexport SHELL_OF_THE_BASE=own\nexec /bin/sh \"$1\" \"$2\"\n", #{ chmod: "755" });
shell(["/bin/own", "-c"]);"##;
    elsewhere.recipe("base", &recipe(steps));
    elsewhere.f3s(&["build"]).ok();
    let project = Project::new();
    let tell = "echo $SHELL_OF_THE_BASE >>/told";
    let long = format!("{tell}\n: {}", "x".repeat(100_000));
    let steps = format!(
        "run(\"{tell}\");\nrun(\"{tell} # why\");\nrun(\"{tell}\\ntrue\");\nrun([\"{tell} <<X\\nX\", \"true &\"]);\n\
         run(`{long}`);\nlayer(\"l\", || {{ run(\"{tell}\"); run(\"{tell}\\ntrue\"); run(`{long}`); }});"
    );
    let start =
        "cmd(`[ $SHELL_OF_THE_BASE = own ] &&\n  echo \"it's $SHELL_OF_THE_BASE\"`); healthcheck(\"[ own ] \\\\\\n\");";
    project.recipe("a", &format!("base(\"{}:latest\");\n{steps}\n{start}\n", elsewhere.image("base")));
    project.f3s(&["build"]).ok();
    assert_eq!(project.sh("a", "cat /told"), ["own"; 8].join("\n"));
    let image = format!("{}:latest", project.image("a"));
    assert_eq!(project.docker(&["run", "--rm", "--network", "none", &image]), "it's own");
    assert_eq!(project.config("a")["Healthcheck"]["Test"][0], "CMD-SHELL");
}

#[test]
fn a_base_with_a_shell_of_another_kind_is_refused_at_its_line() {
    let project = Project::new();
    let image = format!("{}:1", project.image("fish"));
    // No engine makes such an image without running it.
    let (folder, layer) = (tempfile::tempdir().unwrap(), [0; 1024]);
    let configuration = serde_json::json!({
        "architecture": "amd64", "os": "linux", "config": { "Shell": ["/usr/bin/fish", "-c"] },
        "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{}", f3s::digest::of(layer))] },
    });
    let manifest = serde_json::json!([{ "Config": "config.json", "RepoTags": [image], "Layers": ["layer.tar"] }]);
    std::fs::write(folder.path().join("layer.tar"), layer).unwrap();
    std::fs::write(folder.path().join("config.json"), configuration.to_string()).unwrap();
    std::fs::write(folder.path().join("manifest.json"), manifest.to_string()).unwrap();
    let archive = folder.path().join("image.tar");
    let mut tar = Command::new("tar");
    tar.arg("-C").arg(folder.path()).arg("-cf").arg(&archive).args(["layer.tar", "config.json", "manifest.json"]);
    assert!(tar.status().unwrap().success());
    project.docker(&["load", "-q", "-i", archive.to_str().unwrap()]);

    project.recipe("a", &format!("// First.\nbase(\"{image}\");\nrun(\"true\");\n"));
    let words = ["runs commands in `fish`, which does not know `set -eu`", "a.rhai:2", "shell([\"/bin/sh\", \"-c\"])"];
    project.f3s(&["build"]).fails(1, &words);
    project.recipe("a", &format!("base(\"{image}\");\nshell([\"/bin/sh\", \"-c\"]);\nlabel(\"a\", \"b\");\n"));
    project.f3s(&["build"]).ok();
}

#[test]
fn texts_of_any_length_are_run() {
    if is_missing("alpine:3.13") {
        return;
    }
    let project = Project::new();
    // The recipe itself is short.
    let steps = r##"
let lines = ""; let list = []; let document = "cat >/document <<'END'\n"; let line = "";
for number in 0..1000 {
    lines += `echo line ${number} of many that fill the file >>/lines` + "\n";
    list.push(`echo entry ${number} of the list >>/list && true`);
}
for number in 0..4000 { document += "it's $HOME \\ \"quoted\" `text`\n"; }
for number in 0..20000 { line += "0123456789"; }
run(lines);
run(list);
run(document + "END");
run("printf %s '" + line + "' >/line");
layer("l", || { run(lines); run(list); });
"##;
    project.recipe("a", &recipe(steps));
    project.f3s(&["check"]).ok();
    project.f3s(&["build"]).ok();
    assert_eq!(
        project.sh("a", "wc -l </lines; wc -l </list; wc -l </document; wc -c </line"),
        "2000\n2000\n4000\n200000"
    );
    assert_eq!(project.sh("a", "tail -n 1 /document"), "it's $HOME \\ \"quoted\" `text`");
    assert!(!project.layers("a").concat().iter().any(|path| path.contains("f3s")));
}

/// On the engine, too: lists that are to fail fail their image, and the others tell there what they are to tell.
#[test]
fn generated_commands_do_in_images_what_the_rule_says() {
    if is_missing("alpine:3.13") {
        return;
    }
    // That of Busybox.
    let dialect = Dialect { knows_pipefail: true, unknown: 127 };
    let meant = |mut choices| {
        let list = list(&mut choices);
        match meaning(&[&list], &dialect) {
            Meaning::Refused | Meaning::Unsaid => None,
            Meaning::Ran { succeeds, log } => Some((list, succeeds.then_some(log))),
        }
    };
    let (lists, logs): (Vec<Entries>, Vec<Option<String>>) = Cases::wanted(12).each().filter_map(meant).unzip();
    let (failing, others): (Vec<usize>, Vec<usize>) = (0..lists.len()).partition(|number| logs[*number].is_none());
    assert!(!failing.is_empty() && !others.is_empty(), "{logs:?}");

    let project = Project::new();
    let steps = |number: usize| {
        let texts = serde_json::to_string(&lists[number].texts()).unwrap();
        let (before, call) = (
            format!("run(\"mkdir /r{number}; : >/r{number}/log\");"),
            format!("run({texts}, #{{ env: #{{ ROOT: \"/r{number}\" }} }});"),
        );
        if number.is_multiple_of(2) {
            format!("{before}\n{call}\n")
        } else {
            format!("layer(\"l\", || {{ {before} {call} }});\n")
        }
    };
    let mut images = Vec::new();
    for numbers in failing.chunks(1).chain(others.chunks(20)) {
        let name = numbers[0].to_string();
        let all: String = numbers.iter().map(|number| steps(*number)).collect();
        project.file(&format!("scripts/{}.rhai", project.image(&name)), &recipe(&all));
        images.push((name, numbers));
    }
    let ran = project.f3s(&["build", "--keep-going"]).fails(1, &["a command failed with exit code"]);
    for (name, numbers) in images {
        let lists: Vec<&Entries> = numbers.iter().map(|number| &lists[*number]).collect();
        if failing.contains(&numbers[0]) {
            assert!(project.id(&name).is_empty(), "{lists:#?}");
            continue;
        }
        assert!(!project.id(&name).is_empty(), "{}", ran.err);
        let names: Vec<String> = numbers.iter().map(usize::to_string).collect();
        let found = project.sh(&name, &format!("for n in {}; do cat /r$n/log; echo ---; done", names.join(" ")));
        for ((found, number), list) in found.split("---").zip(numbers).zip(lists) {
            assert_eq!(Some(found.trim()), logs[*number].as_deref().map(str::trim), "{list:#?}");
        }
    }
}
