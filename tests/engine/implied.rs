//! Folders that an archive only implies, such as `a` of the entry `a/b`: what is there stays as it is, as for `ADD` and for tar.

use std::path::PathBuf;
use std::process::Command;

use crate::docker_build::import_gnu;
use crate::lab::{Project, is_missing, skipped, variable};

/// Writes an archive without most of its folders.
const ARCHIVE: &str = r#"
import io, sys, tarfile
with tarfile.open(sys.argv[1], "w:gz") as tar:
    def add(name, mode, folder=False, **more):
        entry = tarfile.TarInfo(name)
        entry.mode, entry.mtime, entry.size = mode, 1100000000, 0 if folder or more else 1
        entry.type = tarfile.DIRTYPE if folder else tarfile.REGTYPE
        for key, value in more.items(): setattr(entry, key, value)
        if not folder: entry.uid = entry.gid = 9
        tar.addfile(entry, io.BytesIO(b"x"))
    add("there/b/c", 0o640)
    add("link/f", 0o644)
    add("link/deep/g", 0o644)
    add("new/m/o", 0o755)
    add("named", 0o711, True)
    add("named/x", 0o600)
    add("late/x", 0o600)
    add("late", 0o750, True)
    add("own", 0o755, type=tarfile.SYMTYPE, linkname="new")
    add("own/y", 0o600)
    add("file/z", 0o600)
"#;

/// What stands in the folder before.
const BEFORE: &str = "mkdir t; cd t; mkdir there there/b real real/deep named late; chmod 770 there; chown 5:6 there; \
    chmod 1777 there/b; chmod 2775 real/deep; chown 7:8 real real/deep; ln -s real link; chmod 777 named late; \
    find . -exec touch -h -d '2001-09-09 01:46:40' {} +";

/// Kind, mode, owner, time and target of all in it.
const LIST: &str = "find . -exec stat -c '%f %u:%g %Y %N' {} +";

fn list(lines: &str) -> Vec<String> {
    let known = |line: &str| {
        let [mode, owner, time, name] = line.splitn(4, ' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        // What was made now has a time that nobody knows before.
        let time = if time < "1200000000" { time } else { "now" };
        format!("{mode} {owner} {time} {}", name.replace(['\'', '`'], ""))
    };
    let mut lines: Vec<String> = lines.lines().map(known).collect();
    lines.sort();
    lines
}

#[test]
fn folders_that_an_archive_implies_stay_as_they_are() {
    if is_missing("alpine:3.13") {
        return;
    }
    let project = Project::new();
    let name = format!("{}.tar.gz", project.prefix);
    let served = PathBuf::from(variable("F3S_LAB")).join("www").join(&name);
    let written = Command::new("python3").args(["-c", ARCHIVE]).arg(&served).status().unwrap();
    assert!(written.success());
    let here = tempfile::tempdir().unwrap();
    let tar = format!("umask 022; {BEFORE}; tar -xpf {} --numeric-owner; {LIST}", served.display());
    let expected = Command::new("sh").args(["-ec", &tar]).current_dir(here.path()).output().unwrap();
    assert!(expected.status.success(), "{}", String::from_utf8_lossy(&expected.stderr));
    let expected = list(&String::from_utf8_lossy(&expected.stdout));

    let url = format!("{}/{name}", variable("F3S_LAB_UPSTREAM"));
    let recipe = |base: &str, steps: &str| format!("base(\"{base}\");\nrun(\"{BEFORE}\");\n{steps}\n");
    let unpack = format!("unpack(download(\"{url}\"), \"/t\");");
    let layered = format!("layer(\"l\", || {{ {unpack} run(\"true\"); }});");
    project.recipe("plain", &recipe("alpine:3.13", &unpack));
    project.recipe("layer", &recipe("alpine:3.13", &layered));
    let gnu = project.image("gnu");
    let has_gnu = import_gnu(&gnu).is_some();
    if has_gnu {
        project.recipe("gnus", &recipe(&format!("{gnu}:latest"), &layered));
    } else {
        skipped("this machine has no GNU programs: archives are unpacked on Alpine alone");
    }
    let ran = project.f3s(&["build"]);
    std::fs::remove_file(&served).unwrap();
    ran.ok();
    let found = |image: &str| list(&project.sh(image, &format!("cd /t; {LIST}")));
    assert_eq!(found("plain"), expected);
    assert_eq!(found("layer"), expected);
    if has_gnu {
        assert_eq!(found("gnus"), expected);
    }
}
