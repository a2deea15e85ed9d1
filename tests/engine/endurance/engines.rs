//! The engine is killed while f3s builds, checks, pushes and waits.

use std::net::TcpListener;
use std::process::Command;

use crate::lab::{Project, interrupt, is_missing, processes, runs, wait_until};
use crate::private::Ended;
use crate::session::own_engine;
use crate::watching::Watching;

fn kill(folder: &std::path::Path) {
    let engine = format!(".*dockerd .*{}.*", folder.display());
    let found = processes(&engine);
    assert!(!found.is_empty());
    assert!(Command::new("kill").arg("-KILL").args(&found).status().unwrap().success());
    wait_until("it is gone", || processes(&engine).is_empty());
}

#[test]
fn the_next_run_is_right_whenever_the_engine_was_killed() {
    if is_missing("alpine:3.13") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut project = Project::new();
    own_engine(&mut project, folder.path());
    let _ended = Ended(&project);
    // A registry that takes connections, and never says a word.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent_address = silent.local_addr().unwrap();
    let pause = format!("sleep 5.{}", std::process::id());
    let recipe = |number: u32, step: &str, check: &str| {
        let last = format!("check(\"{check}; cat /app\", #{{ stdout: \"{number}\" }});\npush();\n");
        project.recipe("app", &format!("base(\"alpine:3.13\");\nrun(\"{step}; echo {number} >/app\");\n{last}"));
    };
    let is_right = |number: u32| {
        assert!(project.f3s(&["engine", "start"]).ok().code.is_some());
        project.f3s(&["build"]).ok();
        assert_eq!(project.sh("app", "cat /app"), number.to_string());
        assert_eq!(project.f3s(&["build"]).ok().summary(), "up to date 1");
        assert_eq!(project.docker(&["ps", "-aq"]), "", "no container is left");
        project.f3s(&["prune"]).ok();
    };

    // Building, and checking.
    for (number, step, check) in [(1, &*pause, "true"), (2, "true", &*pause)] {
        recipe(number, step, check);
        let child = project.start(&["build"]);
        wait_until("it is busy", || runs(&pause));
        kill(folder.path());
        project.wait(child).fails(4, &["the engine", "help:"]);
        is_right(number);
    }
    // Pushing.
    recipe(3, "true", "true");
    let registry = silent_address.to_string();
    let child = project.start(&["run", "--registry", &registry]);
    let heard = silent.accept().unwrap();
    kill(folder.path());
    drop((heard, silent));
    // It waits for an engine that may come back, but not for longer than the user does.
    interrupt(&child);
    assert!(matches!(project.wait(child).code, Some(1 | 4 | 130)));
    is_right(3);
    // Waiting: it comes back, and the next edit is built.
    let mut watch = Watching::start(&project, &[]);
    watch.until("watching ");
    kill(folder.path());
    recipe(4, "true", "true");
    watch.until("waiting for");
    project.f3s(&["engine", "start"]).ok();
    watch.until("built 1");
    drop(watch);
    is_right(4);
}
