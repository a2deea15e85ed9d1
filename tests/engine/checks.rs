//! Checks on real containers.

use crate::lab::{Project, docker, is_missing, variable};

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
