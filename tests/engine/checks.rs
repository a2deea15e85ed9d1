//! Checks on real containers.

use crate::lab::{Project, docker, is_missing, runs, variable, wait_until};

#[test]
fn checks_of_every_kind_pass_and_fail() {
    if is_missing("alpine:3.13") {
        return;
    }
    let project = Project::new();
    let base =
        "base(\"alpine:3.13\");\nrun([\"echo hello >/a\", \"chmod 640 /a\", \"chown 12:34 /a\", \"ln -s a /l\"]);\n";
    // The host's network has a server there, which a command of the build reaches.
    let upstream = variable("F3S_LAB_UPSTREAM");
    let base = format!("{base}run(\"wget -q -O /dev/null {upstream}/\");\n");
    let no_network = format!("check(\"! wget -T 1 -q -O /dev/null {upstream}/ 2>/dev/null\");");
    let good = [
        r#"check("cat /a", #{ stdout: "hello" });"#,
        r#"check("echo x; echo hidden >&2", #{ contains: "hidden" });"#,
        r#"check("exit 3", #{ exit: 3 });"#,
        r#"check("id -un", #{ stdout: "nobody", user: "nobody" });"#,
        no_network.as_str(),
        r#"check_file("/a", #{ contains: "hell", mode: "640", owner: "12:34" });"#,
        r#"check_file("/l", #{ contains: "hello" });"#,
        r#"check_file("/etc");"#,
        r#"check_file("/b", #{ absent: true });"#,
        r#"check_size("< 50MB");"#,
    ];
    project.recipe("a", &format!("{base}{}\n", good.join("\n")));
    assert_eq!(project.f3s(&["build"]).ok().summary(), "built 1");
    for (check, says) in [
        (r#"check("cat /a", #{ stdout: "other" });"#, "it prints `hello`, not `other`"),
        (r#"check("cat /a", #{ contains: "other" });"#, "its output does not contain `other`"),
        (r#"check("exit 3");"#, "exit code 3, not 0"),
        (r#"check_file("/b");"#, "`/b` is not in the image"),
        (r#"check_file("/a", #{ absent: true });"#, "`/a` is in the image"),
        (r#"check_file("/a", #{ mode: "644" });"#, "has the mode 640, not 644"),
        (r#"check_file("/a", #{ owner: "0:0" });"#, "belongs to 12:34, not to 0:0"),
        (r#"check_file("/a", #{ contains: "other" });"#, "does not contain `other`"),
        (r#"check_size("< 1MB");"#, "not < 1MB"),
    ] {
        project.recipe("a", &format!("{base}{check}\n"));
        let at = format!("--> scripts/{}.rhai:4:1", project.image("a"));
        project.f3s(&["build"]).fails(1, &[says, &at]);
    }
    let left = docker(&["ps", "-a", "--filter", "label=f3s.check", "--format", "{{.Image}}"]);
    assert!(!left.contains(&project.prefix), "{left}");
}

#[test]
fn checks_of_files_need_no_shell() {
    let project = Project::new();
    project.recipe("a", "base(\"scratch\");\nwrite(\"/etc/motd\", \"hello\\n\");\ncheck_file(\"/etc/motd\", #{ contains: \"hello\" });\n");
    assert_eq!(project.f3s(&["build"]).ok().summary(), "built 1");
    project.recipe("a", "base(\"scratch\");\nwrite(\"/etc/motd\", \"hello\\n\");\ncheck(\"true\");\n");
    project.f3s(&["build"]).fails(1, &["cannot be run", "`check_file` does not"]);
}

#[test]
fn a_check_that_takes_too_long_or_prints_too_much_is_ended() {
    if is_missing("alpine:3.13") {
        return;
    }
    let project = Project::new();
    let sleep = format!("sleep 93{}", std::process::id());
    let recipe = |checks: &str| project.recipe("a", &format!("base(\"alpine:3.13\");\nrun(\": @\");\n{checks}\n"));
    recipe(&format!(
        "check(\"echo begun; {sleep}\", #{{ timeout: 1 }});\n\
         check(\"yes a long line of output\", #{{ timeout: \"2m\" }});\n\
         check(\"seq 1000000\", #{{ contains: \"1000000\", timeout: \"1h\" }});"
    ));
    let place = |line: u32| format!("--> scripts/{}.rhai:{line}:1", project.image("a"));
    let late = [&place(3), "failed: it still runs after 1s", "begun", "its option `timeout` gives it more time"];
    let ran = project.f3s(&["build"]).fails(1, &late).fails(1, &[&place(4), "failed: it prints more than 10 MB"]);
    assert!(!ran.err.contains(&place(5)), "{}", ran.err);
    assert!(ran.err.len() < 20_000, "the last lines only");
    wait_until("it is ended", || !runs(&sleep));
    let left = docker(&["ps", "-a", "--filter", "label=f3s.check", "--format", "{{.Image}}"]);
    assert!(!left.contains(&project.prefix), "{left}");
    // Another time-out is no other check.
    recipe("check(\"true\");");
    assert_eq!(project.f3s(&["build"]).ok().summary(), "tagged 1");
    recipe("check(\"true\", #{ timeout: 7 });");
    assert_eq!(project.f3s(&["build"]).ok().summary(), "up to date 1");
}

#[test]
fn what_a_killed_f3s_leaves_of_its_checks_goes_with_the_next_run_and_with_prune() {
    if is_missing("alpine:3.13") {
        return;
    }
    let project = Project::new();
    let containers = || {
        let all =
            docker(&["ps", "-a", "--no-trunc", "--filter", "label=f3s.check", "--format", "{{.Names}} {{.Command}}"]);
        let ours = all.lines().filter(|line| line.starts_with("f3s-check-") && line.contains(&project.prefix));
        ours.map(|line| line.split(' ').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let recipe = |check: &str| {
        project.recipe(
            "a",
            &format!("base(\"alpine:3.13\");\nrun(\"true\");\ncheck(\": {}; {check}\");\n", project.prefix),
        );
    };
    let killed = || {
        recipe("sleep 600");
        let mut child = project.start(&["build"]);
        wait_until("the check runs", || !containers().is_empty());
        child.kill().unwrap();
        child.wait().unwrap();
        let left = containers();
        assert_eq!(left.len(), 1, "SIGKILL leaves it");
        left
    };
    killed();
    // A user's container of an image that looks like one of a check.
    let label = "f3s.check.owner=x 1 1";
    let own = docker(&["create", "--label", "f3s.check=1", "--label", label, "alpine:3.13", "true", &project.prefix]);
    recipe("true");
    project.f3s(&["build"]).ok();
    assert_eq!(containers(), [] as [&str; 0], "the next run removes it");
    killed();
    project.recipe("a", "base(\"alpine:3.13\");\nrun(\"echo other\");\n");
    project.f3s(&["prune"]).ok();
    assert_eq!(containers(), [] as [&str; 0]);
    docker(&["rm", &own]);
}
