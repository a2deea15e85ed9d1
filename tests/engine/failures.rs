//! Failures point at the script, and stop what they must.

use crate::gate::Gate;
use crate::lab::{Project, docker, interrupt, is_missing, runs, wait_until};

#[test]
fn a_failed_step_points_at_its_line_with_command_code_and_output() {
    if is_missing("alpine:3.13") {
        return;
    }
    let project = Project::new();
    project.recipe("bad", "base(\"alpine:3.13\");\nrun(\"echo some output; echo on both >&2; exit 42\");\n");
    project.recipe("child", "base(\"@bad\");\n");
    let ran = project.f3s(&["run"]);
    let file = format!("--> scripts/{}.rhai:2:1", project.image("bad"));
    let ran = ran.fails(1, &["exit code 42", &file, "the command:", "some output", "on both"]);
    assert!(
        ran.err.contains(&format!("{}  skipped: {} failed", project.image("child"), project.image("bad"))),
        "{}",
        ran.err
    );
    assert_eq!(ran.summary(), "failed 1, skipped 1");
    assert_eq!(project.id("bad"), "");
}

#[test]
fn a_failure_in_a_library_function_shows_the_chain_and_the_step_of_a_group() {
    if is_missing("alpine:3.13") {
        return;
    }
    let project = Project::new();
    project.recipe(
        "a",
        "base(\"alpine:3.13\");\nlayer(\"x\", || {\n    run(\"echo fine\");\n    apk(\"no-such-package\");\n});\n",
    );
    let file = format!("--> scripts/{}.rhai:4:5", project.image("a"));
    project.f3s(&["build"]).fails(1, &[&file, "<stdlib>/apk.rhai", "which calls `run`", "no-such-package"]);
}

#[test]
fn keep_going_builds_what_does_not_rest_on_the_failed_image() {
    if is_missing("alpine:3.13") {
        return;
    }
    let project = Project::new();
    project.recipe("bad", "base(\"alpine:3.13\");\nrun(\"sleep 1; false\");\n");
    project.recipe("on-bad", "base(\"@bad\");\n");
    project.recipe("good", "base(\"alpine:3.13\");\nrun(\"sleep 3; echo good >/good\");\n");
    project.recipe("on-good", "base(\"@good\");\n");
    let ran = project.f3s(&["build", "--keep-going", "-j", "2"]).fails(1, &["exit code 1"]);
    assert_eq!(ran.summary(), "built 2, failed 1, skipped 1");
    let ran = project.f3s(&["build", "-j", "2"]).fails(1, &[]);
    assert_eq!(ran.summary(), "up to date 2, failed 1, skipped 1");
}

#[test]
fn a_base_that_cannot_be_pulled_fails_what_rests_on_it_only() {
    if is_missing("alpine:3.13") {
        return;
    }
    let project = Project::new();
    let registry = crate::lab::variable("F3S_LAB_REGISTRY");
    project.recipe("bad", &format!("base(\"{registry}/nothing:1\");\nrun(\"true\");\n"));
    project.recipe("on-bad", "base(\"@bad\");\n");
    project.recipe("good", "base(\"alpine:3.13\");\nrun(\"echo good >/good\");\n");
    let place = format!("--> scripts/{}.rhai:1:1", project.image("bad"));
    let ran = project.f3s(&["build"]).fails(1, &["nothing:1` cannot be pulled", &place]);
    assert!(!ran.err.contains("good"), "{}", ran.err);
    let ran = project.f3s(&["build", "--keep-going"]).fails(1, &["nothing:1` cannot be pulled", &place]);
    assert_eq!(ran.summary(), "built 1, failed 1, skipped 1");
    assert_eq!(project.sh("good", "cat /good"), "good");
}

#[test]
fn a_failed_check_leaves_the_final_tag_where_it_was_and_pushes_nothing() {
    if is_missing("alpine:3.13") {
        return;
    }
    let project = Project::new();
    project.recipe("a", "base(\"alpine:3.13\");\nrun(\"echo one >/a\");\ncheck(\"cat /a\", #{ stdout: \"one\" });\n");
    project.f3s(&["run"]).ok();
    let before = project.id("a");
    project.recipe(
        "a",
        "base(\"alpine:3.13\");\nrun(\"echo two >/a\");\ncheck(\"cat /a\", #{ stdout: \"one\" });\npush();\n",
    );
    let registry = format!("{}/{}", crate::lab::variable("F3S_LAB_REGISTRY"), project.prefix);
    let at = format!("--> scripts/{}.rhai:3:1", project.image("a"));
    let ran = project.f3s(&["run", "--registry", &registry]).fails(1, &["it prints `two`, not `one`", &at]);
    assert!(!ran.err.contains("pushes"), "{}", ran.err);
    assert_eq!(project.id("a"), before);
    // The image is there: when the check is mended nothing is built.
    project.recipe("a", "base(\"alpine:3.13\");\nrun(\"echo two >/a\");\ncheck(\"cat /a\", #{ stdout: \"two\" });\n");
    assert_eq!(project.f3s(&["run"]).ok().summary(), "tagged 1");
}

#[test]
fn ctrl_c_ends_the_engines_step_too_and_leaves_nothing() {
    if is_missing("alpine:3.13") {
        return;
    }
    let project = Project::new();
    // A number that only this test sleeps for.
    let sleep = format!("sleep 98{}", std::process::id());
    project.recipe("a", &format!("base(\"alpine:3.13\");\nrun(\"{sleep}\");\n"));
    let running = || runs(&sleep);
    let child = project.start(&["run"]);
    wait_until("the step runs", running);
    interrupt(&child);
    let ran = project.wait(child).fails(130, &["interrupted"]);
    assert_eq!(ran.summary(), "interrupted: skipped 1");
    wait_until("the step has ended", || !running());
    assert_eq!(project.id("a"), "");
    assert!(!docker(&["images"]).contains(&project.prefix));
}

#[test]
fn ctrl_c_during_a_check_removes_its_container() {
    if is_missing("alpine:3.13") {
        return;
    }
    let project = Project::new();
    let sleep = format!("sleep 97{}", std::process::id());
    project.recipe("a", &format!("base(\"alpine:3.13\");\ncheck(\"{sleep}\");\n"));
    let containers = || docker(&["ps", "-a", "--no-trunc", "--filter", "label=f3s.check", "--format", "{{.Command}}"]);
    let child = project.start(&["run"]);
    wait_until("the check runs", || containers().contains(&sleep));
    interrupt(&child);
    project.wait(child).fails(130, &[]);
    assert!(!containers().contains(&sleep));
    assert_eq!(project.id("a"), "");
}

#[test]
fn what_a_step_prints_is_no_command_to_a_service() {
    if is_missing("alpine:3.13") {
        return;
    }
    let mut project = Project::new();
    project.set("GITHUB_ACTIONS", "true");
    let hostile = r"printf '::set-output name=a::b\\n   ::stop-commands::y\\nx ##[error]z\\r\\033]0;t\\007w\\n'; exit 3 # ::error::me";
    project.recipe("a", &format!("base(\"alpine:3.13\");\nrun(\"{hostile}\");\n"));
    let error = format!("::error file=scripts/{}.rhai,line=2,col=1::", project.image("a"));
    for progress in ["auto", "plain", "quiet", "tty", "json"] {
        let ran = project.f3s(&["build", "--progress", progress]).fails(1, &[]);
        let text = [ran.out, ran.err].concat();
        let said = text.split(['\n', '\r']).filter(|line| line.trim_start().starts_with("::"));
        let commands: Vec<&str> = said.filter(|line| line.trim_start()[2..].contains("::")).collect();
        let own = |line: &&&str| line.starts_with("::group::") || **line == "::endgroup::" || line.starts_with(&error);
        assert_eq!(commands.iter().filter(own).count(), commands.len(), "{progress}: {commands:?}");
        assert!(!text.contains("##[") && !text.contains("\x1b]0;") && !text.contains('\x07'), "{progress}: {text}");
        assert!(progress == "json" || text.contains("set-output name=a"), "{progress}: {text}");
    }
}

#[test]
fn a_step_that_takes_longer_than_it_may_is_ended() {
    if is_missing("alpine:3.13") {
        return;
    }
    let mut project = Project::new();
    let sleep = format!("sleep 96{}", std::process::id());
    let recipe = |timeout: &str| {
        project.recipe(
            "a",
            &format!("base(\"alpine:3.13\");\nrun(\"echo begun; {sleep}\", #{{ timeout: {timeout} }});\n"),
        );
    };
    recipe("1");
    let at = format!("--> scripts/{}.rhai:2:1", project.image("a"));
    let words = [&at, "a command still runs after 1s, its `timeout`: it was ended", "the command:", "begun"];
    project.f3s(&["build"]).fails(1, &words);
    wait_until("the step has ended", || !runs(&sleep));
    // It is no part of what is made: this one would take as long.
    recipe("\"1h\"");
    let plan = |project: &Project| project.f3s(&["plan", "--format", "json"]).ok().out;
    let fingerprint = |plan: &str| {
        let plan: serde_json::Value = serde_json::from_str(plan).unwrap();
        plan["images"][0]["fingerprint"].clone()
    };
    let long = fingerprint(&plan(&project));
    recipe("1");
    assert_eq!(fingerprint(&plan(&project)), long);
    // The classic builder, too.
    let door = crate::door::Door::open(&project, &["/grpc", "/session"]);
    project.set("DOCKER_HOST", &door.host);
    project.f3s(&["build"]).fails(1, &words);
    wait_until("the step has ended", || !runs(&sleep));
}

#[test]
fn a_base_with_steps_for_its_children_is_refused_at_its_line() {
    let project = Project::new();
    let layer = project.path().join("layer.tar");
    std::fs::write(&layer, [0; 1024]).unwrap();
    let image = format!("{}:1", project.image("triggers"));
    let change = ["--change", "ONBUILD COPY a.txt /", "--change", "ONBUILD RUN true", "--change", "ENV X=1"];
    project.docker(&[&["import"], &change[..], &[layer.to_str().unwrap(), &image]].concat());
    project.recipe("a", "base(\"scratch\");\nlabel(\"a\", \"b\");\n");
    project.recipe("b", &format!("// First.\nbase(\"{image}\");\nlabel(\"a\", \"b\");\n"));
    let failed = project.f3s(&["build", "--keep-going"]);
    failed.fails(
        1,
        &["which f3s does not run", "ONBUILD COPY a.txt /", "ONBUILD RUN true", "b.rhai:2", "built 1, failed 1"],
    );
    // Its files may be taken.
    project.recipe("b", &format!("base(\"scratch\");\ncopy(\"/\", \"/all/\", #{{ from: \"{image}\" }});\n"));
    assert_eq!(project.f3s(&["build"]).ok().summary(), "built 1, up to date 1");
}

#[test]
fn a_pipe_that_takes_a_file_s_place_during_a_build_ends_it() {
    if is_missing("alpine:3.13") {
        return;
    }
    let project = Project::new();
    let gate = Gate::new();
    project.file("f", "planned");
    project.recipe("a", &format!("base(\"alpine:3.13\");\nrun(\"{}\");\n", gate.command()));
    project.recipe("b", "base(\"@a\");\ncopy(\"../f\", \"/f\");\n");
    let running = project.start(&["build"]);
    let first = gate.reached();
    let file = project.path().join("f");
    std::fs::remove_file(&file).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&file).status().unwrap().success());
    first.open();
    project.wait(running).fails(1, &["-b`", "f` cannot be read: it is neither file nor folder nor link"]);
}
