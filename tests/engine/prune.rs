//! Prune, on an engine that no other test uses: it is measured, and all that f3s built there goes.

use std::process::Stdio;

use serde_json::Value;

use crate::lab::{Project, docker_at, is_missing, variable, wait_until};

/// One that is not the engine of all the other tests.
fn quiet_engine() -> String {
    let engines = [variable("F3S_LAB_28"), variable("F3S_LAB_28_CONTAINERD")];
    let used = variable("DOCKER_HOST");
    engines.into_iter().find(|host| *host != used).unwrap()
}

/// Bytes of all images' layers and of the build cache beside them.
fn taken(host: &str) -> u64 {
    let socket = host.strip_prefix("unix://").unwrap();
    let words = ["-s", "--unix-socket", socket, "http://docker/system/df"];
    let answer = std::process::Command::new("curl").args(words).output().unwrap();
    let usage: Value = serde_json::from_slice(&answer.stdout).unwrap();
    let cache = usage["BuildCache"].as_array().into_iter().flatten();
    let own = cache.filter(|record| record["Shared"] == false).map(|record| record["Size"].as_u64().unwrap());
    usage["LayersSize"].as_u64().unwrap() + own.sum::<u64>()
}

#[test]
fn prune_frees_what_was_pushed_and_breaks_no_run() {
    if is_missing("alpine:3.13") {
        return;
    }
    let host = quiet_engine();
    let registry = variable("F3S_LAB_REGISTRY");
    let mut project = Project::new();
    project.set("DOCKER_HOST", &host);
    project.file("f3s.toml", &format!("network = \"host\"\nregistry = \"{registry}/{}\"\n", project.prefix));
    let images =
        |words: &[&str]| docker_at(&host, &[&["images", "--format", "{{.Repository}}:{{.Tag}}"], words].concat());
    let ours = || images(&["--all"]).lines().filter(|name| name.contains(&project.prefix)).count();
    // Others have made images on this engine, too.
    let of_a = format!("label=org.opencontainers.image.title={}", project.image("a"));
    let nameless = || images(&["--filter", &of_a]).lines().filter(|name| name.contains("<none>")).count();
    assert_eq!(nameless(), 0);

    // Three versions of ten megabytes, all of them pushed.
    let make = |version: u32| {
        project.recipe(
            "a",
            &format!(
                "base(\"alpine:3.13\");\nrun(\"dd if=/dev/urandom of=/a bs=1M count=10; echo {version}\");\npush();\n"
            ),
        );
        assert_eq!(project.f3s(&["run"]).ok().summary(), "built 1, pushed 1");
    };
    make(1);
    // A container keeps the first.
    let first = images(&["--filter", &format!("reference=f3s.invalid/{}", project.image("a"))]);
    let container = docker_at(&host, &["create", &first, "true"]);
    make(2);
    make(3);
    let (all, before) = (ours(), taken(&host));
    let would = project.f3s(&["prune", "--dry-run"]).ok();
    assert!(would.err.contains("1 image with") && would.err.contains("would be removed"), "{}", would.err);
    assert_eq!((ours(), taken(&host)), (all, before));
    let ran = project.f3s(&["prune"]).ok();
    assert_eq!(ran.out, would.out);
    assert!(ran.err.contains("stays: the container ") && ran.err.contains("1 image with"), "{}", ran.err);
    docker_at(&host, &["rm", &container]);
    let ran = project.f3s(&["prune"]).ok();
    assert!(ran.err.contains("1 image with"), "{}", ran.err);
    let freed = before - taken(&host);
    assert!(freed >= 20_000_000, "{freed}");
    let said = ran.err.split(" removed, ").nth(1).unwrap();
    assert!(said.ends_with("MB freed\n") && !said.starts_with("0 "), "{said}");
    // The current version: its name and marks, its final tag. And nothing without a name.
    assert_eq!((ours(), nameless()), (5, 0), "{}", images(&["--all", "--digests"]));
    assert_eq!(project.f3s(&["run"]).ok().summary(), "up to date 1");

    // A prune waits for the run that is in progress, says so, and can be ended.
    project.recipe("slow", "base(\"@a\");\nrun(\"sleep 4; test -s /a\");\n");
    let run = project.start(&["run"]);
    let waiting = format!("waiting for f3s, process {} in ", run.id());
    wait_until("the run holds the engine", || {
        let mut prune = project.command(&["prune", "--all"]);
        let mut prune = prune.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        let mut err = std::io::BufReader::new(prune.stderr.take().unwrap());
        std::io::BufRead::read_line(&mut err, &mut line).unwrap();
        // Not by Ctrl-C, which whoever runs the tests may have turned off.
        let pid = rustix::process::Pid::from_raw(prune.id() as i32).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        let ended = prune.wait().unwrap();
        assert!(!line.contains(&waiting) || !ended.success());
        line.contains(&waiting)
    });
    let prune = project.start(&["prune", "--all"]);
    // What comes behind the prune builds what it took.
    project.recipe("late", "base(\"@a\");\nrun(\"test -s /a\");\n");
    let ran = project.wait(run).ok();
    assert!(ran.summary().contains("built"), "{}", ran.err);
    project.wait(prune).ok();
    assert!(project.f3s(&["run"]).ok().summary().starts_with("built "));

    // Builds in a loop, and prunes of everything in a loop.
    let mut prunes = Vec::new();
    for version in 0..4 {
        prunes.push(project.start(&["prune", "--all"]));
        project.recipe("late", &format!("base(\"@a\");\nrun(\"test -s /a; echo {version} >/late\");\n"));
        project.recipe("slow", &format!("base(\"@late\");\nrun(\"grep {version} /late\");\n"));
        project.f3s(&["build"]).ok();
    }
    for prune in prunes {
        project.wait(prune).ok();
    }
    project.f3s(&["prune", "--all"]).ok();
    assert_eq!((ours(), nameless()), (0, 0), "{}", images(&["--all", "--digests"]));
}
