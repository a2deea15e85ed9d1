//! Images that watch mode builds finely are what `f3s build` makes of the same recipe.

use crate::lab::{Project, docker, is_missing};
use crate::watching::Watching;

/// All files of an image with kind, mode, owner, size and target, and the content of those that are not the base's: but for
/// those that engines write, and that of passwords, which holds the day.
const FILES: &str = "cd /; find . -xdev -path ./proc -prune -o -path ./sys -prune -o -path ./dev -prune -o -print | sort | \
     grep -v '^./etc/\\(hosts\\|hostname\\|resolv.conf\\|mtab\\|shadow-\\?\\)$' | while read -r f; do stat -c '%n %F %a %u:%g' \"$f\"; \
     [ ! -f \"$f\" ] || sha256sum <\"$f\"; [ ! -L \"$f\" ] || readlink \"$f\"; done";

/// Builds a recipe finely, then as released, and compares them. Returns how many layers each has.
#[track_caller]
fn same_image(project: &Project, script: &str) -> (usize, usize) {
    project.recipe("a", script);
    let mut watch = Watching::start(project, &[]);
    watch.round("built 1");
    drop(watch);
    let files = || project.sh("a", FILES);
    let (fine, fine_config, fine_layers) = (files(), configuration(project), project.layers("a").len());
    let ran = project.f3s(&["build"]).ok();
    assert!(ran.summary() == "built 1" || ran.summary() == "up to date 1", "{}", ran.err);
    let released = files();
    let differences = || released.lines().zip(fine.lines()).filter(|(one, other)| one != other).collect::<Vec<_>>();
    assert!(fine == released, "{:#?}", differences());
    assert_eq!(fine_config, configuration(project));
    (fine_layers, project.layers("a").len())
}

fn configuration(project: &Project) -> serde_json::Value {
    let mut config = project.config("a");
    // The classic fields that name the last container.
    config.as_object_mut().unwrap().retain(|name, _| !matches!(name.as_str(), "Image" | "Hostname"));
    config
}

fn script(steps: &str) -> String {
    format!("base(\"alpine:3.13\");\nuser(\"root\");\n{steps}\n")
}

#[test]
fn folder_variables_umask_and_options_reach_the_commands_behind() {
    if is_missing("alpine:3.13") {
        return;
    }
    let project = Project::new();
    let steps = r#"
run(["mkdir -p /there/sub; adduser -D bob", "cd /there", "umask 027; ONE='a b'", "export TWO=$ONE", "unset NONE",
     "echo \"$PWD $ONE $TWO\" >one; env | grep -c TWO >>one", "ONE=1 sh -c 'echo $ONE' >two; [ ! -f three ] || rm three",
     "cd sub", "set +e", "false", "pwd >three; umask >>three", "cd /", "rm -rf /there/sub/three", "pwd >four"],
    #{ env: #{ THREE: "3" } });
run(["cd /home/bob", "umask 077", "id -un >who", "echo $THREE >three"], #{ user: "bob", env: #{ THREE: "3" } });
run("exit 0\ntouch /not");
run(["f() { echo f >/f; }", "f"]);
run(["set -e; LATER=$(echo later)", "echo $LATER >/later"]);
run(["while read -r x; do last=$x; done </etc/hostname; last=l", "echo $last >/last"]);
run(["echo t >/tmpfs/t", "cp /tmpfs/t /t"], #{ mounts: [#{ type: "tmpfs", target: "/tmpfs" }] });
run(["sleep 1 & echo $! >/dev/null", "wait; jobs >/jobs"]);
run(["set +e", "false && true", "echo $? >/status", "echo \"cd /x\" >/text"]);
run(["mkdir /gone; echo kept >/gone/x", "cd /gone", "rm -rf /gone", "echo fine >/fine"]);"#;
    let (fine, released) = same_image(&project, &script(steps));
    assert!(fine > released, "{fine} layers and {released}");
}

#[test]
fn steps_of_a_layer_have_owner_mode_and_variables_of_the_released_image() {
    if is_missing("alpine:3.13") {
        return;
    }
    let project = Project::new();
    project.file("scripts/data/file", "data\n");
    let steps = r#"
let build = stage("build", || {
    base("alpine:3.13");
    run("mkdir -p /out/x; echo built >/out/x/y; chown -R 5:6 /out; chmod 644 /out/x/y");
});
run("adduser -D bob; mkdir -p /srv/a; chown -R bob /srv");
layer("l", || {
    copy("data", "/srv/a/data/");
    copy("/out/x", "/srv/a/x", #{ from: build });
    copy("data/file", "/srv/a/new/file", #{ chmod: "600" });
    write("/srv/a/text", "text", #{ chmod: "4711" });
    env("SEEN", "yes");
    add_to_path("/srv/bin");
    label("l", "1");
    volume("/srv/volume");
    run(["umask 077; cd /srv/a", "echo $SEEN $PATH >seen; mkdir -p /srv/volume", "echo kept >/srv/volume/x", "id >id"]);
    run("umask >/srv/a/umask; pwd >/srv/a/pwd; test -w /srv/a/text", #{ cache: "/tmp/cache" });
    cmd("true");
});
user("bob");
layer("n", || { run(["umask 027; cd /srv", "id >id"]); run("pwd >/srv/pwd; umask >/srv/umask"); });
layer("m", || { run("sleep 3 & echo $! >/tmp/pid"); run("kill -0 $(cat /tmp/pid); rm /tmp/pid"); run("echo end >/tmp/end"); });"#;
    let (fine, released) = same_image(&project, &script(steps));
    assert!(fine > released, "{fine} layers and {released}");
}

#[test]
fn a_secret_in_a_variable_is_in_no_layer() {
    if is_missing("alpine:3.13") {
        return;
    }
    let mut project = Project::new();
    let secret = format!("geheim-{}", project.prefix);
    project.set("TOKEN", &secret);
    let commands = r#"["echo one >/one", "TOKEN=$(cat /run/secrets/token)", "export TOKEN; echo ${#TOKEN} >/length", "echo two >/two"]"#;
    let of_all = format!("run({commands}, #{{ secrets: secret(\"token\") }});");
    let read =
        r#"run(["read -r TOKEN </run/secrets/token || true", "test -n \"$TOKEN\""], #{ secrets: secret("token") });"#;
    // Nobody else's layer: one that an earlier run cached would hold its secret's length.
    let own = format!("run(\"echo {} >/own\");", project.prefix);
    project.recipe("a", &script(&format!("{own}\n{of_all}\n{read}")));
    let mut watch = Watching::start(&project, &[]);
    watch.round("built 1");
    assert_eq!(project.sh("a", "cat /length"), secret.len().to_string());
    let saved = project.path().join("saved");
    std::fs::create_dir(&saved).unwrap();
    let image = format!("{}:latest", project.image("a"));
    let tar = saved.join("image.tar");
    docker(&["save", "-o", tar.to_str().unwrap(), &image]);
    // Some engines compress the layers of what they save.
    let unpack = "tar -xf image.tar; rm image.tar; find . -type f -exec zcat -f {} +";
    let bytes = std::process::Command::new("sh").args(["-c", unpack]).current_dir(&saved).output().unwrap().stdout;
    assert!(bytes.windows(4).any(|window| window == b"two\n"));
    assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()));
    let paths = project.layers("a").concat();
    assert!(!paths.iter().any(|path| path.contains("f3s") || path.starts_with("tmp/")), "{paths:?}");
}

#[test]
fn a_failure_names_the_one_command() {
    if is_missing("alpine:3.13") {
        return;
    }
    let project = Project::new();
    project.recipe("a", &script("run([\"cd /tmp\", \"echo first\", \"echo second; exit 7\", \"echo third\"]);"));
    let mut watch = Watching::start(&project, &[]);
    let lines = watch.round("failed 1");
    let says = |text: &str| lines.iter().any(|line| line.contains(text));
    assert!(says("`echo first`") && says("exit code 7") && says("scripts/"), "{}", lines.join("\n"));
    let command = lines.iter().position(|line| line.contains("the command:")).unwrap();
    assert!(lines[command + 1].contains("echo second; exit 7"), "{}", lines.join("\n"));
}
