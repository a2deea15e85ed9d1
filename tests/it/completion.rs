//! Completion, asked as shells ask, and in shells that are really there.

use std::io::{Read, Write};
use std::path::Path;
use std::process::Command;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::skipped::skipped;

/// A project with a recipe that has parameters and, beside it, one that is wrong.
fn project() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("scripts")).unwrap();
    let java = "\
        let jdk = param(\"jdk\", one_of([\"8\", \"11\"]), \"JDK\");\n\
        let slim = param(\"slim\", true, \"without sources\");\n\
        base(\"alpine:3.13\");\n\
        env(\"JDK\", jdk);\n\
        if slim { env(\"SLIM\", \"1\"); }\n";
    std::fs::write(folder.path().join("scripts/java.rhai"), java).unwrap();
    std::fs::write(folder.path().join("scripts/wrong.rhai"), "base(\n").unwrap();
    folder
}

fn complete(folder: &Path, words: &[&str]) -> Vec<String> {
    let output = Command::new(env!("CARGO_BIN_EXE_f3s"))
        .args([&["--", "f3s"], words].concat())
        .current_dir(folder)
        .env("COMPLETE", "bash")
        .env("_CLAP_COMPLETE_INDEX", words.len().to_string())
        .env("_CLAP_IFS", "\n")
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}

#[test]
fn it_knows_recipes_parameters_and_their_values() {
    let project = project();
    let complete = |words: &[&str]| complete(project.path(), words);
    assert_eq!(complete(&["run", "ja"]), ["java"]);
    assert_eq!(complete(&["run", "--set", "j"]), ["jdk="]);
    assert_eq!(complete(&["run", "--set", "java.jdk="]), ["java.jdk=11", "java.jdk=8"]);
    assert_eq!(complete(&["run", "--set", "slim="]), ["slim=false", "slim=true"]);
    assert_eq!(complete(&["run", "--allow", "n"]), ["network.host"]);
    assert_eq!(complete(&["run", "--allow", "read=scr"]), ["read=scripts/"]);
}

#[test]
fn it_knows_paths_of_recipes_and_functions() {
    let project = project();
    let complete = |words: &[&str]| complete(project.path(), words);
    assert_eq!(complete(&["run", "scr"]), ["scripts/"]);
    assert_eq!(complete(&["run", "scripts/j"]), ["scripts/java.rhai"]);
    let functions = complete(&["doc", "ap"]);
    assert!(functions.contains(&"apk".to_owned()) && functions.iter().all(|name| name.starts_with("ap")));
}

#[test]
fn it_works_in_the_folder_that_the_line_names() {
    let (project, elsewhere) = (project(), tempfile::tempdir().unwrap());
    let folder = project.path().to_str().unwrap();
    let complete = |words: &[&str]| complete(elsewhere.path(), words);
    assert_eq!(complete(&["run", "ja"]), [] as [&str; 0]);
    assert_eq!(complete(&["-C", folder, "run", "ja"]), ["java"]);
    assert_eq!(complete(&[&format!("--directory={folder}"), "run", "--set", "jd"]), ["jdk="]);
    assert_eq!(complete(&["run", "-C", folder, "scripts/j"]), ["scripts/java.rhai"]);
}

/// Types lines into an interactive shell and returns all that stands on its terminal, once it shows `until`.
fn typed(mut shell: pty_process::blocking::Command, lines: &[&str], until: &str) -> String {
    let (pty, pts) = pty_process::blocking::open().unwrap();
    pty.resize(pty_process::Size::new(50, 200)).unwrap();
    let bin = Path::new(env!("CARGO_BIN_EXE_f3s")).parent().unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    shell = shell.env("PATH", path).env("TERM", "dumb").env("INPUTRC", "/dev/null").env("PS1", "$ ");
    let mut child = shell.spawn(pts).unwrap();
    let pty = std::sync::Arc::new(pty);
    let (sender, receiver) = mpsc::channel();
    let reader = pty.clone();
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(read @ 1..) = (&*reader).read(&mut buffer) {
            if sender.send(buffer[..read].to_vec()).is_err() {
                break;
            }
        }
    });
    for line in lines {
        (&*pty).write_all(line.as_bytes()).unwrap();
    }
    let (mut seen, start) = (String::new(), Instant::now());
    while !seen.contains(until) && start.elapsed() < Duration::from_secs(30) {
        if let Ok(bytes) = receiver.recv_timeout(Duration::from_millis(100)) {
            seen.push_str(&String::from_utf8_lossy(&bytes));
        }
    }
    let _ = child.kill();
    let _ = child.wait();
    seen
}

/// A command that completes as f3s does, and shows what it was given.
const SHOW: &str = "show() { printf '<%s>' \"$@\"; echo; }; complete -o nosort -F _f3s_complete show\n";

#[test]
fn bash_completes_values_behind_the_sign_where_it_breaks_words() {
    if Command::new("bash").arg("--version").output().is_err() {
        skipped("bash_completes_values", "there is no bash");
        return;
    }
    let project = project();
    let start = "source <(COMPLETE=bash f3s)\n";
    let given = |line: &str, expected: &str| {
        let bash = pty_process::blocking::Command::new("bash").args(["--norc", "--noprofile", "-i"]);
        let seen = typed(bash.current_dir(project.path()), &[start, SHOW, line], expected);
        assert!(seen.contains(expected), "{line:?} gives\n{seen}");
    };
    given("show build --set java.jdk=1\t end\n", "<build><--set><java.jdk=11><end>");
    given("show build --set jdk=1\tend\n", "<build><--set><jdk=11><end>");
    given("show build --set=jdk=1\tend\n", "<build><--set=jdk=11><end>");
    given("show build --set 'jdk=1\tend\n", "<build><--set><jdk=11><end>");
    // All values, and no blank behind `=`.
    given("show build --set jdk=\t\t", "11  8");
    given("show build --set jd\t1\tend\n", "<build><--set><jdk=11><end>");
    // Another word with a break in it does not confuse what follows.
    given("show --registry localhost:5000/x build scripts/ja\tend\n", "<build><scripts/java.rhai><end>");
    // Some take the sign out of the breaks.
    given("COMP_WORDBREAKS=${COMP_WORDBREAKS//=/}\nshow build --set jdk=1\tend\n", "<build><--set><jdk=11><end>");
}
