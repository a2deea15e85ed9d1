//! Engines that are reached from afar, by TLS and by ssh, as `docker` reaches them.

use std::path::PathBuf;

use crate::lab::{Project, docker, is_missing, variable};

/// A project in which everything that goes over the connection is done: upload, build, check, inspection.
fn project() -> Project {
    let project = Project::new();
    project.file("scripts/data", "data");
    project.recipe(
        "a",
        "base(\"alpine:3.13\");\ncopy(\"data\", \"/data\");\nrun(\"cp /data /made\");\ncheck(\"cat /made\", #{ stdout: \"data\" });\n",
    );
    project
}

fn certificates() -> String {
    PathBuf::from(variable("F3S_LAB")).join("tls").display().to_string()
}

#[test]
fn tls_with_the_certificates_that_docker_uses() {
    if is_missing("alpine:3.13") {
        return;
    }
    let mut project = project();
    project.set("DOCKER_HOST", &variable("F3S_LAB_TLS"));
    // TLS is not spoken unasked, and nobody is trusted unknown.
    project.f3s(&["build"]).fails(4, &["HTTP request to an HTTPS server", "DOCKER_TLS_VERIFY=1"]);
    project.set("DOCKER_TLS_VERIFY", "1");
    project.set("DOCKER_CERT_PATH", project.path().to_str().unwrap().to_owned().as_str());
    project.f3s(&["build"]).fails(4, &["UnknownIssuer", "DOCKER_CERT_PATH"]);
    project.set("DOCKER_CERT_PATH", &certificates());
    assert_eq!(project.f3s(&["build"]).ok().summary(), "built 1");
    assert_eq!(project.f3s(&["build"]).ok().summary(), "up to date 1");
}

#[test]
fn a_docker_context_brings_its_certificates() {
    if is_missing("alpine:3.13") {
        return;
    }
    let mut project = project();
    let config = project.path().join("docker").display().to_string();
    project.set("DOCKER_HOST", "");
    project.set("DOCKER_CONFIG", &config);
    let certificates = certificates();
    let endpoint = format!(
        "host={},ca={certificates}/ca.pem,cert={certificates}/cert.pem,key={certificates}/key.pem",
        variable("F3S_LAB_TLS")
    );
    docker(&["--config", &config, "context", "create", "afar", "--docker", &endpoint]);
    project.set("DOCKER_CONTEXT", "nowhere");
    project.f3s(&["build"]).fails(2, &["the docker context `nowhere` does not exist", "docker context ls"]);
    project.set("DOCKER_CONTEXT", "afar");
    assert_eq!(project.f3s(&["build"]).ok().summary(), "built 1");
}

#[test]
fn ssh_by_the_users_own_client() {
    if is_missing("alpine:3.13") {
        return;
    }
    let mut project = project();
    project.set("DOCKER_HOST", &variable("F3S_LAB_SSH"));
    let own = std::env::var("PATH").unwrap();
    // This one does not know the server's key.
    project
        .f3s(&["build"])
        .fails(4, &["ssh: Host key verification failed", "docker version` work without a password?"]);
    let bin = PathBuf::from(variable("F3S_LAB")).join("ssh/bin");
    project.set("PATH", &format!("{}:{own}", bin.display()));
    assert_eq!(project.f3s(&["build"]).ok().summary(), "built 1");
    assert_eq!(project.f3s(&["build"]).ok().summary(), "up to date 1");
}
