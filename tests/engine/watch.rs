//! Watch mode: what is built, cancelled and left alone. The session of edits in a terminal stands in `session`.

use crate::gate::Gate;
use crate::lab::{Project, interrupt, is_missing, processes, runs, wait_until};
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
fn a_command_ends_with_all_that_it_started() {
    let project = Project::new();
    let sleep = format!("sleep 92{}", std::process::id());
    project.recipe("a", "base(\"scratch\");\nwrite(\"/a\", \"one\");\n");
    let mut watch =
        Watching::start(&project, &["--exec", &format!("printf '\\377\\n'; {sleep} >/dev/null 2>&1 & exit 3")]);
    watch.round("built 1");
    wait_until("the command runs", || runs(&sleep));
    let first = processes(&sleep);
    project.recipe("a", "base(\"scratch\");\nwrite(\"/a\", \"two\");\n");
    watch.round("built 1");
    wait_until("the next one runs alone", || processes(&sleep).len() == 1 && processes(&sleep) != first);
    interrupt(&watch.child);
    wait_until("it has ended", || !runs(&sleep));
}

#[test]
fn a_size_that_watch_mode_does_not_check_is_not_taken_for_checked() {
    if is_missing("alpine:3.13") {
        return;
    }
    let project = Project::new();
    let recipe = |size: &str| {
        format!(
            "base(\"alpine:3.13\");\nrun([\"echo a >/a\", \"echo {0} >/b\"]);\ncheck_size(\"{size}\");\n",
            project.prefix
        )
    };
    project.recipe("split", &recipe("< 5B"));
    let mut watch = Watching::start(&project, &[]);
    watch.round("built 1");
    // An image that is built as it is released is checked here, too.
    project.recipe("same", "base(\"scratch\");\nwrite(\"/f\", \"hello world\");\ncheck_size(\"< 5B\");\n");
    watch.round("up to date 1, failed 1");
    drop(watch);
    project.f3s(&["run", &project.image("split")]).fails(1, &["not < 5B"]);
    project.f3s(&["run", &project.image("same")]).fails(1, &["not < 5B"]);
}

#[test]
fn what_is_superseded_twice_never_takes_a_tag() {
    if is_missing("alpine:3.13") {
        return;
    }
    let project = Project::new();
    let gate = Gate::new();
    project.recipe("a", &format!("base(\"alpine:3.13\");\nrun(\"{}; echo old >/a\");\n", gate.command()));
    project.recipe("b", "base(\"alpine:3.13\");\nrun(\"echo one >/b\");\n");
    let mut watch = Watching::start(&project, &["-j", "3"]);
    let old = gate.reached();
    watch.until("  built ");
    project.recipe("b", "base(\"alpine:3.13\");\nrun(\"echo two >/b\");\n");
    watch.until("  built ");
    project.recipe("a", "base(\"alpine:3.13\");\nrun(\"echo new >/a\");\n");
    watch.until("watching ");
    assert_eq!(project.sh("a", "cat /a"), "new");
    // The first version would end now; a round of another image takes longer than its last step.
    old.open();
    wait_until("its step has ended", || !runs(&gate.command()));
    project.recipe("b", "base(\"alpine:3.13\");\nrun(\"echo three >/b\");\n");
    watch.until("watching ");
    assert_eq!(project.sh("a", "cat /a"), "new");
    assert_eq!(project.sh("b", "cat /b"), "three");
}

#[test]
fn a_half_round_pushes_nothing() {
    if is_missing("alpine:3.13") {
        return;
    }
    let project = Project::new();
    let registry = format!("{}/{}", crate::lab::variable("F3S_LAB_REGISTRY"), project.prefix);
    let recipe =
        |command: &str| format!("base(\"alpine:3.13\");\nrun(\"{command}; : {}\");\npush();\n", project.prefix);
    let sleep = format!("sleep 91{}", std::process::id());
    project.recipe("slow", &recipe(&sleep));
    project.recipe("fast", &recipe("true"));
    let mut watch = Watching::start(&project, &["--push", "--registry", &registry, "-j", "2"]);
    watch.until("  built ");
    wait_until("the slow one runs", || runs(&sleep));
    project.recipe("slow", &recipe("sleep 2"));
    let lines = watch.round("built 1, up to date 1, pushed 2");
    let position =
        |word: &str| lines.iter().position(|line| line.contains(word)).unwrap_or_else(|| panic!("{word}: {lines:?}"));
    assert!(position("pushed ") > position(&format!("{}  built", project.image("slow"))), "{lines:?}");
}

#[test]
fn a_folder_of_recipes_that_is_replaced_is_heard() {
    let project = Project::new();
    project.recipe("a", "base(\"scratch\");\nwrite(\"/a\", \"one\");\n");
    let mut watch = Watching::start(&project, &[]);
    watch.round("built 1");
    let path = |name: &str| project.path().join(name);
    std::fs::rename(path("scripts"), path("old")).unwrap();
    project.recipe("a", "base(\"scratch\");\nwrite(\"/a\", \"two\");\n");
    watch.round("built 1");
    project.recipe("a", "base(\"scratch\");\nwrite(\"/a\", \"three\");\n");
    watch.round("built 1");
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
    // No other test sleeps for that long.
    let pause = format!("sleep 6.{}", std::process::id());
    let steady = format!("{pause}; echo {} >/steady", project.prefix);
    project.recipe("steady", &format!("base(\"alpine:3.13\");\nrun(\"{steady}\");\n"));
    let sleep = format!("sleep 96{}", std::process::id());
    project.recipe("app", &format!("base(\"alpine:3.13\");\nrun(\"{sleep}\");\n"));
    let mut watch = Watching::start(&project, &["-j", "2"]);
    wait_until("both run", || runs(&sleep) && runs(&pause));
    let before = processes(&pause);
    project.recipe("app", "base(\"alpine:3.13\");\nrun(\"echo quick >/app\");\n");
    wait_until("the pointless step has ended", || !runs(&sleep));
    // The other one is the same process still, or has done its work.
    let after = processes(&pause);
    assert!(after.is_empty() || after == before);
    watch.round("built 2");
    assert_eq!(project.sh("app", "cat /app"), "quick");
    assert_eq!(project.sh("steady", "cat /steady"), project.prefix);
}

#[test]
fn a_project_that_is_removed_and_made_again_is_built_again() {
    let project = Project::new();
    let recipe = format!("tree/scripts/{}.rhai", project.image("a"));
    let write = |text: &str| project.file(&recipe, &format!("base(\"scratch\");\nwrite(\"/a\", \"{text}\");\n"));
    project.file("tree/f3s.toml", "");
    write("one");
    let tree = project.path().join("tree");
    let mut watch = Watching::start(&project, &["-C", "tree"]);
    watch.round("built 1");
    let first = project.id("a");
    // Long enough for a round that finds nothing.
    std::fs::remove_dir_all(&tree).unwrap();
    watch.until("the project's folder");
    watch.until("watching ");
    // A round may begin while the folders are being made.
    write("two");
    watch.until("built 1 in ");
    assert_ne!(project.id("a"), first);
    // At once, as another checkout takes its place.
    std::fs::rename(&tree, project.path().join("old")).unwrap();
    write("three");
    watch.until("built 1 in ");
    write("four");
    watch.until("built 1 in ");
}
