//! Pushes to a real registry.

use std::process::Command;

use crate::lab::{Project, is_missing, variable};

fn project(registry: &str) -> Project {
    let project = Project::new();
    let text = format!("network = \"host\"\nregistry = \"{registry}/{}\"\n", project.prefix);
    project.file("f3s.toml", &text);
    project.recipe("a", "base(\"alpine:3.13\");\nrun(\"echo a >/a\");\npush();\n");
    project
}

/// Asks the registry for the digest of a tag; empty when it has none.
pub fn digest(reference: &str) -> String {
    let words = ["inspect", "--tls-verify=false", "--authfile"];
    let authfile = format!("{}/config.json", variable("DOCKER_CONFIG"));
    let format = ["--format", "{{.Digest}}"];
    let output =
        Command::new("skopeo").args(words).arg(authfile).args(format).arg(format!("docker://{reference}")).output();
    String::from_utf8_lossy(&output.unwrap().stdout).trim().to_owned()
}

#[test]
fn a_push_prints_the_digest_that_the_registry_has_and_is_not_repeated() {
    if is_missing("alpine:3.13") {
        return;
    }
    let registry = variable("F3S_LAB_REGISTRY");
    let project = project(&registry);
    let reference = format!("{registry}/{}/{}:latest", project.prefix, project.image("a"));
    let ran = project.f3s(&["run"]).ok();
    assert_eq!(ran.summary(), "built 1, pushed 1");
    let found = digest(&reference);
    assert!(found.starts_with("sha256:"), "{found}");
    assert!(ran.err.contains(&format!("pushed {reference}@{found}")), "{}", ran.err);
    let ran = project.f3s(&["run"]).ok();
    assert_eq!(ran.summary(), "up to date 1");
    assert!(ran.err.contains("is pushed already"), "{}", ran.err);

    // `build` pushes nothing, another destination is pushed to.
    project.recipe(
        "a",
        "base(\"alpine:3.13\");\nrun(\"echo a >/a\");\npush();\npush(\"@extra\");\n"
            .replace("@extra", &format!("{registry}/extra/{}", project.prefix))
            .as_str(),
    );
    assert_eq!(project.f3s(&["build"]).ok().summary(), "tagged 1");
    assert_eq!(project.f3s(&["run"]).ok().summary(), "up to date 1, pushed 1");
    assert_eq!(digest(&format!("{registry}/extra/{}:latest", project.prefix)), found);
}

#[test]
fn without_a_registry_the_push_is_skipped_and_said_so() {
    if is_missing("alpine:3.13") {
        return;
    }
    let project = project("unused.example.com");
    let ran = project.f3s(&["run", "--registry", ""]).ok();
    assert!(ran.err.contains("not pushed: no registry is configured"), "{}", ran.err);
    assert_eq!(ran.summary(), "built 1");
}

#[test]
fn wrong_credentials_are_refused_with_a_remedy() {
    if is_missing("alpine:3.13") {
        return;
    }
    let registry = variable("F3S_LAB_REGISTRY");
    let mut project = project(&registry);
    project.file("docker/config.json", "{}");
    let folder = project.path().join("docker").display().to_string();
    project.set("DOCKER_CONFIG", &folder);
    project.f3s(&["run"]).fails(1, &["was not pushed", &format!("run `docker login {registry}`")]);
    // bWU6d3Jvbmc= is `me:wrong`.
    project.file("docker/config.json", &format!("{{\"auths\": {{\"{registry}\": {{\"auth\": \"bWU6d3Jvbmc=\"}}}}}}"));
    let ran = project.f3s(&["run"]).fails(1, &["was not pushed", "is refused"]);
    assert!(!ran.err.contains("attempt 2"), "{}", ran.err);
}

#[test]
fn a_registry_that_answers_500_twice_is_asked_again() {
    if is_missing("alpine:3.13") {
        return;
    }
    let registry = variable("F3S_LAB_FLAKY_REGISTRY");
    let project = project(&registry);
    let ran = project.f3s(&["run"]).ok();
    assert_eq!(ran.summary(), "built 1, pushed 1", "{}", ran.err);
    assert!(digest(&format!("{registry}/{}/{}:latest", project.prefix, project.image("a"))).starts_with("sha256:"));
}

#[test]
fn pull_looks_for_a_newer_base_and_rebuilds_what_rests_on_it() {
    if is_missing("alpine:3.13") {
        return;
    }
    let registry = variable("F3S_LAB_REGISTRY");
    let upstream = project(&registry);
    let base = format!("{registry}/{}/{}:latest", upstream.prefix, upstream.image("a"));
    upstream.f3s(&["run"]).ok();
    let project = Project::new();
    project.recipe("app", &format!("base(\"{base}\");\nrun(\"cp /a /app\");\n"));
    let forget = || crate::lab::docker(&["rmi", &base]);
    forget();
    // Missing: it is pulled.
    let ran = project.f3s(&["run"]).ok();
    assert!(ran.err.contains(&format!("pull  {base}")), "{}", ran.err);
    assert_eq!(project.sh("app", "cat /app"), "a");
    let digest = project.config("app")["Labels"]["org.opencontainers.image.base.digest"].as_str().unwrap().to_owned();
    assert!(digest.starts_with("sha256:"), "{digest}");
    let old = crate::lab::docker(&["images", "-q", &base]);

    upstream.recipe("a", "base(\"alpine:3.13\");\nrun(\"echo newer >/a\");\npush();\n");
    upstream.f3s(&["run"]).ok();
    // As on a machine that did not push it itself.
    crate::lab::docker(&["tag", &old, &base]);
    assert_eq!(project.f3s(&["run"]).ok().summary(), "up to date 1");
    assert_eq!(project.f3s(&["run", "--pull"]).ok().summary(), "built 1");
    assert_eq!(project.sh("app", "cat /app"), "newer");
    forget();
}

#[test]
fn an_unreachable_registry_is_exit_code_4() {
    if is_missing("alpine:3.13") {
        return;
    }
    // The discard port: nobody listens there.
    let project = project("127.0.0.1:9");
    project.f3s(&["run"]).fails(4, &["was not pushed: the registry `127.0.0.1:9` cannot be reached", "help:"]);
    project.recipe("b", "base(\"127.0.0.1:9/none:1\");\n");
    project.f3s(&["run", &project.image("b")]).fails(4, &["`127.0.0.1:9/none:1` cannot be pulled"]);
}
