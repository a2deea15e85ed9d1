//! What lies outside of the project needs the user's word. An engine that nobody answers for tells how far a run came: 3 is a
//! refusal, 4 comes after it.

use std::io::{Read, Write};
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// A project in a folder, and beside it what is not the project's.
struct Case {
    folder: tempfile::TempDir,
}

impl Case {
    fn new(recipe: &str) -> Case {
        let folder = tempfile::tempdir().unwrap();
        let case = Case { folder };
        std::fs::create_dir_all(case.path("project/scripts")).unwrap();
        std::fs::write(case.path("outside"), "a-secret-outside").unwrap();
        std::fs::write(case.path("project/inside"), "a-secret-inside").unwrap();
        case.recipe(recipe);
        case
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().canonicalize().unwrap().join(name)
    }

    /// `@` is the folder.
    fn recipe(&self, recipe: &str) {
        self.write("project/scripts/a.rhai", &format!("base(\"alpine:3.13\");\n{recipe}\n"));
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        std::fs::write(self.path(name), text.replace('@', self.path("").to_str().unwrap().trim_end_matches('/')))
            .unwrap();
    }

    fn variables(&self) -> Vec<(&'static str, String)> {
        let path = |name: &str| self.path(name).to_str().unwrap().to_owned();
        vec![
            ("F3S_CACHE_DIR", path("cache")),
            ("XDG_CONFIG_HOME", path("settings")),
            ("XDG_STATE_HOME", path("state")),
            ("HOME", path("")),
        ]
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_f3s"));
        command.args(words).current_dir(self.path("project")).env_clear().envs(self.variables());
        command.env("DOCKER_HOST", format!("unix://{}", self.path("none.sock").display()));
        command.stdin(Stdio::null());
        command
    }

    #[track_caller]
    fn exits(&self, code: i32, words: &[&str], variables: &[(&str, &str)]) -> String {
        let output: Output = self.command(words).envs(variables.iter().copied()).output().unwrap();
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{words:?}\n{said}");
        said
    }

    #[track_caller]
    fn refuses(&self, words: &[&str]) {
        for command in ["run", "build", "watch"] {
            let said = self.exits(3, &[command], &[]);
            for word in words {
                assert!(said.contains(word), "`{word}` is not in\n{said}");
            }
        }
    }

    /// Each of the ways to give it works.
    #[track_caller]
    fn allows(&self, what: &str) {
        self.exits(4, &["--allow", what, "build"], &[]);
        self.exits(4, &["build", "--allow", "engine", "--allow", what], &[]);
        self.exits(4, &["build"], &[("F3S_ALLOW", &format!("engine, {what}"))]);
        let settings = "settings/f3s/settings.toml";
        self.write(settings, &format!("allow = [\"{what}\"]\n"));
        self.exits(4, &["build"], &[]);
        self.write(settings, &format!("[projects.\"@/project\"]\nallow = [\"{what}\"]\n"));
        self.exits(4, &["build"], &[]);
        self.write(settings, &format!("[projects.\"@\"]\nallow = [\"{what}\"]\n"));
        self.exits(3, &["build"], &[]);
        std::fs::remove_file(self.path(settings)).unwrap();
        self.exits(3, &["build"], &[("F3S_ALLOW", "")]);
    }
}

const READS: &str = "run(\"true\", #{ secrets: secret(\"x\", #{ file: \"@/outside\" }) });";

#[test]
fn a_secret_from_outside_needs_consent_and_one_from_inside_does_not() {
    let case = Case::new(READS);
    let outside = case.path("outside");
    let allowance = format!("read={}", outside.display());
    case.refuses(&["which lies outside of the project", "--> scripts/a.rhai:2:1", &format!("`--allow {allowance}`")]);
    case.allows(&allowance);
    // A folder means all below it, and a link where it leads.
    case.exits(4, &["build", "--allow", &format!("read={}", case.path("").display())], &[]);
    case.exits(3, &["build", "--allow", "read=/etc"], &[]);
    case.exits(3, &["build", "--allow", "ssh", "--allow", "network.host", "--allow", "engine"], &[]);
    std::os::unix::fs::symlink("../outside", case.path("project/link")).unwrap();
    for written in ["../outside", "link", "~/outside"] {
        case.recipe(&format!("run(\"true\", #{{ secrets: secret(\"x\", #{{ file: \"{written}\" }}) }});"));
        case.refuses(&["which lies outside of the project"]);
        case.exits(4, &["build", "--allow", &allowance], &[]);
    }
    case.recipe("run(\"true\", #{ secrets: secret(\"x\", #{ file: \"inside\" }) });");
    case.exits(4, &["build"], &[]);
    // Variables are named by the recipe, and listed by `plan -v`.
    case.recipe("run(\"true\", #{ secrets: secret(\"x\") });");
    case.exits(4, &["build"], &[]);
}

#[test]
fn the_ssh_agent_and_the_hosts_network_need_consent() {
    let case = Case::new("run(\"true\", #{ ssh: ssh() });");
    case.refuses(&["gets your ssh agent", "--> scripts/a.rhai:2:1", "`--allow ssh`"]);
    case.allows("ssh");
    case.recipe("run(\"true\", #{ network: \"host\" });");
    case.write("project/f3s.toml", "network = \"none\"\n");
    case.refuses(&["in the network of the engine's host", "--> scripts/a.rhai:2:1", "`--allow network.host`"]);
    case.allows("network.host");
    // All that is wanted is said at once, also of stages.
    case.recipe("let s = stage(\"s\", || { base(\"alpine:3.13\"); run(\"true\", #{ ssh: true }); });\nrun(\"true\", #{ network: \"host\" });");
    case.refuses(&["--> scripts/a.rhai:2:", "--> scripts/a.rhai:3:1"]);
    case.exits(3, &["build", "--allow", "ssh"], &[]);
    case.exits(4, &["build", "--allow", "ssh", "--allow", "network.host"], &[]);
}

#[test]
fn what_the_projects_settings_want_needs_consent_and_what_the_users_own_say_does_not() {
    let case = Case::new("run(\"true\");");
    case.write("project/f3s.toml", "jobs = 2\nnetwork = \"host\"\n");
    case.refuses(&["runs its steps in the network of the engine's host", "--> f3s.toml:2:11", "--allow network.host"]);
    case.allows("network.host");
    // A file that the user names is his word.
    let named = case.path("project/f3s.toml");
    case.exits(4, &["build"], &[("F3S_CONFIG", named.to_str().unwrap())]);
    case.recipe("run(\"true\", #{ network: \"host\" });");
    case.exits(4, &["build"], &[("F3S_CONFIG", named.to_str().unwrap())]);
    case.recipe("run(\"true\");");
    for network in ["none", "default"] {
        case.write("project/f3s.toml", &format!("network = \"{network}\"\n"));
        case.exits(4, &["build"], &[]);
    }
}

#[test]
fn an_engine_that_only_the_project_names_is_not_talked_to() {
    let case = Case::new("run(\"true\");");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = format!("tcp://{}", listener.local_addr().unwrap());
    case.write("project/f3s.toml", &format!("[engine]\nhost = \"{address}\"\n"));
    let none = [("DOCKER_HOST", "")];
    for words in [&["run"][..], &["build"], &["watch"], &["plan"], &["doctor"], &["prune"], &["prune", "--all"]] {
        let said = case.exits(3, words, &none);
        for word in ["names the engine `tcp://127.0.0.1:", "--> f3s.toml:2:8", "`--allow engine`", "`--host`"] {
            assert!(said.contains(word), "`{word}` is not in\n{said}");
        }
        assert!(listener.accept().is_err(), "{words:?} connected");
    }
    for words in [&["check"][..], &["list"], &["plan", "--offline"], &["dockerfile", "a"], &["graph"]] {
        case.exits(0, words, &none);
    }
    // The user's own word goes before the project's.
    let own = format!("unix://{}", case.path("none.sock").display());
    case.exits(4, &["build", "--host", &own], &none);
    case.exits(4, &["build"], &[]);
    assert!(listener.accept().is_err());
    drop(listener);
    case.exits(4, &["build", "--allow", "engine"], &none);
}

#[test]
fn mistakes_in_what_is_allowed_are_said() {
    let case = Case::new(READS);
    case.exits(2, &["build", "--allow", "everything"], &[]);
    let said = case.exits(2, &["build"], &[("F3S_ALLOW", "ssh,everything")]);
    assert!(said.contains("`everything` cannot be allowed") && said.contains("F3S_ALLOW"), "{said}");
    case.write("settings/f3s/settings.toml", "allow = [\"ssh\"]\nalow = []\n");
    let said = case.exits(3, &["build"], &[]);
    assert!(said.contains("settings.toml:2:1") && said.contains("alow"), "{said}");
    // Settings that others can write are nobody's word.
    case.write("settings/f3s/settings.toml", "allow = [\"read=/\"]\n");
    case.exits(4, &["build"], &[]);
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    std::fs::set_permissions(case.path("settings/f3s"), mode).unwrap();
    assert!(case.exits(3, &["build"], &[]).contains("others can write into"));
}

#[test]
fn logins_of_settings_are_whole_and_nobody_else_reads_their_passwords() {
    let case = Case::new(READS);
    let said = |text: &str, mode: u32| {
        case.write("settings/f3s/settings.toml", &format!("allow = [\"read=/\"]\n{text}\n"));
        let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
        std::fs::set_permissions(case.path("settings/f3s/settings.toml"), mode).unwrap();
        let said = case.exits(3, &["build"], &[]);
        assert!(!said.contains("geheim") && !said.contains("4321"), "{said}");
        said
    };
    let login = |text: &str| format!("[logins.\"h.example\"]\n{text}");
    assert!(said(&login("user = \"me\"\npassword = \"geheim\""), 0o644).contains("others can read"));
    for wrong in [
        &login("user = \"me\"")[..],
        &login("user = \"me\"\npassword = \"geheim\"\ncommand = [\"true\"]"),
        &login("user = \"me\"\npassword = 4321"),
        &login("user = \"me\"\npasword = \"geheim\""),
        &login("user = \"me\"\npassword = [\"geheim\"]"),
        &login("user.name = \"geheim\""),
        "[logins]\n\"i.example\" = \"geheim\"",
    ] {
        let said = said(wrong, 0o600);
        assert!(said.contains("either `password` or `command`") && said.contains("settings.toml:"), "{said}");
    }
    let right = "allow = [\"read=/\"]\n[logins.\"h.example:8443\"]\nuser = \"me\"\ncommand = [\"true\"]\n";
    case.write("settings/f3s/settings.toml", right);
    case.exits(4, &["build"], &[]);
}

#[test]
fn plan_lists_what_is_wanted_and_nothing_but_a_build_reads_a_secret() {
    // Whoever opens it waits for ever.
    let recipe = "run(\"true\", #{ ssh: ssh(), network: \"host\", secrets: [secret(\"x\", #{ file: \"@/pipe\" }), secret(\"token\")] });\nlabel(\"c\", env_var(\"COMMIT\", \"none\"));";
    let case = Case::new(recipe);
    let pipe = case.path("pipe");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    case.write("project/f3s.toml", "[engine]\nhost = \"tcp://127.0.0.1:1\"\n");
    let none = [("DOCKER_HOST", "")];
    for words in [&["check"][..], &["list"], &["plan", "--offline"], &["dockerfile", "a"], &["graph"]] {
        let said = case.exits(0, words, &none);
        assert!(!said.contains("wants of"), "{said}");
    }
    let said = case.exits(0, &["plan", "--offline", "-v"], &none);
    let path = pipe.display();
    for line in [
        "wants of this machine:\n".to_owned(),
        "the engine `tcp://127.0.0.1:1`, which gets files and logins (f3s.toml:2, not allowed)\n".to_owned(),
        "the network of the engine's host, for a command of `a` (scripts/a.rhai:2, not allowed)\n".to_owned(),
        "the ssh agent, for a command of `a` (scripts/a.rhai:2, not allowed)\n".to_owned(),
        format!("the file `{path}`, as the secret `x` of `a` (scripts/a.rhai:2, not allowed)\n"),
        "the variable TOKEN, as the secret `token` of `a` (scripts/a.rhai:2)\n".to_owned(),
        "the variable COMMIT, as `env_var` of `a` (scripts/a.rhai:1)\n".to_owned(),
    ] {
        assert!(said.contains(&line), "`{line}` is not in\n{said}");
    }
    let said = case.exits(0, &["plan", "--offline", "-v", "--allow", "ssh"], &none);
    assert!(said.contains("the ssh agent, for a command of `a` (scripts/a.rhai:2)\n"), "{said}");
    let json = case.exits(0, &["plan", "--offline", "--format", "json", "-v"], &none);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let wants = json["wants"].as_array().unwrap();
    let read = wants.iter().find(|want| want["allow"] == format!("read={path}").as_str()).unwrap();
    assert_eq!((&read["file"], &read["line"], &read["allowed"]), (&"scripts/a.rhai".into(), &2.into(), &false.into()));
}

/// Runs a command in a terminal, answers its question, and returns what stands there in the end, with the exit code.
fn answered(case: &Case, words: &[&str], answer: &str) -> (String, Option<i32>) {
    answered_after(case, words, "", answer)
}

/// `early` is typed before the command begins.
fn answered_after(case: &Case, words: &[&str], early: &str, answer: &str) -> (String, Option<i32>) {
    let (pty, pts) = pty_process::blocking::open().unwrap();
    (&pty).write_all(early.as_bytes()).unwrap();
    pty.resize(pty_process::Size::new(50, 250)).unwrap();
    let mut command = pty_process::blocking::Command::new(env!("CARGO_BIN_EXE_f3s"))
        .args(words)
        .current_dir(case.path("project"))
        .env_clear()
        .env("DOCKER_HOST", format!("unix://{}", case.path("none.sock").display()))
        .env("TERM", "dumb");
    for (name, value) in case.variables() {
        command = command.env(name, value);
    }
    let mut child = command.spawn(pts).unwrap();
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
    let (mut seen, mut asked, start) = (String::new(), false, Instant::now());
    let code = loop {
        if let Ok(bytes) = receiver.recv_timeout(Duration::from_millis(20)) {
            seen.push_str(&String::from_utf8_lossy(&bytes));
        }
        if !asked && seen.contains("[y/N]") {
            asked = true;
            (&*pty).write_all(answer.as_bytes()).unwrap();
        }
        if let Some(status) = child.try_wait().unwrap() {
            break status.code();
        }
        assert!(start.elapsed() < Duration::from_secs(60), "{seen}");
    };
    while let Ok(bytes) = receiver.recv_timeout(Duration::from_millis(50)) {
        seen.push_str(&String::from_utf8_lossy(&bytes));
    }
    (seen, code)
}

#[test]
fn an_answer_on_a_terminal_is_remembered_for_this_project_and_this_request() {
    let case = Case::new(READS);
    let (seen, code) = answered(&case, &["build"], "\n");
    assert!(seen.contains("this project wants of your machine:"), "{seen}");
    assert!(seen.contains("outside`, as the secret `x` of `a` (scripts/a.rhai:2)"), "{seen}");
    assert!(seen.contains("`--allow read=") && code == Some(3), "{code:?}: {seen}");
    // A no is not kept, a yes is, also where there is no terminal.
    let (seen, code) = answered(&case, &["build"], "y\n");
    assert!(seen.contains("[y/N]") && code == Some(4), "{code:?}: {seen}");
    let (seen, code) = answered(&case, &["build"], "");
    assert!(!seen.contains("[y/N]") && code == Some(4), "{code:?}: {seen}");
    case.exits(4, &["build"], &[]);
    // What does not concern the request is free to change.
    case.recipe(&format!("run(\"echo another step\");\n{READS}"));
    case.exits(4, &["build"], &[]);
    // Another command with the secret is another request, and so is another file.
    case.recipe(&READS.replace("true", "cat /run/secrets/x"));
    case.exits(3, &["build"], &[]);
    let (seen, code) = answered(&case, &["build"], "y\n");
    assert!(seen.contains("[y/N]") && code == Some(4), "{code:?}: {seen}");
    case.recipe(&READS.replace("outside", "settings"));
    case.exits(3, &["build"], &[]);
    // Another project has not been asked.
    case.recipe(READS);
    case.exits(4, &["build"], &[]);
    std::fs::rename(case.path("project"), case.path("other")).unwrap();
    std::fs::create_dir(case.path("project")).unwrap();
    let output = case.command(&["build", "-C", case.path("other").to_str().unwrap()]).output().unwrap();
    assert_eq!(output.status.code(), Some(3));
}

#[test]
fn what_was_typed_before_the_question_is_no_answer() {
    let case = Case::new(READS);
    let (seen, code) = answered_after(&case, &["build"], "y\ny\n", "n\n");
    assert!(seen.contains("[y/N]") && code == Some(3), "{code:?}: {seen}");
}

#[test]
fn a_question_shows_what_could_move_the_cursor() {
    let case = Case::new("run(\"true\", #{ secrets: secret(\"x\", #{ file: \"/nowhere/\\x1b[2Jharmless\" }) });");
    let (seen, code) = answered(&case, &["build"], "n\n");
    assert!(seen.contains("\u{241b}[2Jharmless") && !seen.contains("\x1b[2J") && code == Some(3), "{seen:?}");
}
