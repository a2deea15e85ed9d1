//! Secrets reach commands and nothing else.

use crate::lab::{Project, docker, is_missing};

const SECRET: &str = "correct-horse-battery";

#[test]
fn a_secret_is_in_no_image_no_log_and_no_fingerprint() {
    if is_missing("alpine:3.13") {
        return;
    }
    let mut project = Project::new();
    project.recipe(
        "a",
        "base(\"alpine:3.13\");\nrun(\": @; cat /run/secrets/token | wc -c >/length; cat /run/secrets/token; sha256sum /run/secrets/token >/dev/null\", #{ secrets: secret(\"token\") });\n",
    );
    let at = format!("--> scripts/{}.rhai:2:1", project.image("a"));
    project.f3s(&["build"]).fails(1, &["the host variable TOKEN is not set", &at]);
    project.set("TOKEN", SECRET);
    let ran = project.f3s(&["build"]).ok();
    assert!(ran.err.contains("***") && !ran.err.contains(SECRET), "{}", ran.err);
    assert_eq!(project.sh("a", "cat /length"), SECRET.len().to_string());
    assert_eq!(project.sh("a", "find /run -type f -size +0"), "");
    let image = format!("{}:latest", project.image("a"));
    for told in [docker(&["history", "--no-trunc", &image]), docker(&["image", "inspect", &image])] {
        assert!(!told.contains(SECRET));
    }
    // Another value is no other image.
    project.set("TOKEN", "another-value");
    assert_eq!(project.f3s(&["build"]).ok().summary(), "up to date 1");
}

#[test]
fn the_ssh_agent_reaches_the_command_and_its_absence_is_said() {
    if is_missing("alpine:3.13") {
        return;
    }
    let mut project = Project::new();
    project.recipe("a", "base(\"alpine:3.13\");\nrun(\"test -S $SSH_AUTH_SOCK\", #{ ssh: ssh() });\n");
    project.f3s(&["build"]).fails(3, &["this command gets your ssh agent", "`--allow ssh`"]);
    project.set("F3S_ALLOW", "network.host,ssh");
    project.set("SSH_AUTH_SOCK", "");
    project.f3s(&["build"]).fails(1, &["no ssh agent is there", "help: start one"]);
    // Anything that accepts connections will do: what counts is that the socket is forwarded.
    let socket = project.path().join("agent.sock");
    let listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    project.set("SSH_AUTH_SOCK", socket.to_str().unwrap());
    project.f3s(&["build"]).ok();
    drop(listener);
    assert_eq!(
        project.config("a")["Env"].as_array().unwrap().iter().filter(|pair| pair.to_string().contains("SSH")).count(),
        0
    );
}
