//! Watch mode through a session of edits, in a pseudo-terminal and on a real engine.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use crate::failures::wait_until;
use crate::lab::{Project, docker, is_missing};

/// A running `f3s watch`, and what it says.
struct Watching {
    child: Child,
    lines: Receiver<String>,
    heard: Vec<String>,
}

impl Watching {
    fn start(project: &Project, words: &[&str]) -> Watching {
        // Words are quoted once more: `script` hands them to a shell.
        let words: Vec<String> = words.iter().map(|word| f3s::shell::quote(word)).collect();
        let words = format!("watch --progress plain {}", words.join(" "));
        let mut command = crate::terminal::command(project, 50, 400, &words);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (sender, lines) = channel();
        let said = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        std::thread::spawn(move || said.for_each(|line| drop(sender.send(line.trim_end_matches('\r').to_owned()))));
        Watching { child, lines, heard: Vec::new() }
    }

    /// Reads on until a line contains this. Returns the lines up to it.
    #[track_caller]
    fn until(&mut self, word: &str) -> Vec<String> {
        let start = Instant::now();
        self.heard.clear();
        while start.elapsed() < Duration::from_secs(60) {
            let Ok(line) = self.lines.recv_timeout(Duration::from_millis(500)) else { continue };
            self.heard.push(line.clone());
            if line.contains(word) {
                return self.heard.clone();
            }
        }
        panic!("`{word}` is not in\n{}", self.heard.join("\n"));
    }

    /// A round that ends with this summary.
    #[track_caller]
    fn round(&mut self, summary: &str) -> Vec<String> {
        let lines = self.until("watching ");
        let last = lines.iter().rfind(|line| line.contains(" in ")).cloned().unwrap_or_default();
        assert_eq!(last.rsplit_once(" in ").unwrap_or_default().0, summary, "{}", lines.join("\n"));
        lines
    }

    #[track_caller]
    fn interrupt(&mut self) {
        // Ctrl-C, as a terminal gets it.
        self.child.stdin.as_mut().unwrap().write_all(b"\x03").unwrap();
        self.until("code 130");
        self.until(" icanon");
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The ids of a project's images, to see which were rebuilt.
struct Images<'p> {
    project: &'p Project,
    ids: Vec<(&'static str, String)>,
}

impl<'p> Images<'p> {
    fn new(project: &'p Project, names: &[&'static str]) -> Self {
        Images { project, ids: names.iter().map(|name| (*name, project.id(name))).collect() }
    }

    /// The names whose image is another one than when this was asked last.
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
}

const APP: &str = "import \"lib/words\" as words;\nbase(\"@base\");\ncopy(\"data\", \"/data\");\nrun(\"echo \" + words::hello() + \" >/app\");\n";

#[test]
fn a_session_of_edits() {
    if is_missing("alpine:3.13") {
        return;
    }
    let project = Project::new();
    project.recipe("base", "base(\"alpine:3.13\");\nrun(\"echo base >/base\");\n");
    project.recipe("app", APP);
    project.file("scripts/lib/words.rhai", "fn hello() { \"hello\" }\n");
    project.file("scripts/data", "one");
    let mut watch = Watching::start(&project, &["--exec", "echo \"images: $F3S_IMAGES\" >&2"]);
    watch.round("built 2");
    watch.until(&format!("images: {0}:latest {1}:latest", project.image("base"), project.image("app")));
    let mut images = Images::new(&project, &["base", "app", "new", "renamed"]);

    // A good edit rebuilds the image that it is in.
    project.recipe("app", &APP.replace(">/app", ">/App"));
    watch.round("built 1, up to date 1");
    assert_eq!(images.changed(), ["app"]);
    assert_eq!(project.sh("app", "cat /App"), "hello");
    // A comment changes nothing, and says so.
    project.recipe("app", &APP.replace(">/app", ">/App").replace("copy(", "// Why.\ncopy("));
    watch.until("changed: nothing to do");
    assert!(images.changed().is_empty());
    // A syntax error is shown; the images stay; repaired to what it was there is nothing to do.
    project.recipe("app", "base(\"alpine:3.13\"\n");
    watch.until("error: `)` is missing");
    assert!(images.changed().is_empty());
    project.recipe("app", &APP.replace(">/app", ">/App"));
    watch.until("mended, nothing to do");
    assert!(images.changed().is_empty());
    // A failing step, and its repair.
    project.recipe("app", &APP.replace("copy(", "run(\"exit 7\");\ncopy("));
    watch.until("exit code 7");
    watch.round("up to date 1, failed 1");
    assert!(images.changed().is_empty());
    project.recipe("app", APP);
    // The first version is still there.
    watch.round("tagged 1, up to date 1");
    assert_eq!(images.changed(), ["app"]);
    // A copied file, and a module, changed.
    project.file("scripts/data", "two");
    watch.round("built 1, up to date 1");
    assert_eq!(images.changed(), ["app"]);
    assert_eq!(project.sh("app", "cat /data"), "two");
    project.file("scripts/lib/words.rhai", "fn hello() { \"goodbye\" }\n");
    watch.round("built 1, up to date 1");
    assert_eq!(images.changed(), ["app"]);
    assert_eq!(project.sh("app", "cat /app"), "goodbye");
    // A new recipe, and a renamed one.
    project.recipe("new", "base(\"@base\");\nrun(\"echo new >/new\");\n");
    watch.round("built 1, up to date 2");
    assert_eq!(images.changed(), ["new"]);
    let path = |name: &str| project.path().join(format!("scripts/{}.rhai", project.image(name)));
    std::fs::rename(path("new"), path("renamed")).unwrap();
    watch.round("built 1, up to date 2");
    assert_eq!(images.changed(), ["renamed"]);
    assert_eq!(project.sh("renamed", "cat /new"), "new");
    // Five hundred files at once are one change.
    for number in 0..500 {
        project.file(&format!("scripts/x{number}.txt"), "x");
    }
    project.recipe("base", "base(\"alpine:3.13\");\nrun(\"echo changed >/base\");\n");
    let lines = watch.until("watching ");
    let changes = lines.iter().filter(|line| line.starts_with("scripts/") && line.contains(" changed"));
    assert!(changes.count() <= 2, "{}", lines.join("\n"));
    assert_eq!(images.changed(), ["base", "app", "renamed"]);
    assert_eq!(project.sh("app", "cat /base"), "changed");
    watch.interrupt();
    assert!(!docker(&["ps", "-a"]).contains(&project.prefix));
}

#[test]
fn editing_the_last_command_of_a_layer_runs_that_command_only() {
    if is_missing("alpine:3.13") {
        return;
    }
    let project = Project::new();
    let prefix = &project.prefix;
    let recipe = |last: &str| {
        let commands = ["cd /tmp; one=1", "echo first; sleep 0.2", "echo second $one in $(pwd)", "echo third", last];
        let quoted: Vec<String> = commands.iter().map(|command| format!("\"{command}; : {prefix}\"")).collect();
        format!(
            "base(\"alpine:3.13\");\nlayer(\"l\", || {{\n    write(\"/file\", \"{prefix}\");\n    run([{}]);\n}});\n",
            quoted.join(", ")
        )
    };
    project.recipe("a", &recipe("echo fourth >/last"));
    let mut watch = Watching::start(&project, &[]);
    let lines = watch.round("built 1");
    for said in ["| first", "| second 1 in /tmp", "| third"] {
        assert!(lines.iter().any(|line| line.contains(said)), "{said}: {}", lines.join("\n"));
    }
    project.recipe("a", &recipe("echo fifth | tee /last"));
    let lines = watch.round("built 1");
    let said: Vec<&String> = lines.iter().filter(|line| line.contains(" | ") && !line.contains("tee")).collect();
    assert_eq!(said.len(), 1, "{}", lines.join("\n"));
    assert!(said[0].ends_with("| fifth"));
    assert_eq!(project.sh("a", "cat /last"), "fifth");
    watch.interrupt();
    // The released image is built as one layer.
    assert_eq!(project.f3s(&["build"]).ok().summary(), "built 1");
    assert_eq!(project.layers("a").len(), 2);
    assert!(!project.layers("a").concat().iter().any(|path| path.contains(".f3s-state")));
}

#[test]
fn a_change_cancels_what_it_makes_pointless_and_keeps_what_it_does_not_touch() {
    if is_missing("alpine:3.13") {
        return;
    }
    let project = Project::new();
    let steady = format!("sleep 5; echo {} >/steady", project.prefix);
    project.recipe("steady", &format!("base(\"alpine:3.13\");\nrun(\"{steady}\");\n"));
    let sleep = format!("sleep 96{}", std::process::id());
    project.recipe("app", &format!("base(\"alpine:3.13\");\nrun(\"{sleep}\");\n"));
    let running = |what: &str| !Command::new("pgrep").arg("-fx").arg(what).output().unwrap().stdout.is_empty();
    let mut watch = Watching::start(&project, &["-j", "2"]);
    wait_until("both run", || running(&sleep) && running("sleep 5"));
    let before = Command::new("pgrep").args(["-fx", "sleep 5"]).output().unwrap().stdout;
    project.recipe("app", "base(\"alpine:3.13\");\nrun(\"echo quick >/app\");\n");
    wait_until("the pointless step has ended", || !running(&sleep));
    // The other one is the same process still, or has done its work.
    let after = Command::new("pgrep").args(["-fx", "sleep 5"]).output().unwrap().stdout;
    assert!(after.is_empty() || after == before);
    watch.round("built 2");
    assert_eq!(project.sh("app", "cat /app"), "quick");
    assert_eq!(project.sh("steady", "cat /steady"), project.prefix);
    watch.interrupt();
}

#[test]
fn ctrl_c_in_the_middle_of_a_build_ends_its_step() {
    if is_missing("alpine:3.13") {
        return;
    }
    let project = Project::new();
    let sleep = format!("sleep 95{}", std::process::id());
    project.recipe("a", &format!("base(\"alpine:3.13\");\nrun(\"{sleep}\");\n"));
    let running = || !Command::new("pgrep").arg("-fx").arg(&sleep).output().unwrap().stdout.is_empty();
    let mut watch = Watching::start(&project, &[]);
    wait_until("the step runs", running);
    watch.interrupt();
    wait_until("the step has ended", || !running());
    assert_eq!(project.id("a"), "");
}

#[test]
fn an_engine_that_goes_away_is_waited_for() {
    let mut project = Project::new();
    let folder = tempfile::tempdir().unwrap();
    project.set("F3S_ENGINE_DIR", folder.path().to_str().unwrap());
    assert_eq!(project.f3s(&["engine", "start"]).code, Some(0));
    let socket = format!("unix://{}", folder.path().join("engine.sock").display());
    project.set("DOCKER_HOST", &socket);
    let _ended = crate::private::Ended(&project);
    project.recipe("a", "base(\"scratch\");\nwrite(\"/a\", \"one\");\n");
    let mut watch = Watching::start(&project, &[]);
    watch.round("built 1");
    assert_eq!(project.f3s(&["engine", "stop"]).code, Some(0));
    project.recipe("a", "base(\"scratch\");\nwrite(\"/a\", \"two\");\n");
    watch.until("waiting for");
    // It is said once, however long the engine stays away.
    std::thread::sleep(Duration::from_secs(5));
    assert_eq!(project.f3s(&["engine", "start"]).code, Some(0));
    let lines = watch.round("built 1");
    assert!(lines.iter().filter(|line| line.contains("waiting for")).count() <= 1, "{}", lines.join("\n"));
    watch.interrupt();
}
