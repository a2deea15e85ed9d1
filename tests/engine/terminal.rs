//! The live view in a real pseudo-terminal, seen through a terminal emulator.

use std::io::{Read, Write};
use std::num::NonZero;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use crate::failures::wait_until;
use crate::lab::{Project, is_missing};

const ROWS: u16 = 24;
const COLUMNS: u16 = 80;

/// f3s in a pseudo-terminal of this size; behind it the terminal's own state is said.
pub fn command(project: &Project, rows: u16, columns: u16, words: &str) -> Command {
    let f3s = env!("CARGO_BIN_EXE_f3s");
    // Ctrl-C reaches this shell as well as f3s; without the trap some shells die of it before they say the code.
    let shell = format!(
        "trap : INT; stty rows {rows} columns {columns}; {f3s} {words}; echo code $?; stty -a | grep -o '.icanon'"
    );
    let mut command = Command::new("script");
    command.args(["-qfc", &shell, "/dev/null"]);
    project.set_up(&mut command);
    command.env_remove("CI").env("SHELL", "/bin/sh");
    command.env("TERM", "xterm-256color").env("LANG", "C").env("NO_COLOR", "1");
    command
}

/// Runs f3s to its end and returns all that it wrote.
fn in_terminal(project: &Project, rows: u16, columns: u16, words: &str) -> Vec<u8> {
    command(project, rows, columns, words).output().unwrap().stdout
}

fn parser(rows: u16, columns: u16) -> vt100::Parser {
    let cells = |count| NonZero::new(count).unwrap();
    vt100::Parser::new(cells(rows), cells(columns), 0)
}

fn lines(parser: &vt100::Parser) -> Vec<String> {
    parser.screen().contents().lines().map(|line| line.trim_end().to_owned()).collect()
}

fn screen(bytes: &[u8], rows: u16, columns: u16) -> Vec<String> {
    let mut parser = parser(rows, columns);
    parser.process(bytes);
    lines(&parser)
}

/// A terminal in which f3s goes on running: it can be looked at and typed into.
struct Terminal {
    child: Child,
    parser: Arc<Mutex<vt100::Parser>>,
}

impl Terminal {
    fn start(project: &Project, words: &str) -> Terminal {
        let mut command = command(project, ROWS, COLUMNS, words);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let parser = Arc::new(Mutex::new(parser(ROWS, COLUMNS)));
        let (seen, mut stdout) = (parser.clone(), child.stdout.take().unwrap());
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(read @ 1..) = stdout.read(&mut buffer) {
                seen.lock().unwrap().process(&buffer[..read]);
            }
        });
        Terminal { child, parser }
    }

    fn lines(&self) -> Vec<String> {
        lines(&self.parser.lock().unwrap())
    }

    /// Waits until some line of the screen contains this.
    #[track_caller]
    fn shows(&self, word: &str) {
        wait_until(word, || self.lines().iter().any(|line| line.contains(word)));
    }

    fn press(&mut self, key: &str) {
        self.child.stdin.as_mut().unwrap().write_all(key.as_bytes()).unwrap();
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_live_view_shows_running_steps_and_leaves_only_results() {
    if is_missing("alpine:3.13") {
        return;
    }
    let project = Project::new();
    project.recipe("a", "base(\"alpine:3.13\");\nrun(\"echo working; sleep 1; echo a >/a\");\n");
    project.recipe("b", "base(\"alpine:3.13\");\nrun(\"sleep 1; exit 3\");\n");
    for (rows, columns) in [(24, 80), (12, 50)] {
        let bytes = in_terminal(&project, rows, columns, "build --force -j 2 --keep-going");
        // Half-way: what had been written when the output of the first step stood on the screen.
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let middle = text.find("  | working").expect("the view shows output");
        let frame = middle + text[middle..].find("\x1b[?2026l").unwrap();
        let seen = screen(&bytes[..frame], rows, columns);
        assert!(seen.iter().any(|line| line.contains(&project.image("a")) && line.contains("run(")), "{seen:?}");
        assert!(seen.iter().any(|line| line.ends_with("2 running")), "{seen:?}");
        assert!(seen.iter().all(|line| line.chars().count() < columns.into()), "{seen:?}");
        // At the end only results are left.
        let left = screen(&bytes, 50, 120);
        assert!(left.iter().any(|line| line.starts_with(&format!("+ {}", project.image("a")))), "{left:?}");
        assert_eq!(left.iter().filter(|line| line.contains("exit code 3")).count(), 1, "{left:?}");
        let results = left.len() - 3;
        assert!(left[results].starts_with("built 1, failed 1 in"), "{left:?}");
        assert_eq!(left[results + 1..], ["code 1", " icanon"], "{left:?}");
        assert!(!left.iter().any(|line| line.ends_with("running")), "{left:?}");
    }
}

#[test]
fn a_session_of_edits_in_a_terminal() {
    if is_missing("alpine:3.13") {
        return;
    }
    let project = Project::new();
    let recipe = |command: &str| format!("base(\"alpine:3.13\");\nrun(\"{command}; : {}\");\n", project.prefix);
    let (image, file) = (project.image("a"), format!("scripts/{}.rhai", project.image("a")));
    project.recipe("a", &recipe("echo working; sleep 2"));
    let mut terminal = Terminal::start(&project, "watch");
    // Building: the step, its output, the count.
    terminal.shows("| working");
    terminal.shows("0 of 1 done, 1 running");
    assert!(terminal.lines().iter().any(|line| line.contains(&file)), "{:?}", terminal.lines());
    // Idle: the view is gone, the result and the keys stand there.
    terminal.shows("q quit");
    let idle = terminal.lines();
    assert!(idle.iter().any(|line| line.starts_with(&format!("+ {image}"))), "{idle:?}");
    assert!(!idle.iter().any(|line| line.contains("running")), "{idle:?}");
    // A comment, a mistake, a failing step.
    let first = project.id("a");
    project.recipe("a", &format!("// Why.\n{}", recipe("echo working; sleep 2")));
    terminal.shows("changed: nothing to do");
    assert_eq!(project.id("a"), first);
    project.recipe("a", "base(\"alpine:3.13\"\n");
    terminal.shows("`)` is missing");
    project.recipe("a", &recipe("exit 9"));
    terminal.shows("exit code 9");
    assert_eq!(project.id("a"), first);
    // Keys.
    project.recipe("a", &recipe("echo mended"));
    wait_until("it is mended", || project.id("a") != first);
    terminal.press("n");
    terminal.shows(&format!("{image} is selected"));
    terminal.press("l");
    terminal.shows(&format!("the log of {image}"));
    let second = project.id("a");
    terminal.press("f");
    wait_until("it is built anew", || project.id("a") != second);
    terminal.press("q");
    terminal.shows("code 0");
    // The terminal is as it was.
    terminal.shows(" icanon");
}

#[test]
fn quiet_says_errors_and_the_summary_and_a_pipe_gets_plain_lines() {
    if is_missing("alpine:3.13") {
        return;
    }
    let project = Project::new();
    let recipe = format!("base(\"alpine:3.13\");\nrun(\"echo working for {}\");\n", project.prefix);
    project.recipe("a", &recipe);
    let quiet = project.f3s(&["build", "--progress", "quiet"]).ok();
    assert_eq!(quiet.err.lines().count(), 1, "{}", quiet.err);
    // The quiet screen loses nothing.
    let log = project.f3s(&["logs", &project.image("a")]).ok().out;
    assert!(log.contains("| working") && log.contains("built "), "{log}");
    let plain = project.f3s(&["build", "--force"]).ok();
    assert!(plain.err.contains("| working") && !plain.err.contains('\x1b'), "{}", plain.err);
    assert!(project.f3s(&["logs", "--back", "1", &project.image("a")]).ok().out.contains("| working"));
    assert!(project.f3s(&["logs"]).ok().out.starts_with(&project.image("a")));
    project.f3s(&["logs", "nothing"]).fails(2, &["there is no such log"]);
}
