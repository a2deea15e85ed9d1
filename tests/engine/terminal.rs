//! The live view in terminals of several sizes, keys, and what else a terminal can do to f3s.

use rustix::process::{Pid, Signal, kill_process};

use crate::lab::{Project, is_missing, runs, wait_until};
use crate::pty::Terminal;

/// An image with some output that takes a while.
fn slow(project: &Project) -> String {
    let sleep = format!("sleep 93{}", std::process::id());
    project.recipe("slow", &format!("base(\"alpine:3.13\");\nrun(\"echo working; {sleep}\");\n"));
    sleep
}

fn send(terminal: &Terminal, signal: Signal) {
    kill_process(Pid::from_raw(terminal.pid()).unwrap(), signal).unwrap();
}

#[test]
fn the_live_view_shows_running_steps_and_leaves_only_results() {
    if is_missing("alpine:3.13") {
        return;
    }
    let project = Project::new();
    project.recipe("a", "base(\"alpine:3.13\");\nrun(\"echo working; sleep 1; echo a >/a\");\n");
    project.recipe("b", "base(\"alpine:3.13\");\nrun(\"sleep 1; exit 3\");\n");
    for (rows, columns) in [(24, 80), (12, 50), (50, 200)] {
        let mut terminal = Terminal::start(&project, (rows, columns), &["build", "--force", "-j", "2", "--keep-going"]);
        assert_eq!(terminal.ends(), Some(1));
        // At the end only results are left.
        terminal.shows("built 1, failed 1 in");
        let left = terminal.all_lines();
        assert!(left.iter().any(|line| line.starts_with(&format!("+ {}", project.image("a")))), "{left:?}");
        assert_eq!(left.iter().filter(|line| line.contains("exit code 3")).count(), 1, "{left:?}");
        assert!(!left.iter().any(|line| line.ends_with("running")), "{left:?}");
        // On the way: the step with its output, and how far all is.
        let frames = terminal.frames();
        let working = frames.iter().find(|lines| lines.iter().any(|line| line == "  | working"));
        let seen = working.unwrap_or_else(|| panic!("the view shows output: {frames:?}"));
        assert!(seen.iter().any(|line| line.contains(&project.image("a")) && line.contains("run(")), "{seen:?}");
        assert!(seen.iter().any(|line| line.ends_with("2 running")), "{seen:?}");
        assert!(seen.iter().all(|line| line.chars().count() < columns.into()), "{seen:?}");
    }
}

#[test]
fn the_view_follows_the_terminals_size() {
    if is_missing("alpine:3.13") {
        return;
    }
    let project = Project::new();
    slow(&project);
    let mut terminal = Terminal::start(&project, (24, 80), &["build"]);
    terminal.shows("| working");
    // The time stands at the right, wherever that is.
    let widths = |terminal: &Terminal| -> Vec<usize> {
        let image = &project.prefix;
        let lines = terminal.lines();
        lines.iter().filter(|line| line.contains(image) && line.ends_with(" s")).map(String::len).collect()
    };
    wait_until("it fits 80 columns", || widths(&terminal) == [79]);
    for (rows, columns) in [(8, 40), (30, 120)] {
        terminal.resize(rows, columns);
        wait_until("it fits", || widths(&terminal) == [usize::from(columns) - 1]);
        let lines = terminal.lines();
        assert_eq!(lines.iter().filter(|line| line.ends_with("1 running")).count(), 1, "{lines:?}");
    }
    terminal.press("\x03");
    assert_eq!(terminal.ends(), Some(130));
}

#[test]
fn keys_rebuild_select_show_logs_and_quit() {
    if is_missing("alpine:3.13") {
        return;
    }
    let project = Project::new();
    let image = project.image("a");
    project.recipe("a", &format!("base(\"alpine:3.13\");\nrun(\"echo working; : {}\");\n", project.prefix));
    let mut terminal = Terminal::start(&project, (24, 80), &["watch"]);
    terminal.shows("q quit");
    assert!(terminal.is_taken());
    let first = project.id("a");
    terminal.press("n");
    terminal.shows(&format!("{image} is selected"));
    terminal.press("l");
    terminal.shows(&format!("the log of {image}"));
    terminal.wipe();
    terminal.press("r");
    terminal.shows("up to date 1 in");
    assert_eq!(project.id("a"), first);
    terminal.press("f");
    wait_until("it is built anew", || project.id("a") != first);
    terminal.press("q");
    assert_eq!(terminal.ends(), Some(0));
}

#[test]
fn the_terminal_is_given_back_however_f3s_ends_or_sleeps() {
    if is_missing("alpine:3.13") {
        return;
    }
    let project = Project::new();
    let sleep = slow(&project);
    let stopped = |terminal: &Terminal| {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", terminal.pid())).unwrap();
        stat.rsplit(')').next().unwrap().trim_start().starts_with('T')
    };
    let start = || {
        let terminal = Terminal::start(&project, (24, 80), &["watch"]);
        wait_until("the step runs", || runs(&sleep));
        wait_until("the terminal is taken", || terminal.is_taken());
        terminal
    };
    // Ctrl-Z, and back.
    let mut terminal = start();
    terminal.press("\x1a");
    wait_until("f3s sleeps", || stopped(&terminal));
    assert!(!terminal.is_taken());
    send(&terminal, Signal::CONT);
    wait_until("the terminal is taken again", || terminal.is_taken());
    // The window is closed: a clean end.
    send(&terminal, Signal::HUP);
    assert_eq!(terminal.ends(), Some(130));
    wait_until("the step has ended", || !runs(&sleep));
    // Ctrl-\ ends at once; the engine ends the step when nobody waits for it any more.
    let mut terminal = start();
    terminal.press("\x1c");
    assert_eq!(terminal.ends(), Some(131));
    wait_until("the step has ended", || !runs(&sleep));
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

#[test]
fn a_warning_is_said_once_and_the_run_goes_on() {
    let project = Project::new();
    project.recipe("a", "base(\"scratch\");\nwrite(\"/x\", \"x\");\nworkdir(\"/opt/$V\");\n");
    let (file, message) = (format!("scripts/{}.rhai", project.image("a")), "`$V` is a text here");
    let plain = project.f3s(&["run", "--progress", "plain"]).ok();
    assert_eq!(plain.err.matches(message).count(), 1, "{}", plain.err);
    let drawn = plain.err.split_once(&format!("warning: {message}")).unwrap().1;
    assert!(drawn.contains(&format!("\n --> {file}:3:1\n")) && plain.summary() == "built 1", "{}", plain.err);
    assert_eq!(project.config("a")["WorkingDir"], "/opt/$V");
    // Also of an image that is up to date.
    let json = project.f3s(&["run", "--progress", "json"]).ok();
    let events = json.out.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let warned: Vec<_> = events.filter(|event| event["event"] == "warned").collect();
    assert_eq!(warned.len(), 1, "{}", json.out);
    let warning = &warned[0]["diagnostics"][0];
    let place = &warning["origin"]["place"];
    assert_eq!((&warning["severity"], &place["line"]), (&"warning".into(), &3.into()), "{warning}");
    assert!(warning["message"].as_str().unwrap().starts_with(message) && place["file"] == *file, "{warning}");
}

#[test]
fn logs_of_continuous_integration_fold_and_are_annotated() {
    if is_missing("alpine:3.13") {
        return;
    }
    let mut project = Project::new();
    project.recipe("good", "base(\"alpine:3.13\");\nrun(\"echo fine\");\n");
    project.recipe("bad", "base(\"alpine:3.13\");\nrun(\"exit 5\");\n");
    let (good, bad) = (project.image("good"), project.image("bad"));
    let words = ["build", "--keep-going", "--force"];
    project.set("GITHUB_ACTIONS", "true");
    let github = project.f3s(&words);
    let annotation = format!("::error file=scripts/{bad}.rhai,line=2,col=1::");
    let github = github.fails(1, &[&format!("::group::{good}\n"), "::endgroup::\n", &annotation]);
    assert!(!github.err.contains('\x1b'), "{}", github.err);
    project.set("GITHUB_ACTIONS", "");
    project.set("GITLAB_CI", "true");
    let section = format!(":f3s_{good}[collapsed=true]\r\x1b[0K{good}\n");
    project.f3s(&words).fails(1, &["\x1b[0Ksection_start:", &section, "\x1b[0Ksection_end:", "exit code 5"]);
}

#[test]
fn escapes_of_steps_and_checks_reach_nobody_and_output_without_an_end_is_shown() {
    if is_missing("alpine:3.13") {
        return;
    }
    let project = Project::new();
    let coloured = r#"printf '\033]0;title\007\033[31mcoloured\033[0m\a\n'"#;
    let asked = r#"printf '10%%\r20%%\rContinue? '; sleep 2; echo yes"#;
    let check = format!("check(`{coloured}; exit 3`);");
    let recipe = format!("base(\"alpine:3.13\");\nrun(`{coloured}; {asked} # {}`);\n{check}\n", project.prefix);
    project.recipe("a", &recipe);
    let plain = project.f3s(&["build", "--progress", "plain"]).fails(1, &["| coloured\n", "| Continue? \n"]);
    assert!(plain.err.contains("| Continue? yes\n"), "{}", plain.err);
    let json = project.f3s(&["build", "--force", "--progress", "json"]).fails(1, &[]);
    assert!(json.out.contains(r#""event":"step_progress""#), "{}", json.out);
    let log = project.f3s(&["logs", &project.image("a")]).ok().out;
    // The check's output, too, and both in the log.
    assert_eq!(log.matches("coloured\n").count(), 2, "{log}");
    let mut terminal = Terminal::start(&project, (24, 80), &["build", "--force"]);
    assert_eq!(terminal.ends(), Some(1));
    assert!(terminal.frames().iter().flatten().any(|line| line == "  | Continue?"), "{:?}", terminal.frames());
    for text in [plain.err, json.out.replace(r"\u001b", "\x1b").replace(r"\u0007", "\x07"), log] {
        assert!(!text.contains(['\x1b', '\x07']), "{text}");
    }
}

#[test]
fn a_step_is_seen_to_begin_also_behind_output_without_an_end() {
    if is_missing("alpine:3.13") {
        return;
    }
    let project = Project::new();
    let steps = format!("run(\"printf unended\"); run(\"echo next # {}\");", project.prefix);
    project.recipe("a", &format!("base(\"alpine:3.13\");\nlayer(\"both\", || {{ {steps} }});\n"));
    let plain = project.f3s(&["build", "--progress", "plain"]).ok();
    let image = project.image("a");
    let order = [
        format!("{image}  run(\"printf unended\")  "),
        format!("{image}  | unended\n"),
        format!("{image}  run(\"printf unended\")  done"),
        format!("{image}  run(\"echo next"),
        format!("{image}  | next\n"),
    ];
    let places: Vec<_> = order.iter().map(|line| plain.err.find(line.as_str())).collect();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?} {}", plain.err);
}
