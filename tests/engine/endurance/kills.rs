//! f3s is killed, or told to end, at random moments.

use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::{containers, unfinished};
use crate::cases::Cases;
use crate::lab::{Project, is_missing, variable};
use crate::server::Server;

/// The content of what a registry has under `latest`: its manifest; nothing, where it has none.
fn pushed(project: &Project, name: &str) -> String {
    let url = format!(
        "http://{}/v2/{}/{}/manifests/latest",
        variable("F3S_LAB_REGISTRY"),
        project.prefix,
        project.image(name)
    );
    let accept =
        "Accept: application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json";
    let words = ["-sSf", "-m", "60", "-u", "lab:lab-password+/?", "-H", accept, &url];
    let answer = Command::new("curl").args(words).output().unwrap();
    String::from_utf8_lossy(&answer.stdout).into_owned()
}

#[test]
fn the_next_run_is_right_whenever_one_was_killed() {
    if is_missing("alpine:3.13") {
        return;
    }
    let server = Server::of("fetched");
    let project = Project::new();
    let registry = variable("F3S_LAB_REGISTRY");
    project.file("f3s.toml", &format!("network = \"host\"\nregistry = \"{registry}/{}\"\n", project.prefix));
    let version = |number: usize| {
        let fetched = format!("place(download(\"{}/{number}\"), \"/fetched\");", server.url);
        project.file("scripts/data", &number.to_string());
        project.recipe(
            "base",
            &format!("base(\"alpine:3.13\");\n{fetched}\nrun(\"sleep 0.2; echo {number} >/base\");\npush();\n"),
        );
        project.recipe(
            "app",
            &format!(
                "base(\"@base\");\ncopy(\"data\", \"/data\");\nrun(\"sleep 0.2; cp /base /app\");\n\
                check(\": @; sleep 0.2; cat /base /app /data\", #{{ stdout: \"{number}\\n{number}\\n{number}\" }});\npush();\n"
            ),
        );
    };
    let both = || ["base", "app"].map(|name| pushed(&project, name));
    version(0);
    let start = Instant::now();
    project.f3s(&["run"]).ok();
    let usual = start.elapsed().max(Duration::from_millis(500));
    let mut before = both();
    assert!(before.iter().all(|manifest| manifest.contains("layers")), "{before:?}");

    for (number, mut choices) in (1..).zip(Cases::wanted(6).each()) {
        version(number);
        let mut child = project.start(&["run"]);
        let moment = usual * choices.below(1000) as u32 / 1000;
        let signal =
            *choices.one_of(&[Signal::KILL, Signal::KILL, Signal::TERM, Signal::INT, Signal::HUP, Signal::QUIT]);
        std::thread::sleep(moment);
        let _ = kill_process(Pid::from_raw(child.id() as i32).unwrap(), signal);
        // One that ended before is as good.
        child.wait().unwrap();
        let case = format!("{signal:?} after {moment:?} of {usual:?}");
        let between = both();

        let ran = project.f3s(&["run"]);
        assert_eq!(ran.code, Some(0), "{case}: {}", ran.err);
        let after = both();
        for ((before, between), after) in before.iter().zip(&between).zip(&after) {
            assert!(between == before || between == after, "{case}: {between}");
            assert_ne!(before, after, "{case}");
        }
        let app = format!("{registry}/{}/{}:latest", project.prefix, project.image("app"));
        let content =
            project.docker(&["run", "--rm", "--network", "none", &app, "cat", "/base", "/app", "/data", "/fetched"]);
        assert_eq!(content, format!("{number}\n{number}\n{number}fetched"), "{case}");
        assert_eq!(containers(&project), "", "{case}");
        assert_eq!(unfinished(&project), [] as [std::path::PathBuf; 0], "{case}");
        assert_eq!(project.f3s(&["run"]).ok().summary(), "up to date 2", "{case}");
        before = after;
    }
    project.f3s(&["prune"]).ok();
    project.f3s(&["prune", "--downloads"]).ok();
    assert_eq!(project.f3s(&["run"]).ok().summary(), "up to date 2");
}
