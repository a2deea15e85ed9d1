//! Fine layers, as watch mode plans them: where they are cut, and that they mean what the released image means.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use f3s::config::Config;
use f3s::diagnostic::{Diagnostics, Sources};
use f3s::pipeline;
use f3s::plan::{Plan, PlanOptions, PlannedImage, Present};
use f3s::script::{Evaluations, Request};
use f3s::world::{Memory, World};

/// The released plan of some recipes, and the one in which all their images are fine.
fn both(recipes: &[(&str, &str)]) -> (Result<Plan, Diagnostics>, Result<Plan, Diagnostics>) {
    let file = |world: Memory, (name, script): &(&str, &str)| world.file(&format!("scripts/{name}.rhai"), *script);
    let world: Arc<dyn World> = Arc::new(recipes.iter().fold(Memory::new().file("scripts/x.conf", "x"), file));
    let config = Config::default();
    let (mut sources, evaluations) = (Sources::default(), Evaluations::default());
    let graph = pipeline::load(&world, &config, &Request::default(), &mut sources, &evaluations).unwrap();
    let plan = |fine: BTreeSet<String>| {
        let options = PlanOptions { fine, ..PlanOptions::default() };
        pipeline::plan(&graph, &Present::default(), &*world, &config, &options)
    };
    (plan(BTreeSet::new()), plan(recipes.iter().map(|(name, _)| (*name).to_owned()).collect()))
}

fn fine(steps: &str) -> PlannedImage {
    let (_, fine) = both(&[("a", &format!("base(\"alpine:3.13\");\n{steps}"))]);
    fine.unwrap().images.remove(0)
}

/// The lowered instructions between the base and the labels.
fn lowered(steps: &str) -> String {
    let text = fine(steps).dockerfile.text.clone();
    let lines = text.lines().filter(|line| !line.starts_with("FROM ") && !line.starts_with("LABEL "));
    lines.map(|line| format!("{line}\n")).collect()
}

#[test]
fn commands_are_layers_behind_what_sets_up_their_shell() {
    let run = r#"run(["cd /tmp; umask 027", "make", "TOKEN=$(cat /t)", "use \"$TOKEN\""], #{ env: #{ A: "b" } });"#;
    let expected = r#"RUN set -eu; \
    export A='b'; \
    cd /tmp; umask 027; \
    make
RUN set -eu; \
    export A='b'; \
    cd /tmp; umask 027; \
    TOKEN=$(cat /t); \
    use "$TOKEN"
"#;
    assert_eq!(lowered(run), expected);
    let image = fine(run);
    let commands: Vec<&[String]> = image.dockerfile.instructions.iter().map(|one| &one.commands[..]).collect();
    assert_eq!(commands[1], ["make"]);
    assert_eq!(commands[2], ["TOKEN=$(cat /t)", "use \"$TOKEN\""]);
}

#[test]
fn another_user_is_set_once_around_all_its_layers() {
    let run = "user(\"root\");\nrun([\"a\", \"b\"], #{ user: \"1000\" });";
    assert_eq!(lowered(run), "USER root\nUSER 1000\nRUN set -eu; a\nRUN set -eu; b\nUSER root\n");
}

#[test]
fn steps_of_a_layer_are_layers_by_the_same_commands() {
    let group = r#"layer("l", || {
    copy("x.conf", "/etc/x.conf", #{ chown: "7:7" });
    env("A", "b");
    volume("/data");
    run(["a", "b"], #{ cache: "/c" });
    run("c | d");
});"#;
    let cache = "RUN --mount=type=cache,id=/c,target=/c \\\n    ";
    let script = "--mount=type=bind,source=.f3s/put,target=/dev/f3s/put";
    let files = "--mount=type=bind,from=final.1,target=/dev/f3s/1";
    let expected = format!(
        "COPY --chown=7:7 scripts/x.conf /made/x.conf\n\
         RUN {script} \\\n    {files} \\\n    --mount=type=cache,id=/c,target=/c \\\n    \
         set -eu; /bin/sh /dev/f3s/put 1 /etc/x.conf\n\
         ENV A=\"b\"\n{cache}set -eu; a\n{cache}set -eu; b\n\
         {cache}set -eu; (set -o pipefail) 2>/dev/null && set -o pipefail; c | d\nVOLUME [\"/data\"]\n"
    );
    assert_eq!(lowered(group), expected);
}

#[test]
fn what_must_share_a_container_stays_together() {
    let group = r#"layer("l", || { run("a"); run(["b", "server start", "c"]); env("A", "b"); run(["d", "e"]); });"#;
    let expected = "RUN set -eu; a\nRUN set -eu; b\nRUN set -eu; exec 2>&1; \\\n    \
                    echo '#f3s 0'; (server start; c); \\\n    export A='b'; \\\n    echo '#f3s 1'; (d; e)\nENV A=\"b\"\n";
    assert_eq!(lowered(group), expected);
}

#[test]
fn where_nothing_is_cut_the_image_is_the_released_one() {
    for steps in [
        "run(\"a; b\");",
        "run([\"cd /x\", \"a\"]);",
        "run([\"f() { a; }\", \"f\"]);",
        "run([\"a\", \"b\"], #{ mounts: [#{ type: \"tmpfs\", target: \"/t\" }] });",
        "layer(\"l\", || { run(\"a\", #{ mounts: [#{ type: \"tmpfs\", target: \"/t\" }] }); run(\"b\"); });",
        "layer(\"l\", || { run(\"a\"); });",
        "layer(\"l\", || { run(\"a &\"); run(\"b\"); });",
        "shell([\"/bin/bash\", \"-lc\"]);\nrun([\"a\", \"b\"]);\nlayer(\"l\", || { run(\"a\"); run(\"b\"); });",
        "copy(\"x.conf\", \"/x\");\nwrite(\"/y\", \"z\");",
    ] {
        let (released, fine) = both(&[("a", &format!("base(\"alpine:3.13\");\n{steps}"))]);
        let (released, fine) = (released.unwrap(), fine.unwrap());
        assert_eq!(released, fine, "{steps}");
    }
}

#[test]
fn what_is_cut_and_what_rests_on_it_are_other_images() {
    let split = ("split", "base(\"alpine:3.13\");\nrun([\"a\", \"b\"]);");
    let above = ("above", "base(\"split\");\nrun(\"a\");");
    let same = ("same", "base(\"alpine:3.13\");\nrun(\"a\");");
    let (released, fine) = both(&[split, above, same]);
    let fingerprints = |plan: Plan| -> BTreeMap<String, String> {
        plan.images.into_iter().map(|image| (image.name.clone(), image.fingerprint.to_string())).collect()
    };
    let (released, fine) = (fingerprints(released.unwrap()), fingerprints(fine.unwrap()));
    let differing: Vec<&String> = fine.keys().filter(|name| fine[*name] != released[*name]).collect();
    assert_eq!(differing, ["above", "split"]);
}

#[test]
fn mistakes_of_a_layer_are_found_in_both() {
    for (steps, message) in [
        ("run(\"a\"); workdir(\"/x\"); run(\"b\");", "`workdir` stands between steps"),
        ("run(\"a\"); user(\"x\"); run(\"b\");", "`user` stands between steps"),
        ("run(\"a\"); run(\"b\", #{ user: \"x\" });", "another user cannot join"),
        ("run(\"a\"); run(\"b\", #{ network: \"none\" });", "a network of its own cannot join"),
    ] {
        let script = format!("base(\"alpine:3.13\");\nlayer(\"l\", || {{ {steps} }});");
        let (released, fine) = both(&[("a", &script)]);
        let (released, fine) = (released.unwrap_err(), fine.unwrap_err());
        assert!(released.to_string().contains(message), "{released}");
        assert_eq!(released, fine, "{steps}");
    }
}

/// What commands do to a shell and to files, where it matters whether it is still the same shell.
const COMMANDS: &[&str] = &[
    "X=1",
    "export Y=\"$X-y\"",
    "X=$(echo 3)",
    "unset X",
    "mkdir -p sub/deep",
    "cd sub",
    "cd ..",
    "cd \"$ROOT\"",
    "cd \"$ROOT\"; X=7 # back",
    "cd sub/deep && X=8",
    "cd sub 2>/dev/null || true",
    "rm -rf \"$ROOT/sub\"",
    "rm -rf sub",
    "mkdir -p sub && cd sub && touch here",
    "umask 077",
    "set +e",
    "set -e; set +u",
    "set -f",
    "set -- a b c",
    "echo \"$#\" * >>\"$ROOT/count\"",
    "echo \"${X:-} ${Y:-} ${Z:-} $(umask) ${PWD#\"$ROOT\"}\" >>\"$ROOT/log\"",
    "env | grep '^[XYZ]=' | sort >>\"$ROOT/env\" || true",
    "touch \"$ROOT/file-${X:-}\"",
    "false",
    "false && true",
    "! true",
    "[ -n \"${X:-}\" ] && touch \"$ROOT/set\"",
    "echo $? >>\"$ROOT/status\"",
    "(exit 0; touch not)",
    "if [ -n \"${X:-}\" ]; then X=9; fi",
    "f() { echo f >>\"$ROOT/log\"; }",
    "command -v f >>\"$ROOT/log\" || true",
    "for Z in 1 2; do echo $Z >>\"$ROOT/log\"; done",
    "while read -r Z; do X=$Z; done <<EOF\none\ntwo\nEOF",
    "cat <<EOF >>\"$ROOT/log\"\n${X:-}; cd /\nexit\nEOF",
    "echo \"${Z:=default}\" >>\"$ROOT/log\"",
    ": \"$((X = 5))\"",
    "{ Y=braces; }",
    "case ${X:-} in 1) Y=one;; *) touch \"$ROOT/case\";; esac",
    "X=5 sh -c 'echo $X' >>\"$ROOT/log\"",
    "X=6 :",
    "trap 'echo bye >>\"$ROOT/log\"' EXIT",
    "echo a | while read -r Z; do X=$Z; done",
    "eval 'Y=evaluated'",
    "exec 2>>\"$ROOT/errors\"; echo 'to the file' >&2",
    "sleep 0 & wait; jobs >>\"$ROOT/log\"",
];

/// Runs the `RUN`s of an image one after the other, as an engine would, and tells what that leaves in a folder; `None`
/// when one fails.
fn executed(image: &PlannedImage) -> Option<String> {
    let folder = tempfile::tempdir().unwrap();
    for instruction in &image.dockerfile.instructions {
        let Some(text) = instruction.text.strip_prefix("RUN ") else { continue };
        let exec: Option<Vec<String>> = serde_json::from_str(text).ok();
        let script = exec.map_or_else(|| text.replace("\\\n", ""), |words| words[2].clone());
        let mut shell = std::process::Command::new("/bin/sh");
        shell.env_clear().env("PATH", "/usr/bin:/bin").env("ROOT", folder.path()).current_dir(folder.path());
        if !shell.args(["-c", &script]).output().unwrap().status.success() {
            return None;
        }
    }
    let script = "umask 022; find . | sort | xargs ls -ld --time-style=+ ; find . -type f | sort | xargs cat";
    let told = std::process::Command::new("sh").args(["-c", script]).current_dir(folder.path()).output().unwrap();
    Some(String::from_utf8(told.stdout).unwrap())
}

#[test]
fn layers_do_together_what_one_shell_does() {
    let mut state = 1_u64;
    let mut any = || {
        // Knuth's generator: the same lists every time.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        COMMANDS[(state >> 33) as usize % COMMANDS.len()]
    };
    let (mut cut, mut succeeded) = (0, 0);
    for _ in 0..LISTS {
        let commands: Vec<&str> = (0..6).map(|_| any()).collect();
        let script = format!("base(\"alpine:3.13\");\nrun({});", serde_json::to_string(&commands).unwrap());
        let (released, fine) = both(&[("a", &script)]);
        let (released, fine) = (released.unwrap().images.remove(0), fine.unwrap().images.remove(0));
        if released.fingerprint == fine.fingerprint {
            continue;
        }
        cut += 1;
        let done = executed(&released);
        succeeded += usize::from(done.is_some());
        assert_eq!(executed(&fine), done, "{commands:#?}\n{}", fine.dockerfile.text);
    }
    assert!(cut > LISTS / 4 && succeeded > LISTS / 16, "{cut} were cut, {succeeded} succeeded");
}

/// How many lists of commands are tried.
const LISTS: usize = 120;
