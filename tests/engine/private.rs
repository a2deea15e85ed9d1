//! The private engine, and an engine that goes away.

use std::process::Command;

use crate::lab::{Project, is_missing, runs, wait_until};

/// Ends a project's private engine, also when a test fails.
pub struct Ended<'p>(pub &'p Project);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.f3s(&["engine", "stop"]);
    }
}

#[test]
fn an_engine_that_ends_during_a_step_is_exit_code_4() {
    if is_missing("alpine:3.13") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut project = Project::new();
    crate::session::own_engine(&mut project, folder.path());
    let _ended = Ended(&project);
    let sleep = format!("sleep 90{}", std::process::id());
    project.recipe("a", &format!("base(\"alpine:3.13\");\nrun(\"{sleep}\");\n"));
    let child = project.start(&["build"]);
    wait_until("the step runs", || runs(&sleep));
    project.f3s(&["engine", "stop"]).ok();
    project.wait(child).fails(4, &["the engine went away", "help:"]);
}

#[test]
fn the_private_engine_starts_when_needed_survives_f3s_and_its_death_is_exit_code_4() {
    let mut project = Project::new();
    let folder = tempfile::tempdir().unwrap();
    project.set("F3S_ENGINE_DIR", folder.path().to_str().unwrap());
    project.set("DOCKER_HOST", "");
    project.set("DOCKER_CONFIG", folder.path().to_str().unwrap());
    if std::path::Path::new("/var/run/docker.sock").exists() {
        crate::lab::skipped("another engine answers on /var/run/docker.sock");
        return;
    }
    assert!(project.f3s(&["engine", "status"]).ok().out.starts_with("does not run"));
    let _ended = Ended(&project);
    project.recipe("a", "base(\"scratch\");\nwrite(\"/a\", \"x\");\n");
    let ran = project.f3s(&["run"]).ok();
    assert!(ran.err.contains("starting f3s's own"), "{}", ran.err);
    assert_eq!(ran.summary(), "built 1");
    assert_eq!(project.f3s(&["run"]).ok().summary(), "up to date 1");
    assert!(project.f3s(&["doctor"]).ok().out.contains("BuildKit"));

    let status = project.f3s(&["engine", "status"]).ok().out;
    let pid: String = status.chars().skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit).collect();
    // A slow download keeps the run busy while the engine is killed.
    let url = crate::lab::variable("F3S_LAB_UPSTREAM");
    let agent = "archive.apache.org/dist/skywalking/8.5.0/apache-skywalking-apm-8.5.0.tar.gz";
    let slow = format!("{url}/flaky/500-twice/{}/{agent}", project.prefix);
    project.recipe("a", &format!("base(\"scratch\");\nplace(download(\"{slow}\"), \"/a\");\n"));
    let child = project.start(&["run"]);
    wait_until("the download runs", || crate::lab::requests(&project.prefix) > 0);
    assert!(Command::new("kill").arg("-KILL").arg(&pid).status().unwrap().success());
    project.wait(child).fails(4, &["the engine", "help:"]);

    // It comes back with what it had.
    assert_eq!(project.f3s(&["run"]).ok().summary(), "built 1");
    assert!(project.f3s(&["engine", "stop"]).ok().err.contains("has ended"));
    assert!(project.f3s(&["engine", "status"]).ok().out.starts_with("does not run"));
}
