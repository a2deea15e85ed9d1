//! Files of a layer of several steps: what is refused, what archives keep, and that many of them cost little.

use crate::lab::{Project, is_missing};

/// A recipe in which this step shares a layer with a command, behind a command that prepares the image.
fn layered(before: &str, step: &str) -> String {
    format!("base(\"alpine:3.13\");\nrun(\"{before}\");\nlayer(\"l\", || {{\n    {step}\n    run(\"true\");\n}});\n")
}

#[test]
fn what_copy_refuses_is_refused_in_a_layer_at_the_line_of_the_step() {
    if is_missing("alpine:3.13") {
        return;
    }
    let project = Project::new();
    project.file("scripts/tree/sub/file", "x");
    project.file("scripts/file", "x");
    for (before, step, message) in [
        ("mkdir -p /t/file", "copy(\"file\", \"/t/\");", "cannot take the place of the folder `/t/file`"),
        ("mkdir -p /t/sub/file", "copy(\"tree\", \"/t\");", "cannot take the place of the folder `/t/sub/file`"),
        ("mkdir /t; touch /t/sub", "copy(\"tree\", \"/t\");", "cannot take the place of `/t/sub`"),
        ("mkdir /t; ln -s / /t/sub", "copy(\"tree\", \"/t\");", "cannot take the place of `/t/sub`"),
        ("touch /t", "copy(\"tree\", \"/t\");", "/t"),
        ("ln -s t /t", "copy(\"file\", \"/t\");", "leads in a circle"),
        (
            "true",
            "copy(\"file\", \"/t\", #{ chown: \"nobody-at-all\" });",
            "there is no `nobody-at-all` in /etc/passwd",
        ),
        ("true", "write(\"/etc/hosts\", \"x\");", "`/etc/hosts` is mounted while commands run"),
        ("true", "copy(\"tree\", \"/dev/x\");", "`/dev` is mounted while commands run"),
        ("true", "run(\"true\", #{ cache: \"/c\" }); write(\"/c/x\", \"x\");", "`/c` is mounted while commands run"),
    ] {
        project.recipe("a", &layered(before, step));
        project.f3s(&["build"]).fails(
            1,
            &[
                message,
                &format!(".rhai:4:{}", step.rfind("write").filter(|_| step.starts_with("run")).unwrap_or(0) + 5),
            ],
        );
    }
}

#[test]
fn a_folder_that_is_there_stays_as_it_is_before_a_cleanup() {
    if is_missing("alpine:3.13") {
        return;
    }
    let project = Project::new();
    project.file("scripts/files/a", "a\n");
    project.recipe(
        "a",
        r#"
base("alpine:3.13");
run("mkdir -m 770 /data; chown nobody:nobody /data; touch /real; ln -s real /link; umask 077");
copy("files", "/tmp");
cleanup("true");
copy("files", "/data/", #{ chown: "nobody" });
cleanup("true");
copy("files/a", "/link");
cleanup("true");
copy("files", "/app/x/y", #{ chown: "nobody" });
cleanup("umask 077 # only a comment behind");
"#,
    );
    project.f3s(&["build"]).ok();
    let found = project
        .sh("a", "stat -c '%n %a %U:%G' /tmp /tmp/a /data /data/a /app /app/x/y /app/x/y/a; cat /real; readlink /link");
    let expected = "/tmp 1777 root:root\n/tmp/a 644 root:root\n/data 770 nobody:nobody\n/data/a 644 nobody:nobody\n\
                    /app 755 nobody:nobody\n/app/x/y 755 nobody:nobody\n/app/x/y/a 644 nobody:nobody\na\nreal";
    assert_eq!(found, expected);
}

#[test]
fn thousands_of_files_join_a_layer() {
    if is_missing("alpine:3.13") {
        return;
    }
    let project = Project::new();
    (0..3000).for_each(|number| project.file(&format!("scripts/many/{number}"), "x"));
    project.recipe(
        "a",
        &layered(
            "adduser -D bob; mkdir -p /there; echo old >/there/77; chown 7:8 /there; chmod 1770 /there",
            "copy(\"many\", \"/there/\", #{ chown: \"bob\" });",
        ),
    );
    project.f3s(&["build"]).ok();
    let found =
        project.sh("a", "find /there -type f -user bob | wc -l; cat /there/77; echo; stat -c '%a %u:%g' /there");
    assert_eq!(found, "3000\nx\n1770 7:8");
}

#[test]
fn hard_links_among_many_files_stay_links() {
    if is_missing("alpine:3.13") {
        return;
    }
    let project = Project::new();
    let (steps, list) = (
        "copy(\"/few\", \"/f/\", #{ from: s }); copy(\"/many\", \"/m/\", #{ from: s }); \
         copy(\"/many\", \"/n/\", #{ from: s, chown: \"nobody\" });",
        "for d in f m n; do cd /$d; stat -c '%n %h %U' a .a ..a sub/a z; ls -A | wc -l; done",
    );
    // The links stand before, between and behind the others.
    let make = "mkdir -p /few/sub /many/sub; for d in few many; do cd /$d; touch a; for l in .a ..a sub/a z; do ln a $l; \
                done; done; for i in $(seq 1300); do echo >/many/f$i; done";
    let script = |steps: &str| {
        let base = "base(\"alpine:3.13\");\n";
        format!("let s = stage(\"s\", || {{ {base} run(\"{make}\"); }});\n{base}{steps}\n")
    };
    project.recipe("plain", &script(steps));
    project.recipe("layer", &script(&format!("layer(\"l\", || {{ {steps} run(\"true\"); }});")));
    project.f3s(&["build"]).ok();
    let expected = project.sh("plain", list);
    assert!(expected.contains("sub/a 5 nobody") && expected.contains("\n1305"), "{expected}");
    assert_eq!(project.sh("layer", list), expected);
}
