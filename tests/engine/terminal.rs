//! The live view in a real pseudo-terminal, seen through a terminal emulator.

use std::num::NonZero;
use std::process::Command;

use crate::lab::{Project, is_missing};

/// Runs f3s in a pseudo-terminal of this size and returns all that it wrote.
fn in_terminal(project: &Project, rows: u16, columns: u16, words: &str) -> Vec<u8> {
    let f3s = env!("CARGO_BIN_EXE_f3s");
    let shell = format!("stty rows {rows} columns {columns}; exec {f3s} {words}");
    let mut command = Command::new("script");
    command.args(["-qefc", &shell, "/dev/null"]).current_dir(project.path()).env_remove("F3S_CONFIG").env_remove("CI");
    command.env("TERM", "xterm-256color").env("LANG", "C").env("F3S_CACHE_DIR", project.path().join("cache"));
    command.output().unwrap().stdout
}

fn screen(bytes: &[u8], rows: u16, columns: u16) -> Vec<String> {
    let cells = |count| NonZero::new(count).unwrap();
    let mut parser = vt100::Parser::new(cells(rows), cells(columns), 0);
    parser.process(bytes);
    parser.screen().contents().lines().map(|line| line.trim_end().to_owned()).collect()
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
        assert!(left.last().unwrap().starts_with("built 1, failed 1 in"), "{left:?}");
        assert!(!left.iter().any(|line| line.ends_with("running")), "{left:?}");
    }
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
