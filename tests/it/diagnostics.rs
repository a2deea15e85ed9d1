//! Mistakes as a reader sees them: every folder of `tests/scripts/diagnostics` is a project, `expected` what `f3s check`
//! says of it, `args` (optional) its arguments. `SNAPSHOTS=overwrite` writes the texts anew.

use std::path::{Path, PathBuf};
use std::process::Command;

use snapbox::{Data, IntoData, assert_data_eq, str};

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts/diagnostics");
    let mut cases: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    cases
}

/// A project of its own: the checkout's `f3s.toml` is above the cases.
fn copied(case: &Path) -> tempfile::TempDir {
    let project = tempfile::tempdir().unwrap();
    let status = Command::new("cp").arg("-r").arg(case.join("scripts")).arg(project.path()).status().unwrap();
    assert!(status.success());
    project
}

fn check(project: &Path, args: &str) -> (Option<i32>, String) {
    let cache = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_f3s"))
        .arg("check")
        .args(args.split_whitespace())
        .current_dir(project)
        .env_clear()
        .env("F3S_CACHE_DIR", cache.path())
        .output()
        .unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn mistakes_are_drawn_as_expected() {
    let cases = cases();
    assert!(cases.len() >= 20, "{} cases", cases.len());
    for case in cases {
        let args = std::fs::read_to_string(case.join("args")).unwrap_or_default();
        let (code, text) = check(copied(&case).path(), &args);
        assert_eq!(code, Some(3), "{}: {text}", case.display());
        assert_data_eq!(text, Data::read_from(&case.join("expected"), None).raw());
    }
}

#[test]
fn a_script_that_is_too_large_is_refused() {
    let project = tempfile::tempdir().unwrap();
    std::fs::create_dir(project.path().join("scripts")).unwrap();
    let script = format!("base(\"alpine:3.13\");\n// {}\n", "x".repeat(300 * 1024));
    std::fs::write(project.path().join("scripts/large.rhai"), script).unwrap();
    let (code, text) = check(project.path(), "");
    assert_eq!(code, Some(3));
    let expected = str![[r#"
error: the script is 307 KB long; the limit is 256 KB
 --> scripts/large.rhai:1:1
  |
1 | base("alpine:3.13");
  | ^^^^
  |
  = help: move data into a file and `copy` it, or split the recipe


"#]];
    assert_data_eq!(text, expected.raw());
}

#[test]
fn a_link_that_leaves_the_project_is_refused() {
    let project = tempfile::tempdir().unwrap();
    let scripts = project.path().join("scripts");
    std::fs::create_dir(&scripts).unwrap();
    std::os::unix::fs::symlink("/etc/hostname", scripts.join("name")).unwrap();
    std::fs::write(scripts.join("a.rhai"), "base(\"alpine:3.13\");\ncopy(\"name\", \"/name\");\n").unwrap();
    let (code, text) = check(project.path(), "");
    assert_eq!(code, Some(3));
    let expected = str![[r#"
error: `scripts/name` is a link that leaves the project
 --> scripts/a.rhai:2:1
  |
2 | copy("name", "/name");
  | ^^^^
  |
  = help: a recipe reads only its project: copy the file into it


"#]];
    assert_data_eq!(text, expected.raw());
}
