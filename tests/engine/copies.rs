//! Files of the project on their way into an image, whatever they are called.

use crate::lab::{Project, is_missing};

/// Names that mean something to a Dockerfile, to Go's patterns, to CSV, to JSON, to gRPC's headers, or to nobody.
const NAMES: &[&str] = &[
    "ünï",
    "日本",
    "*",
    "?",
    "[a]",
    "[",
    "a\\b",
    "\\",
    "b\\",
    "a b",
    " a",
    "a\u{a0}b",
    "a,b",
    "it's",
    "\"q\"",
    "$HOME",
    "${x}",
    "a=b",
    "--from=alpine:3.13",
    "--chmod=777",
    "-",
    "<<EOF",
    "3<<-E",
    "#x",
    "# syntax=x",
    "%C3%BC",
    "a\nb",
    "\u{1}",
    ".f3s",
    ".dockerignore",
    "Dockerfile",
    "👩‍👩‍👧",
    "e\u{301}",
    "[]",
    "[\"x\"]",
    "{a,b}",
    "!a",
    "~",
    "COPY",
];

/// A text of Rhai.
fn text(value: &str) -> String {
    let escaped = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("\"{}\"", escaped.replace('\u{1}', "\\x01"))
}

/// A path that the script takes as it is.
fn escaped(path: &str) -> String {
    path.chars().flat_map(|c| matches!(c, '*' | '?' | '[').then_some('\\').into_iter().chain([c])).collect()
}

#[test]
fn any_name_arrives_as_a_file_as_a_folder_in_a_folder_and_by_a_pattern() {
    if is_missing("alpine:3.13") {
        return;
    }
    let project = Project::new();
    let base = "base(\"alpine:3.13\");\n";
    let (mut folders, mut files, mut targets) = (base.to_owned(), base.to_owned(), base.to_owned());
    let mut expected = Vec::new();
    for (number, name) in NAMES.iter().enumerate() {
        // At the project's root, where nothing stands before the name; the ignore file there is one.
        if *name != ".dockerignore" {
            project.file(&format!("{name}/in"), &format!("folder {number}"));
            let source = escaped(&format!("../{name}"));
            folders += &format!("copy({}, \"/folders/{number}/\");\n", text(&source));
            expected.push(format!("/folders/{number}/in=folder {number}"));
        }
        project.file(&format!("files/{name}"), &format!("file {number}"));
        project.file(&format!("all/{name}/{name}"), &format!("all {number}"));
        expected.push(format!("/all/{name}/{name}=all {number}"));
        // Not all of them: 20.10 gives up comparing forty files of one instruction on a busy machine.
        if number % 4 == 0 {
            project.file(&format!("some/{name}"), &format!("some {number}"));
            expected.push(format!("/glob/{name}=some {number}"));
        }
        let source = escaped(&format!("../files/{name}"));
        files += &format!("copy({}, \"/files/{number}/\");\n", text(&source));
        expected.push(format!("/files/{number}/{name}=file {number}"));
        if !name.contains(char::is_control) {
            let target = format!("/to/{number}/{name}");
            targets += &format!("copy(\"../files/ünï\", {});\n", text(&target));
            expected.push(format!("{target}=file 0"));
        }
    }
    project.file("-x", "flag");
    targets += "copy(\"../all\", \"/all\");\ncopy(\"../some/*\", \"/glob/\");\n";
    targets += "copy([\"../-x\", \"../f3s.toml\"], \"/flags/\");\n";
    expected.push("/flags/-x=flag".to_owned());
    let recipes = [("a", folders), ("b", files), ("c", targets)];
    recipes.iter().for_each(|(name, script)| project.recipe(name, script));
    project.f3s(&["build"]).ok();
    let list = "find /folders /files /all /to /glob /flags -type f ! -name f3s.toml -exec sh -c \
                'for f; do printf \"%s=\" \"$f\"; cat \"$f\"; printf \"\\0\"; done' sh {} + 2>/dev/null; true";
    let found: String = recipes.iter().map(|(name, _)| project.sh(name, list)).collect();
    let mut found: Vec<&str> = found.split('\0').filter(|line| !line.is_empty()).collect();
    found.sort_unstable();
    expected.sort_unstable();
    assert_eq!(found, expected);
}

#[test]
fn patterns_in_a_stage_and_in_an_image_are_those_of_copy() {
    if is_missing("alpine:3.13") {
        return;
    }
    let project = Project::new();
    project.recipe(
        "a",
        r#"
let build = stage("build", || {
    base("alpine:3.13");
    run("mkdir '/o' '/o/x y' && cd /o && touch a.jar b.jar c.txt 'x y/1.jar' 'x y/2.jar' '[l].jar' d1 d2 d3");
});
base("alpine:3.13");
copy("/o/*.jar", "/jars/", #{ from: build });
copy("/o/x y/?.jar", "/spaced/", #{ from: build });
copy("/o/d[12]", "/classes/", #{ from: build });
copy("/o/[[]l].jar", "/literal/", #{ from: build });
copy("/etc/al*-release", "/release/", #{ from: "alpine:3.12" });
"#,
    );
    project.f3s(&["build"]).ok();
    let found = project.sh("a", "find /jars /spaced /classes /literal /release -type f | sort");
    let expected = "/classes/d1\n/classes/d2\n/jars/[l].jar\n/jars/a.jar\n/jars/b.jar\n/literal/[l].jar\n\
                    /release/alpine-release\n/spaced/1.jar\n/spaced/2.jar";
    assert_eq!(found, expected);
}
