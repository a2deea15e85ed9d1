//! Every kind of step, on a real engine, seen in the image that it makes.

use crate::lab::{Project, is_missing};

#[test]
fn files_come_from_the_project_from_stages_and_from_images() {
    if is_missing("alpine:3.13") {
        return;
    }
    let project = Project::new();
    project.file("scripts/conf/a.conf", "a\n");
    project.file("scripts/conf/sub/b.conf", "b\n");
    project.file("scripts/conf/secret.key", "s\n");
    project.file("scripts/conf/ignored.log", "i\n");
    project.file(".dockerignore", "**/*.log\n");
    project.file("scripts/with space.txt", "space\n");
    project.recipe(
        "a",
        r#"
let build = stage("build", || {
    base("alpine:3.13");
    run("mkdir /out; echo built >/out/program");
});
base("alpine:3.13");
copy("conf", "/conf", #{ exclude: "*.key" });
copy("conf/a.conf", "/etc/app/", #{ chmod: "600", chown: "12:34" });
copy("with space.txt", "/with space.txt");
copy("/out/program", "/bin/program", #{ from: build, chmod: "755" });
copy("/etc/os-release", "/os-release", #{ from: "alpine:3.12" });
write("/etc/motd", "it's $HOME\n", #{ chmod: "640" });
copy(".", "/all");
"#,
    );
    project.f3s(&["build"]).ok();
    let list = project.sh("a", "cd /conf && find . -type f | sort");
    assert_eq!(list, "./a.conf\n./sub/b.conf");
    assert_eq!(
        project.sh("a", "stat -c '%a %u:%g' /etc/app/a.conf /bin/program /etc/motd"),
        "600 12:34\n755 0:0\n640 0:0"
    );
    assert_eq!(project.sh("a", "cat '/with space.txt' /bin/program /etc/motd"), "space\nbuilt\nit's $HOME");
    assert!(project.sh("a", "cat /os-release").contains("3.12"));
    // The whole folder brings nothing that other steps brought.
    assert_eq!(project.sh("a", "find /all -name .f3s"), "");
    assert_eq!(project.sh("a", "ls /all/conf"), "a.conf\nsecret.key\nsub");
}

#[test]
fn a_layer_is_one_layer_and_its_files_leave_no_trace() {
    if is_missing("alpine:3.13") {
        return;
    }
    let project = Project::new();
    project.file("scripts/data/x", "x\n");
    project.recipe(
        "a",
        r#"
base("alpine:3.13");
layer("one", || {
    write("/opt/text", "text\n", #{ chmod: "600" });
    copy("data", "/opt/data");
    env("WORD", "from the middle");
    run("echo $WORD >/opt/word; cd /tmp; : @");
    run("pwd >/opt/where; echo big >/opt/big");
    copy("/etc/os-release", "/opt/release", #{ from: "alpine:3.12" });
});
cleanup("rm /opt/big");
"#,
    );
    let ran = project.f3s(&["build"]).ok();
    assert!(ran.err.contains("cleanup(\"rm /opt/big\")"), "{}", ran.err);
    let layers = project.layers("a");
    assert_eq!(layers.len(), 2);
    let made = &layers[1];
    assert!(made.contains(&"opt/text".to_owned()) && made.contains(&"opt/data/x".to_owned()), "{made:?}");
    for trace in ["f3s", "opt/big", "dev/"] {
        assert!(!made.iter().any(|path| path.contains(trace)), "{made:?}");
    }
    assert_eq!(project.sh("a", "cat /opt/word /opt/where; stat -c %a /opt/text"), "from the middle\n/\n600");
    assert_eq!(project.config("a")["Env"][1], "WORD=from the middle");
}

#[test]
fn a_folder_of_thousands_of_files_arrives() {
    if is_missing("alpine:3.13") {
        return;
    }
    let project = Project::new();
    (0..8000).for_each(|number| project.file(&format!("scripts/many/{}/{number}", number % 50), "x"));
    let count = "check(\"find /many -type f | wc -l\", #{ stdout: \"8000\" });\n";
    project.recipe("a", &format!("base(\"alpine:3.13\");\ncopy(\"many\", \"/many\");\n{count}"));
    let layer = "layer(\"l\", || { copy(\"many\", \"/many\"); run(\"true\"); });\n";
    project.recipe("b", &format!("base(\"alpine:3.13\");\n{layer}{count}"));
    assert_eq!(project.f3s(&["build"]).ok().summary(), "built 2");
}

#[test]
fn names_with_unusual_characters_arrive_as_they_are() {
    if is_missing("alpine:3.13") {
        return;
    }
    let project = Project::new();
    let odd = "it's \"a\" $HOME file";
    project.file(&format!("scripts/{odd}"), "content");
    project.file(&format!("scripts/tree/{odd}"), "content");
    project.file("scripts/a space", "content");
    let quoted = odd.replace('"', "\\\"");
    project.recipe(
        "a",
        &format!(
            "base(\"alpine:3.13\");\ncopy(\"{quoted}\", \"/copied/\");\ncopy(\"tree\", \"/to {quoted}\");\n\
             layer(\"l\", || {{ copy(\"a space\", \"/joined/\"); run(\"true\"); }});\n\
             write(\"/written/{quoted}\", \"text\");\nworkdir(\"/there/{quoted}\");\nauthor(\"O'Brien $HOME\");\n\
             label(\"odd\", \"{quoted}\");\nenv(\"ODD\", \"{quoted}\");\nadd_to_path(\"/opt/$x/bin\");\n"
        ),
    );
    project.f3s(&["build"]).ok();
    let found = project.sh("a", "find /copied /to* /written /joined -type f; pwd; echo \"$ODD\"; echo \"$PATH\"");
    let path = "/opt/$x/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    let expected =
        format!("/copied/{odd}\n/to {odd}/{odd}\n/written/{odd}\n/joined/a space\n/there/{odd}\n{odd}\n{path}");
    assert_eq!(found, expected);
    assert_eq!(project.config("a")["Labels"]["odd"], odd);
    let image = format!("{}:latest", project.image("a"));
    assert_eq!(project.docker(&["image", "inspect", "--format", "{{.Author}}", &image]), "O'Brien $HOME");
}

#[test]
fn what_the_base_says_of_itself_is_not_said_of_the_image() {
    if is_missing("alpine:3.13") {
        return;
    }
    let project = Project::new();
    project
        .recipe("base", "//! The base.\nbase(\"alpine:3.13\");\nlabel(\"org.opencontainers.image.source\", \"x\");\n");
    project.recipe(
        "child",
        "stage(\"s\", || {\n    base(\"alpine:3.13\");\n    label(\"org.opencontainers.image.title\", \"stage\");\n});\nbase(\"@base\");\n",
    );
    project.f3s(&["build"]).ok();
    let label = |name: &str, key: &str| {
        project.config(name)["Labels"][format!("org.opencontainers.image.{key}")].as_str().unwrap_or("none").to_owned()
    };
    assert_eq!(label("base", "description"), "The base.");
    // Where the sources are is not known here: what the base says of its own is left.
    assert_eq!((label("child", "description"), label("child", "source")), (String::new(), "x".to_owned()));
    assert_eq!(label("child", "base.name"), format!("{}:latest", project.image("base")));
    assert_eq!((label("child", "base.digest"), label("child", "title")), (String::new(), project.image("child")));
}

#[test]
fn commands_mean_what_they_say() {
    if is_missing("alpine:3.13") {
        return;
    }
    let project = Project::new();
    project.recipe(
        "a",
        r#"
base("alpine:3.13");
user("root");
run("cat >/script <<'END'\nline # no comment\nEND\necho second >>/script");
run(["echo one >/list # a comment", "echo two >>/list"]);
run("id -un >/tmp/who; pwd >/tmp/where; echo $WORD >/tmp/word", #{ user: "nobody", workdir: "/tmp", env: #{ WORD: "it's" } });
run("test ! -e /cache/x; touch /cache/x /tmpfs/x", #{ mounts: [#{ type: "tmpfs", target: "/cache" }, #{ type: "tmpfs", target: "/tmpfs" }] });
run("echo $0 | grep -q sh; id -un >/after");
"#,
    );
    project.f3s(&["build"]).ok();
    assert_eq!(project.sh("a", "cat /script"), "line # no comment\nsecond");
    assert_eq!(project.sh("a", "cat /list /tmp/who /tmp/where /tmp/word /after"), "one\ntwo\nnobody\n/tmp\nit's\nroot");
    // A failure in the middle of a pipe is one.
    project.recipe("a", "base(\"alpine:3.13\");\nrun(\"false | true\");\n");
    project.f3s(&["build"]).fails(1, &["exit code 1"]);
    project.recipe("a", "base(\"alpine:3.13\");\nrun(\"echo $UNSET\");\n");
    project.f3s(&["build"]).fails(1, &["UNSET"]);
}

#[test]
fn configuration_is_what_the_recipe_says_with_labels_of_its_own() {
    let project = Project::new();
    project.recipe(
        "a",
        r#"
//! A description.
base("scratch");
author("somebody");
env(#{ A: "1 \"2\" $3", B: "C:\\x" });
label("vendor", "us");
label("org.opencontainers.image.title", "mine");
workdir("/app");
user("12:34");
expose(80, "53/udp");
volume(["/data"]);
entrypoint(["/app/run", "--it"]);
cmd("echo $HOME");
stop_signal("SIGQUIT");
healthcheck("true", #{ interval: 30, retries: 2 });
write("/app/run", "x");
"#
        .trim_start(),
    );
    project.f3s(&["build"]).ok();
    let config = project.config("a");
    let env = config["Env"].as_array().unwrap();
    assert!(env.contains(&"A=1 \"2\" $3".into()) && env.contains(&"B=C:\\x".into()), "{env:?}");
    assert_eq!((&config["WorkingDir"], &config["User"]), (&"/app".into(), &"12:34".into()));
    assert_eq!(config["ExposedPorts"], serde_json::json!({ "80/tcp": {}, "53/udp": {} }));
    assert_eq!(config["Volumes"], serde_json::json!({ "/data": {} }));
    assert_eq!(config["Entrypoint"], serde_json::json!(["/app/run", "--it"]));
    assert_eq!(config["Cmd"], serde_json::json!(["/bin/sh", "-c", "echo $HOME"]));
    assert_eq!(config["StopSignal"], "SIGQUIT");
    assert_eq!(config["Healthcheck"]["Interval"], 30_000_000_000u64);
    let labels = &config["Labels"];
    assert_eq!((&labels["vendor"], &labels["org.opencontainers.image.title"]), (&"us".into(), &"mine".into()));
    assert_eq!(labels["org.opencontainers.image.description"], "A description.");
    assert_eq!(labels["org.opencontainers.image.base.name"], "scratch");
}

#[test]
fn files_have_the_time_of_source_date_epoch() {
    let mut project = Project::new();
    // The engine's cache does not look at times: the text must be one that it has not seen.
    project.recipe("a", &format!("base(\"scratch\");\nwrite(\"/a\", \"{}\");\n", project.prefix));
    project.set("SOURCE_DATE_EPOCH", "1000000000");
    assert_eq!(project.f3s(&["build"]).ok().summary(), "built 1");
    assert_eq!(project.f3s(&["build"]).ok().summary(), "up to date 1");
    let image = format!("{}:latest", project.image("a"));
    let folder = tempfile::tempdir().unwrap();
    let saved = folder.path().join("saved.tar");
    crate::lab::docker(&["save", "-o", saved.to_str().unwrap(), &image]);
    let list = "tar xf saved.tar && for layer in $(find . -name layer.tar -o -path '*blobs*' -type f); do tar --full-time --utc -tvf $layer 2>/dev/null; done; true";
    let output = std::process::Command::new("sh").arg("-c").arg(list).current_dir(folder.path()).output().unwrap();
    let listed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(listed.contains("2001-09-09 01:46:40"), "{listed}");
    project.set("SOURCE_DATE_EPOCH", "yesterday");
    project.f3s(&["build"]).fails(2, &["SOURCE_DATE_EPOCH"]);
}
