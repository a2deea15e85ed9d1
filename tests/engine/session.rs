//! A session of edits: `f3s watch` in a pseudo-terminal, on an engine of its own that is restarted on the way. After each
//! edit: what was rebuilt, by image id, and what stands on the screen.

use std::time::Duration;

use crate::lab::{Project, docker, docker_at, is_missing, processes, runs, wait_until};
use crate::private::Ended;
use crate::pty::Terminal;

const BASE: &str = "base(\"alpine:3.13\");\nrun(\"echo base >/base\");\n";
const APP: &str = "import \"lib/words\" as words;\nbase(\"@base\");\ncopy(\"data\", \"/data\");\nrun(\"echo \" + words::hello() + \" >/app\");\n";

struct Session<'p> {
    project: &'p Project,
    terminal: Terminal,
    ids: Vec<(&'static str, String)>,
}

impl Session<'_> {
    /// Forgets what stands on the screen, then edits.
    fn edit(&self, edit: impl FnOnce(&Project)) {
        self.terminal.wipe();
        edit(self.project);
    }

    fn recipe(&self, name: &str, script: &str) {
        self.edit(|project| project.recipe(name, script));
    }

    /// Waits for the end of a round, whose summary and whose rebuilt images are these. The live view must be gone.
    #[track_caller]
    fn round(&mut self, summary: &str, changed: &[&str]) {
        self.terminal.shows("q quit");
        let lines = self.terminal.all_lines();
        let screen = lines.join("\n");
        assert!(lines.iter().any(|line| line.starts_with(&format!("{summary} in "))), "{screen}");
        assert!(!lines.iter().any(|line| line.ends_with(" running")), "{screen}");
        for name in changed {
            let image = self.project.image(name);
            let result = lines.iter().any(|line| line.starts_with(&format!("+ {image} ")));
            assert!(result, "no result of {image}:\n{screen}");
        }
        assert_eq!(self.changed(), changed);
    }

    /// The images whose id is another one than when this was asked last.
    fn changed(&mut self) -> Vec<&'static str> {
        let mut changed = Vec::new();
        for (name, id) in &mut self.ids {
            let now = self.project.id(name);
            if *id != now {
                *id = now;
                changed.push(*name);
            }
        }
        changed
    }

    #[track_caller]
    fn nothing_is_rebuilt_and_the_screen_says(&mut self, words: &[&str]) {
        for word in words {
            self.terminal.shows(word);
        }
        assert_eq!(self.changed(), [] as [&str; 0]);
    }
}

/// A private engine with Alpine in it.
pub fn own_engine(project: &mut Project, folder: &std::path::Path) {
    project.set("F3S_ENGINE_DIR", folder.to_str().unwrap());
    project.f3s(&["engine", "start"]).ok();
    let socket = format!("unix://{}", folder.join("engine.sock").display());
    let saved = project.path().join("alpine.tar");
    let file = saved.to_str().unwrap();
    docker(&["save", "-o", file, "alpine:3.13"]);
    docker_at(&socket, &["load", "-i", file]);
    std::fs::remove_file(saved).unwrap();
    project.set("DOCKER_HOST", &socket);
}

#[test]
fn a_session_of_edits() {
    if is_missing("alpine:3.13") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut project = Project::new();
    own_engine(&mut project, folder.path());
    let ended = Ended(&project);
    project.recipe("base", BASE);
    project.recipe("app", APP);
    project.file("scripts/lib/words.rhai", "fn hello() { \"hello\" }\n");
    project.file("scripts/data", "one");
    let terminal = Terminal::start(&project, (40, 120), &["watch"]);
    let ids = ["base", "app", "new", "renamed"].map(|name| (name, project.id(name))).to_vec();
    let mut session = Session { project: &project, terminal, ids };
    let (app, file) = (project.image("app"), format!("scripts/{}.rhai", project.image("app")));
    session.round("built 2", &["base", "app"]);

    // A good edit rebuilds the image that it is in.
    session.recipe("app", &APP.replace(">/app", ">/App"));
    session.round("built 1, up to date 1", &["app"]);
    assert_eq!(project.sh("app", "cat /App"), "hello");
    // A comment changes nothing, and says so.
    session.recipe("app", &APP.replace(">/app", ">/App").replace("copy(", "// Why.\ncopy("));
    session.nothing_is_rebuilt_and_the_screen_says(&[&format!("{file} changed: nothing to do")]);
    // A syntax error is shown and the images stay; when it is mended, there is nothing to do.
    session.recipe("app", "base(\"alpine:3.13\"\n");
    session.nothing_is_rebuilt_and_the_screen_says(&["error: `)` is missing", &format!("--> {file}:"), "q quit"]);
    session.recipe("app", &APP.replace(">/app", ">/App"));
    session.nothing_is_rebuilt_and_the_screen_says(&["mended, nothing to do"]);
    // A failing step, and its repair: the first version is still there.
    session.recipe("app", &APP.replace("copy(", "run(\"echo why; exit 7\");\ncopy("));
    session.round("up to date 1, failed 1", &[]);
    let words = [&format!("x {app} failed"), "exit code 7", &format!("--> {file}:3:1"), "why"];
    session.nothing_is_rebuilt_and_the_screen_says(&words);
    session.recipe("app", &APP.replace(">/app", ">/App"));
    session.nothing_is_rebuilt_and_the_screen_says(&["up to date 2 in", "q quit"]);
    // A copied file, and a module, changed.
    session.edit(|project| project.file("scripts/data", "two"));
    session.round("built 1, up to date 1", &["app"]);
    assert_eq!(project.sh("app", "cat /data"), "two");
    session.edit(|project| project.file("scripts/lib/words.rhai", "fn hello() { \"goodbye\" }\n"));
    session.round("built 1, up to date 1", &["app"]);
    assert_eq!(project.sh("app", "cat /App"), "goodbye");
    // A new recipe, and a renamed one.
    session.recipe("new", "base(\"@base\");\nrun(\"echo new >/new\");\n");
    session.round("built 1, up to date 2", &["new"]);
    let path = |name: &str| project.path().join(format!("scripts/{}.rhai", project.image(name)));
    session.edit(|_| std::fs::rename(path("new"), path("renamed")).unwrap());
    session.round("built 1, up to date 2", &["renamed"]);
    assert_eq!(project.sh("renamed", "cat /new"), "new");

    // The engine goes away. That is said once, however long it stays away, and work goes on when it is back.
    assert_eq!(project.f3s(&["engine", "stop"]).code, Some(0));
    session.recipe("app", APP);
    session.terminal.shows("waiting for");
    std::thread::sleep(Duration::from_secs(5));
    let said = session.terminal.all_lines().iter().filter(|line| line.contains("waiting for")).count();
    assert_eq!(said, 1, "{}", session.terminal.all_lines().join("\n"));
    assert_eq!(project.f3s(&["engine", "start"]).code, Some(0));
    session.round("built 1, up to date 2", &["app"]);
    assert_eq!(project.sh("app", "cat /app"), "goodbye");

    // Five hundred files at once are one change.
    session.edit(|project| {
        (0..500).for_each(|number| project.file(&format!("scripts/x{number}.txt"), "x"));
        project.recipe("base", &BASE.replace("echo base", "echo changed"));
    });
    session.round("built 3", &["base", "app", "renamed"]);
    let lines = session.terminal.all_lines();
    let changes = lines.iter().filter(|line| line.starts_with("scripts/") && line.ends_with(" changed"));
    assert!(changes.count() <= 2, "{}", lines.join("\n"));
    assert_eq!(project.sh("app", "cat /base"), "changed");

    // Ctrl-C in the middle of a build ends its step; the image stays what it was.
    let sleep = format!("sleep 95{}", std::process::id());
    session.recipe("app", &APP.replace("run(", &format!("run(\"{sleep}\");\nrun(")));
    session.terminal.shows("2 of 3 done, 1 running");
    session.terminal.shows(&format!("run(\"{sleep}\")"));
    wait_until("the step runs", || runs(&sleep));
    session.terminal.press("\x03");
    assert_eq!(session.terminal.ends(), Some(130));
    session.nothing_is_rebuilt_and_the_screen_says(&["interrupted: "]);
    wait_until("the step has ended", || !runs(&sleep));

    // Nothing is left over: in the engine, in the project, of the engine.
    assert_eq!(project.docker(&["ps", "-aq"]), "");
    assert_eq!(project.docker(&["volume", "ls", "-q"]), "");
    let files = std::fs::read_dir(project.path()).unwrap().map(|entry| entry.unwrap().file_name());
    let mut files: Vec<String> = files.map(|name| name.into_string().unwrap()).collect();
    files.sort();
    // `state` is the home of the user's marks, which tests keep with their project.
    assert_eq!(files, ["cache", "f3s.toml", "scripts", "state"]);
    drop(ended);
    let engine = format!(".*dockerd .*{}.*", folder.path().display());
    assert_eq!(processes(&engine), [] as [&str; 0]);
    folder.close().expect("nothing is mounted in the engine's folder");
}
