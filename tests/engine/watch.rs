//! Watch mode: what is built, cancelled and left alone. The session of edits in a terminal stands in `session`.

use crate::lab::{Project, is_missing, processes, runs, wait_until};
use crate::watching::Watching;

#[test]
fn a_command_is_run_after_every_good_round() {
    if is_missing("alpine:3.13") {
        return;
    }
    let project = Project::new();
    let recipe = |command: &str| format!("base(\"alpine:3.13\");\nrun(\"{command}; : {}\");\n", project.prefix);
    project.recipe("a", &recipe("true"));
    let mut watch = Watching::start(&project, &["--exec", "echo \"images: $F3S_IMAGES\" >&2"]);
    watch.until(&format!("images: {}:latest", project.image("a")));
    project.recipe("a", &recipe("exit 3"));
    let lines = watch.round("failed 1");
    assert!(!lines.iter().any(|line| line.starts_with("images: ")), "{}", lines.join("\n"));
    project.recipe("a", &recipe("echo mended"));
    watch.until("images: ");
}

#[test]
fn editing_the_last_command_of_a_layer_runs_that_command_only() {
    if is_missing("alpine:3.13") {
        return;
    }
    let project = Project::new();
    let prefix = &project.prefix;
    let recipe = |last: &str| {
        let commands = ["cd /tmp; one=1", "echo first; sleep 0.2", "echo second $one in $(pwd)", "echo third", last];
        let quoted: Vec<String> = commands.iter().map(|command| format!("\"{command}; : {prefix}\"")).collect();
        format!(
            "base(\"alpine:3.13\");\nlayer(\"l\", || {{\n    write(\"/file\", \"{prefix}\");\n    run([{}]);\n}});\n",
            quoted.join(", ")
        )
    };
    project.recipe("a", &recipe("echo fourth >/last"));
    let mut watch = Watching::start(&project, &[]);
    let lines = watch.round("built 1");
    for said in ["| first", "| second 1 in /tmp", "| third"] {
        assert!(lines.iter().any(|line| line.contains(said)), "{said}: {}", lines.join("\n"));
    }
    project.recipe("a", &recipe("echo fifth | tee /last"));
    let lines = watch.round("built 1");
    let said: Vec<&String> = lines.iter().filter(|line| line.contains(" | ") && !line.contains("tee")).collect();
    assert_eq!(said.len(), 1, "{}", lines.join("\n"));
    assert!(said[0].ends_with("| fifth"));
    assert_eq!(project.sh("a", "cat /last"), "fifth");
    drop(watch);
    // The released image is built as one layer.
    assert_eq!(project.f3s(&["build"]).ok().summary(), "built 1");
    assert_eq!(project.layers("a").len(), 2);
    assert!(!project.layers("a").concat().iter().any(|path| path.contains(".f3s-state")));
}

#[test]
fn a_change_cancels_what_it_makes_pointless_and_keeps_what_it_does_not_touch() {
    if is_missing("alpine:3.13") {
        return;
    }
    let project = Project::new();
    let steady = format!("sleep 5; echo {} >/steady", project.prefix);
    project.recipe("steady", &format!("base(\"alpine:3.13\");\nrun(\"{steady}\");\n"));
    let sleep = format!("sleep 96{}", std::process::id());
    project.recipe("app", &format!("base(\"alpine:3.13\");\nrun(\"{sleep}\");\n"));
    let mut watch = Watching::start(&project, &["-j", "2"]);
    wait_until("both run", || runs(&sleep) && runs("sleep 5"));
    let before = processes("sleep 5");
    project.recipe("app", "base(\"alpine:3.13\");\nrun(\"echo quick >/app\");\n");
    wait_until("the pointless step has ended", || !runs(&sleep));
    // The other one is the same process still, or has done its work.
    let after = processes("sleep 5");
    assert!(after.is_empty() || after == before);
    watch.round("built 2");
    assert_eq!(project.sh("app", "cat /app"), "quick");
    assert_eq!(project.sh("steady", "cat /steady"), project.prefix);
}
