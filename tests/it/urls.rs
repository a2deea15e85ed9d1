//! Secrets in URLs of a project are shown by no command and in no format.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Command, Output};

const RECIPE: &str = r#"//! Fetched from https://me:geheim@a.example/x?token=geheim.
let url = param("url", "https://a.example/x.tar?X-Amz-Signature=geheim&raw", "as https://b.example?sig=geheim");
base("alpine:3.13");
label("source", "https://c.example/?key=geheim");
unpack(download(url), "/x");
run("curl 'https://d.example/?token=geheim'");
"#;

fn f3s(folder: &Path, variables: &[(&str, &str)], words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_f3s"))
        .args(words)
        .current_dir(folder)
        .env_clear()
        .env("F3S_CACHE_DIR", folder.join("cache"))
        .envs(variables.iter().copied())
        .output()
        .unwrap()
}

fn said(output: &Output) -> String {
    [&output.stdout[..], &output.stderr].map(String::from_utf8_lossy).concat()
}

#[test]
fn values_of_queries_are_shown_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("scripts")).unwrap();
    let write = |text: &str| std::fs::write(folder.path().join("scripts/a.rhai"), text).unwrap();
    write(RECIPE);
    for words in [
        &["list"][..],
        &["list", "--format", "json"],
        &["plan", "--offline", "-v"],
        &["plan", "--offline", "--format", "json"],
        &["graph"],
        &["check"],
        &["doctor"],
    ] {
        let said = said(&f3s(folder.path(), &[], words));
        assert!(!said.contains("geheim"), "{words:?}: {said}");
    }
    let listed = said(&f3s(folder.path(), &[], &["list"]));
    assert!(listed.contains("https://a.example/x.tar?X-Amz-Signature=***&***"), "{listed}");
    // Where it is only looked at; whoever reads it through a pipe builds with it.
    let github = ("GITHUB_ACTIONS", "true");
    let looked_at = said(&f3s(folder.path(), &[github], &["dockerfile", "a"]));
    assert!(!looked_at.contains("geheim") && looked_at.contains("https://d.example/?token=***"), "{looked_at}");
    assert!(said(&f3s(folder.path(), &[], &["dockerfile", "a"])).contains("https://d.example/?token=geheim"));
    for mistake in ["download(\"ftp://a.example/?token=geheim\");", "fail(\"https://a.example/?token=geheim\");"] {
        write(&format!("base(\"scratch\");\n{mistake}\n"));
        for variables in [&[][..], &[github]] {
            let output = f3s(folder.path(), variables, &["check"]);
            assert_eq!(output.status.code(), Some(3));
            let said = said(&output);
            assert!(!said.contains("geheim") && said.contains("?token=***"), "{said}");
        }
    }
}

#[test]
fn a_mistake_at_the_end_is_annotated_where_it_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("scripts")).unwrap();
    for (script, place) in [
        ("base(\"scratch\");\nrun(\"x\"\n", "2:7"),
        ("base(\"scratch\");\nrun(\"x\"", "2:7"),
        ("base(\"scratch\");\nfn x() {\n\n\n", "2:8"),
        ("base(\"scratch\");\nlet x = 1\n\nrun(\"x\");\n", "2:9"),
    ] {
        std::fs::write(folder.path().join("scripts/a.rhai"), script).unwrap();
        let said = said(&f3s(folder.path(), &[("GITHUB_ACTIONS", "true")], &["check"]));
        let (line, column) = place.split_once(':').unwrap();
        assert!(said.contains(&format!("--> scripts/a.rhai:{place}\n")), "{said}");
        assert!(said.contains(&format!("::error file=scripts/a.rhai,line={line},col={column}::")), "{said}");
    }
}

#[test]
fn a_name_that_is_no_text_is_named_where_a_pattern_meets_it() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("scripts/data")).unwrap();
    std::fs::write(folder.path().join("scripts/a.rhai"), "base(\"scratch\");\ncopy(\"data/*.txt\", \"/x/\");\n")
        .unwrap();
    let data = folder.path().join("scripts/data");
    std::fs::write(data.join("a.txt"), "").unwrap();
    if std::fs::write(data.join(std::ffi::OsStr::from_bytes(b"\xe9.txt")), "").is_err() {
        // Some file systems have no such names.
        return;
    }
    let output = f3s(folder.path(), &[], &["check"]);
    assert_eq!(output.status.code(), Some(3));
    let said = said(&output);
    assert!(
        said.contains("the file name `\u{fffd}.txt` is not UTF-8") && said.contains("scripts/a.rhai:2:1"),
        "{said}"
    );
}
