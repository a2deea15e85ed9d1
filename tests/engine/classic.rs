//! An engine without BuildKit: builds by the classic builder, what it cannot do is refused.

use crate::door::Door;
use crate::lab::{Project, interrupt, is_missing, runs, variable, wait_until};

/// A project whose engine does not know of BuildKit.
fn project() -> Project {
    let mut project = Project::new();
    let door = Door::open(&project, &["/grpc", "/session"]);
    project.set("DOCKER_HOST", &door.host);
    project
}

#[test]
fn files_artifacts_stages_and_commands_make_the_same_image() {
    if is_missing("alpine:3.13") {
        return;
    }
    let mut project = project();
    // Modification times are what SOURCE_DATE_EPOCH says, as with BuildKit.
    project.set("SOURCE_DATE_EPOCH", "1234567890");
    let agent = "archive.apache.org/dist/skywalking/8.5.0/apache-skywalking-apm-8.5.0.tar.gz";
    let url = format!("{}/{agent}", variable("F3S_LAB_UPSTREAM"));
    project.file("scripts/tree/one", "one");
    project.file("scripts/tree/two/three", "three");
    project.recipe(
        "a",
        &format!(
            r#"
let tools = stage("tools", || {{
    base("alpine:3.13");
    run("echo made in a stage >/tool");
}});
base("alpine:3.13");
env("WORD", "a word");
copy("tree", "/tree");
write("/text", "some $text");
unpack(download("{url}"), "/opt/agent", #{{ strip: 1, exclude: ["oap-libs"] }});
copy("/tool", "/tool", #{{ from: tools }});
run(["test -e /opt/agent/agent", "echo \"$WORD\" | tee /word"]);
check("cat /word", #{{ stdout: "a word" }});
"#
        ),
    );
    assert!(project.f3s(&["doctor"]).out.contains("no BuildKit"));
    let ran = project.f3s(&["build"]).ok();
    assert_eq!(ran.summary(), "built 1");
    assert!(ran.err.contains("| a word"), "{}", ran.err);
    let seen = project.sh("a", "cat /tree/one /tree/two/three /text /tool; ls /opt/agent");
    assert_eq!(seen, "onethreesome $textmade in a stage\nREADME.txt\nagent");
    let times = project.sh("a", "stat -c %Y /tree/one /tree/two/three /text | sort -u");
    assert_eq!(times, "1234567890");
    assert!(project.config("a")["Env"].as_array().unwrap().contains(&"WORD=a word".into()));
    assert_eq!(project.f3s(&["build"]).ok().summary(), "up to date 1");
}

#[test]
fn a_failed_step_points_at_its_line() {
    if is_missing("alpine:3.13") {
        return;
    }
    let project = project();
    project.recipe("a", "base(\"alpine:3.13\");\nrun(\"true\");\nrun(\"echo some output; exit 42\");\n");
    let place = format!("--> scripts/{}.rhai:3:1", project.image("a"));
    project.f3s(&["build"]).fails(1, &["42", &place, "the command:", "some output"]);
    assert_eq!(project.id("a"), "");
}

#[test]
fn what_needs_buildkit_is_refused_before_anything_is_built() {
    if is_missing("alpine:3.13") {
        return;
    }
    let mut project = project();
    project.set("TOKEN", "a-secret-token");
    let refused = [
        ("run(\"true\", #{ secrets: [secret(\"token\", #{ env: \"TOKEN\" })] });", "a secret needs BuildKit"),
        ("run(\"true\", #{ cache: \"/var/cache\" });", "a mount"),
        ("layer(\"l\", || { write(\"/a\", \"a\"); run(\"true\"); });", "a layer of several steps that bring files"),
    ];
    for (step, message) in refused {
        project.recipe("a", &format!("base(\"alpine:3.13\");\nrun(\"echo before\");\n{step}\n"));
        let ran = project.f3s(&["build"]).fails(1, &[message, "Docker 20.10 or newer"]);
        assert!(!ran.err.contains("| before"), "{}", ran.err);
    }
}

#[test]
fn a_file_that_changes_while_it_is_sent_is_not_built() {
    if is_missing("alpine:3.13") {
        return;
    }
    let mut project = Project::new();
    // So large that it is not yet sent, and with it what follows, when the request has arrived.
    project.file("scripts/large", "");
    let large = project.path().join("scripts/large");
    std::fs::File::create(&large).unwrap().set_len(64 << 20).unwrap();
    project.file("scripts/small", "before");
    project.recipe("a", "base(\"alpine:3.13\");\ncopy([\"large\", \"small\"], \"/x/\");\n");
    let small = project.path().join("scripts/small");
    let change = move |text: &str| {
        if text.starts_with("POST ") && text.contains("/build?") {
            std::fs::write(&small, "behind").unwrap();
        }
    };
    let door = Door::with_ear(&project, &["/grpc", "/session"], change);
    project.set("DOCKER_HOST", &door.host);
    project.f3s(&["build"]).fails(1, &["small` changed while it was built: run f3s again"]);
    assert_eq!(project.id("a"), "");
}

#[test]
fn ctrl_c_ends_the_step() {
    if is_missing("alpine:3.13") {
        return;
    }
    let project = project();
    let sleep = format!("sleep 94{}", std::process::id());
    project.recipe("a", &format!("base(\"alpine:3.13\");\nrun(\"{sleep}\");\n"));
    let child = project.start(&["build"]);
    wait_until("the step runs", || runs(&sleep));
    interrupt(&child);
    project.wait(child).fails(130, &["interrupted"]);
    wait_until("the step has ended", || !runs(&sleep));
    assert_eq!(project.id("a"), "");
}
