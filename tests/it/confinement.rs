//! A recipe reads only its project: attempts to get at a file beside it.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

/// What no attempt may bring to light.
const OUTSIDE: &str = "what-stands-outside";

/// One attempt: what it makes in the project beside the recipe, and the recipe's text behind `base("scratch");`.
struct Attempt {
    name: &'static str,
    make: fn(&Path, &Path),
    script: &'static str,
}

fn nothing(_: &Path, _: &Path) {}

fn link(at: &Path, target: impl AsRef<Path>) {
    std::fs::create_dir_all(at.parent().unwrap()).unwrap();
    symlink(target, at).unwrap();
}

/// `OUT` in a script is the folder beside the project; a file `secret` and a module `m.rhai` are there.
const ATTEMPTS: &[Attempt] = &[
    Attempt { name: "an absolute path", make: nothing, script: r#"copy("OUT/secret", "/x");"# },
    Attempt { name: "a path upwards", make: nothing, script: r#"copy("../../outside/secret", "/x");"# },
    Attempt { name: "a path down and up", make: nothing, script: r#"copy("a/../../../outside/secret", "/x");"# },
    Attempt { name: "a folder upwards", make: nothing, script: r#"copy("../../outside", "/x/");"# },
    Attempt { name: "the folder above", make: nothing, script: r#"copy("../..", "/x/");"# },
    Attempt { name: "a pattern upwards", make: nothing, script: r#"copy("../../outside/s*", "/x/");"# },
    Attempt { name: "a pattern in the middle", make: nothing, script: r#"copy("../../out*/secret", "/x/");"# },
    Attempt { name: "a list", make: nothing, script: r#"copy(["own", "../../outside/secret"], "/x/");"# },
    Attempt { name: "a path with NUL", make: nothing, script: r#"copy("own\x00/../../../outside/secret", "/x");"# },
    Attempt {
        name: "a link to a file",
        make: |root, out| link(&root.join("scripts/l"), out.join("secret")),
        script: r#"copy("l", "/x");"#,
    },
    Attempt {
        name: "a link upwards",
        make: |root, _| link(&root.join("scripts/l"), "../../outside/secret"),
        script: r#"copy("l", "/x");"#,
    },
    Attempt {
        name: "a link to a folder",
        make: |root, out| link(&root.join("scripts/l"), out),
        script: r#"copy("l", "/x/");"#,
    },
    Attempt {
        name: "through a link",
        make: |root, out| link(&root.join("scripts/l"), out),
        script: r#"copy("l/secret", "/x");"#,
    },
    Attempt {
        name: "a pattern through a link",
        make: |root, out| link(&root.join("scripts/l"), out),
        script: r#"copy("l/*", "/x/");"#,
    },
    Attempt {
        name: "a pattern of the link itself",
        make: |root, _| link(&root.join("scripts/l"), "../../outside/secret"),
        script: r#"copy("l*", "/x/");"#,
    },
    Attempt {
        name: "a link within a folder",
        make: |root, _| link(&root.join("scripts/d/l"), "../../../outside/secret"),
        script: r#"copy("d", "/x/");"#,
    },
    Attempt {
        name: "a chain of links",
        make: |root, out| {
            link(&root.join("scripts/a"), "b");
            link(&root.join("scripts/b"), "c/secret");
            link(&root.join("scripts/c"), out);
        },
        script: r#"copy("a", "/x");"#,
    },
    Attempt {
        name: "a link in a circle",
        make: |root, _| link(&root.join("scripts/l"), "l"),
        script: r#"copy("l", "/x");"#,
    },
    Attempt {
        name: "upwards from behind a link",
        make: |root, _| link(&root.join("scripts/l"), "../deep/er"),
        script: r#"copy("l/../../../outside/secret", "/x");"#,
    },
    Attempt { name: "a module upwards", make: nothing, script: r#"import "../../outside/m" as m; m::it();"# },
    Attempt { name: "a module by its path", make: nothing, script: r#"import "OUT/m" as m; m::it();"# },
    Attempt {
        name: "a module that is a link",
        make: |root, out| link(&root.join("scripts/m.rhai"), out.join("m.rhai")),
        script: r#"import "m" as m; m::it();"#,
    },
    Attempt {
        name: "a module behind a link",
        make: |root, out| link(&root.join("scripts/lib"), out),
        script: r#"import "lib/m" as m; m::it();"#,
    },
    Attempt {
        name: "a file of what is ignored",
        make: |root, out| link(&root.join(".dockerignore"), out.join("secret")),
        script: r#"copy("own", "/x");"#,
    },
    Attempt { name: "an address of a file", make: nothing, script: r#"place(download("file://OUT/secret"), "/x");"# },
    Attempt { name: "a repository beside it", make: nothing, script: r#"unpack(git("file://OUT"), "/x/");"# },
    Attempt { name: "a repository by its path", make: nothing, script: r#"unpack(git("OUT"), "/x/");"# },
    Attempt {
        name: "a pipe",
        make: |root, _| assert!(Command::new("mkfifo").arg(root.join("scripts/p")).status().unwrap().success()),
        script: r#"copy("p", "/x");"#,
    },
    Attempt {
        name: "a device",
        make: |root, _| link(&root.join("scripts/l"), "/dev/zero"),
        script: r#"copy("l", "/x");"#,
    },
];

#[test]
fn no_attempt_reads_a_file_beside_the_project() {
    for Attempt { name, make, script } in ATTEMPTS {
        let folder = tempfile::tempdir().unwrap();
        let (root, outside) = (folder.path().join("project"), folder.path().join("outside"));
        for folder in [&root.join("scripts"), &root.join("deep/er"), &outside] {
            std::fs::create_dir_all(folder).unwrap();
        }
        std::fs::write(outside.join("secret"), OUTSIDE).unwrap();
        std::fs::write(outside.join("m.rhai"), format!("fn it() {{ label(\"x\", \"{OUTSIDE}\"); }}\n")).unwrap();
        std::fs::write(root.join("f3s.toml"), "").unwrap();
        std::fs::write(root.join("scripts/own"), "own").unwrap();
        let script = script.replace("OUT", outside.to_str().unwrap());
        std::fs::write(root.join("scripts/a.rhai"), format!("base(\"scratch\");\n{script}\n")).unwrap();
        make(&root, &outside);
        for words in [&["check"][..], &["plan", "--offline", "--format", "json", "-v"], &["dockerfile", "a"]] {
            let mut command = Command::new(env!("CARGO_BIN_EXE_f3s"));
            command.args(words).current_dir(&root).env("F3S_CACHE_DIR", folder.path().join("cache"));
            let ran = command.env_remove("F3S_CONFIG").env("XDG_STATE_HOME", folder.path()).output().unwrap();
            let said = [ran.stdout, ran.stderr].concat();
            let said = String::from_utf8_lossy(&said);
            assert_eq!(ran.status.code(), Some(3), "{name}, {words:?}: {said}");
            assert!(said.contains("a.rhai") || said.contains(".dockerignore"), "{name}, {words:?}: {said}");
            assert!(!said.contains(OUTSIDE), "{name}, {words:?}: {said}");
        }
    }
}
