//! What registries still have of what was pushed, on a real one that loses it.

use std::process::Command;

use crate::lab::{Project, is_missing, variable};

fn project(registry: &str, folder: &str) -> Project {
    let project = Project::new();
    project.file("f3s.toml", &format!("network = \"host\"\nregistry = \"{registry}/{}{folder}\"\n", project.prefix));
    project.recipe("a", "base(\"alpine:3.13\");\nrun(\"echo a >/a\");\npush();\n");
    project
}

/// Asks the registry by its own protocol; returns status and body.
fn ask(method: &str, path: &str) -> (u32, String) {
    let words = ["-sS", "-m", "60", "-X", method, "-u", "lab:lab-password+/?", "-w", "\n%{http_code}"];
    let accept = [
        "-H",
        "Accept: application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json",
    ];
    let url = format!("http://{}/v2/{path}", variable("F3S_LAB_REGISTRY"));
    let output = Command::new("curl").args(words).args(accept).arg(url).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let (body, status) = text.rsplit_once('\n').unwrap_or_else(|| panic!("{output:?}"));
    (status.parse().unwrap(), body.to_owned())
}

#[test]
fn what_is_missing_is_pushed_again_and_not_built() {
    if is_missing("alpine:3.13") {
        return;
    }
    let registry = variable("F3S_LAB_REGISTRY");
    let project = project(&registry, "");
    let ran = project.f3s(&["run"]).ok();
    let digest = ran.err.split('@').nth(1).and_then(|rest| rest.split(' ').next()).unwrap().to_owned();
    let repository = format!("{}/{}", project.prefix, project.image("a"));
    let manifest = || ask("GET", &format!("{repository}/manifests/latest"));
    assert_eq!(manifest().0, 200);

    assert_eq!(ask("DELETE", &format!("{repository}/manifests/{digest}")).0, 202);
    assert_eq!(manifest().0, 404);
    let ran = project.f3s(&["run"]).ok();
    assert!(ran.err.contains("is no longer at its registry: it is pushed again"), "{}", ran.err);
    assert_eq!(ran.summary(), "up to date 1, pushed 1", "{}", ran.err);
    assert_eq!(manifest().0, 200);

    // Somebody else's image under the tag.
    project.recipe(
        "other",
        &format!(
            "base(\"alpine:3.13\");\nrun(\"echo b >/b\");\nname(\"{}\");\ntag(\"other\");\npush();\n",
            project.image("a")
        ),
    );
    project.f3s(&["run"]).ok();
    let copy = ["copy", "--src-tls-verify=false", "--dest-tls-verify=false", "--authfile"];
    let from = |tag: &str| format!("docker://{registry}/{repository}:{tag}");
    let authfile = format!("{}/config.json", variable("DOCKER_CONFIG"));
    let copied =
        Command::new("skopeo").args(copy).arg(authfile).args([from("other"), from("latest")]).output().unwrap();
    assert!(copied.status.success(), "{}", String::from_utf8_lossy(&copied.stderr));
    let ran = project.f3s(&["run", &project.image("a")]).ok();
    assert!(ran.err.contains("is another image at its registry: it is pushed again"), "{}", ran.err);
    assert_eq!(project.f3s(&["run"]).ok().summary(), "up to date 2");

    // A layer goes, its manifest stays: only who asks for layers finds out.
    let layer = manifest().1.rsplit("sha256:").next().unwrap()[..64].to_owned();
    let blob = format!("{repository}/blobs/sha256:{layer}");
    assert_eq!(ask("DELETE", &blob).0, 202);
    assert_eq!(project.f3s(&["run"]).ok().summary(), "up to date 2");
    assert_eq!(ask("GET", &blob).0, 404);
    let ran = project.f3s(&["run", "--verify"]).ok();
    assert!(ran.summary().contains("up to date 2") && !ran.summary().contains("built"), "{}", ran.err);
    assert_eq!(ask("GET", &blob).0, 200);
}

#[test]
fn registries_that_keep_nothing_are_busy_or_say_no() {
    if is_missing("alpine:3.13") {
        return;
    }
    let door = variable("F3S_LAB_FLAKY_REGISTRY");
    let forgetful = project(&door, "/forgets");
    forgetful.f3s(&["run"]).fails(1, &["was not pushed: the registry took it, and does not have it", "help:"]);
    let busy = project(&door, "/busy");
    let ran = busy.f3s(&["run"]).ok();
    // Some engines ask again themselves, before they say so.
    assert_eq!(ran.summary(), "built 1, pushed 1");
    let denied = project(&door, "/denied");
    let ran = denied.f3s(&["run"]).fails(1, &["was not pushed", "denied"]);
    assert!(!ran.err.contains("attempt 2"), "{}", ran.err);
}

#[test]
fn a_registry_that_does_not_answer_is_believed_to_have_what_it_was_given() {
    if is_missing("alpine:3.13") {
        return;
    }
    let registry = variable("F3S_LAB_REGISTRY");
    let mut project = project(&registry, "");
    project.f3s(&["run"]).ok();
    // Without a login nothing is said.
    project.file("docker/config.json", "{}");
    let folder = project.path().join("docker").display().to_string();
    project.set("DOCKER_CONFIG", &folder);
    let ran = project.f3s(&["run"]).ok();
    assert_eq!(ran.summary(), "up to date 1");
    assert!(ran.err.contains("does not say whether it still has what was pushed"), "{}", ran.err);
}
