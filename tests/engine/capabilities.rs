//! The capabilities of programs on their way from a stage into a layer of several steps.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::docker_build::import_gnu;
use crate::lab::{Project, is_missing, skipped, variable};

/// An archive with a program that has a capability, and attributes that no layer keeps.
const ARCHIVE: &str = r#"
import io, os, sys, tarfile
with tarfile.open(sys.argv[1], "w:gz", format=tarfile.PAX_FORMAT) as tar:
    def add(name, mode, attribute, value):
        entry = tarfile.TarInfo(name)
        entry.mode, entry.type = mode, tarfile.REGTYPE if "." in name else tarfile.DIRTYPE
        entry.size = 1 if entry.isreg() else 0
        entry.pax_headers = {"SCHILY.xattr." + attribute: value} if attribute else {}
        tar.addfile(entry, io.BytesIO(b"x"))
    add("folder", 0o755, "user.of", "a folder")
    add("folder/cap.x", 0o755, "security.capability", "\x01\0\0\x02\0\x04\0\0" + "\0" * 12)
    add("folder/user.x", 0o644, "user.of", "a file")
    add("plain.x", 0o755, None, None)
"#;

/// The extended attributes in all layers of a saved image.
const LIST: &str = r#"
import json, os, sys, tarfile
image = tarfile.open(sys.argv[1])
for layer in json.load(image.extractfile("manifest.json"))[0]["Layers"]:
    for entry in tarfile.open(fileobj=image.extractfile(layer)):
        for key, value in sorted(entry.pax_headers.items()):
            if key.startswith("SCHILY.xattr."): print(entry.name, key.removeprefix("SCHILY.xattr."), value.encode().hex())
"#;

fn python(script: &str, argument: &Path) -> String {
    let output = Command::new("python3").args(["-c", script]).arg(argument).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// `PATH ATTRIBUTE VALUE` below a folder of an image.
fn attributes(project: &Project, name: &str, below: &str) -> Vec<String> {
    let saved = project.path().join("saved.tar");
    project.docker(&["save", "-o", saved.to_str().unwrap(), &format!("{}:latest", project.image(name))]);
    let all = python(LIST, &saved);
    let mut lines: Vec<String> =
        all.lines().filter_map(|line| line.strip_prefix(&format!("{below}/"))).map(str::to_owned).collect();
    lines.sort();
    lines
}

/// An archive on the upstreams' server, until it goes.
struct Served(PathBuf);

impl Drop for Served {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn capabilities_of_a_stage_arrive_or_are_refused() {
    if is_missing("alpine:3.13") {
        return;
    }
    let project = Project::new();
    let served = Served(PathBuf::from(variable("F3S_LAB")).join("www").join(format!("{}.tar.gz", project.prefix)));
    python(ARCHIVE, &served.0);
    let url = format!("{}/{}.tar.gz", variable("F3S_LAB_UPSTREAM"), project.prefix);
    let recipe = |base: &str, steps: &str| {
        format!(
            "let s = stage(\"s\", || {{\n    base(\"scratch\");\n    unpack(download(\"{url}\"), \"/t\");\n}});\n\
             base(\"{base}\");\n{steps}\n"
        )
    };
    let layered = |step: &str| format!("layer(\"l\", || {{\n    {step}\n    run(\"true\");\n}});");
    // Busybox's cp cannot keep them.
    let whole = layered("copy(\"/t\", \"/o\", #{ from: s });");
    project.recipe("a", &recipe("alpine:3.13", &whole));
    let says = "`cp` does not keep the capabilities of these files";
    let ran = project.f3s(&["build"]);
    ran.fails(1, &[says, ".rhai:7:5", "folder/cap.x\n"]);
    // Nor is what it lost taken from the engine's cache by the next run.
    project.f3s(&["build"]).fails(1, &[says]);
    // A name that is no text ends the list of them, and hides nothing that stands before it.
    let named = "let n = stage(\"n\", || {\n    base(\"alpine:3.13\");\n    copy(\"/t\", \"/t\", #{ from: s });\n    \
                 run(#\"mkdir /n; touch \"/t/$(printf '\\377')\" \"/n/$(printf '\\377')\"\"#);\n});\nbase(\"alpine";
    let of_named = |folder: &str| {
        let step = layered(&format!("copy(\"{folder}\", \"/o\", #{{ from: n }});"));
        recipe("alpine:3.13", &step).replacen("base(\"alpine", named, 1)
    };
    project.recipe("a", &of_named("/t"));
    project.f3s(&["build"]).fails(1, &[says, "folder/cap.x\n"]);
    project.recipe("a", &of_named("/n"));
    project.f3s(&["build"]).ok();
    assert_eq!(project.sh("a", "ls /o | wc -l"), "1");
    // One file, and before a cleanup.
    let one = "copy(\"/t/folder/cap.x\", \"/o\", #{ from: s });\ncleanup(\"true\");";
    project.recipe("a", &recipe("alpine:3.13", one));
    project.f3s(&["build"]).fails(1, &[says, ".rhai:6:1", "cap.x\n"]);
    // What has none is welcome, and on its own all arrives.
    let plain =
        format!("{}\ncopy(\"/t\", \"/o\", #{{ from: s }});", layered("copy(\"/t/plain.x\", \"/p\", #{ from: s });"));
    project.recipe("a", &recipe("alpine:3.13", &plain));
    project.f3s(&["build"]).ok();
    let expected = attributes(&project, "a", "o");
    let names: Vec<&str> = expected.iter().map(|line| line.rsplit_once(' ').unwrap().0).collect();
    assert_eq!(names, ["folder/cap.x security.capability"]);

    let gnu = project.image("gnu");
    if import_gnu(&gnu).is_none() {
        skipped("this machine has no GNU programs: capabilities are kept nowhere");
        return;
    }
    let both = "copy(\"/t\", \"/o\", #{ from: s });\n    copy(\"/t\", \"/c\", #{ from: s, chown: \"root\" });";
    project.recipe("a", &recipe(&format!("{gnu}:latest"), &layered(both)));
    project.f3s(&["build"]).ok();
    assert_eq!(attributes(&project, "a", "o"), expected);
    assert_eq!(attributes(&project, "a", "c"), expected);
}
