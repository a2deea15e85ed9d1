//! Secrets reach commands and nothing else.

use crate::lab::{Project, docker, is_missing, variable, wait_until};

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
fn nothing_that_f3s_tells_of_itself_holds_a_secret_or_a_login() {
    if is_missing("alpine:3.13") {
        return;
    }
    let mut project = Project::new();
    project.recipe(
        "a",
        "base(\"alpine:3.13\");\nrun(\": @; cat /run/secrets/token\", #{ secrets: secret(\"token\") });\npush();\n",
    );
    project.set("TOKEN", SECRET);
    project.set("RUST_LOG", "trace");
    let registry = format!("{}/{}", variable("F3S_LAB_REGISTRY"), project.prefix);
    let ran = project.f3s(&["run", "--registry", &registry]).ok();
    assert!(ran.err.contains("TRACE") && ran.err.contains("pushed 1"), "{}", ran.err);
    let config = std::fs::read_to_string(format!("{}/config.json", variable("DOCKER_CONFIG"))).unwrap();
    let logins = config.split('"').skip_while(|word| *word != "auth").nth(2).unwrap().to_owned();
    // As bytes in a debugger's view, too.
    let as_numbers = format!("{:?}", SECRET.as_bytes());
    for hidden in [SECRET, "lab-password", &logins, as_numbers.trim_matches(['[', ']'])] {
        let line = ran.err.lines().find(|line| line.contains(hidden));
        assert!(line.is_none(), "`{hidden}` is in {line:?}");
    }
}

/// True when a file below the engine's folder of builds has this text.
fn is_kept(root: &str, text: &str) -> bool {
    let found =
        std::process::Command::new("grep").args(["-rqsaF", text]).arg(format!("{root}/buildkit")).status().unwrap();
    found.success()
}

#[test]
fn what_a_step_prints_of_a_secret_is_in_no_history_of_the_engine() {
    if is_missing("alpine:3.13") {
        return;
    }
    // Docker 26 keeps what steps print.
    let mut project = Project::new();
    project.set("DOCKER_HOST", &variable("F3S_LAB_26"));
    project.set("TOKEN", &format!("secret-of-{}", project.prefix));
    let root = project.docker(&["info", "--format", "{{.DockerRootDir}}"]);
    let secret = "#{ secrets: secret(\"token\") }";
    project.recipe("open", "base(\"alpine:3.13\");\nrun(\"echo open; echo op''en-of-$(echo @)\");\n");
    project.recipe("hidden", &format!("base(\"alpine:3.13\");\nrun(\": @; cat /run/secrets/token\", {secret});\n"));
    let ran = project.f3s(&["build"]).ok();
    assert!(ran.err.contains("***"), "{}", ran.err);
    let open = format!("open-of-{}", project.prefix);
    wait_until("what an image without secrets prints is kept", || is_kept(&root, &open));
    assert!(!is_kept(&root, &format!("secret-of-{}", project.prefix)));
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
