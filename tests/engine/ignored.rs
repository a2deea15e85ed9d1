//! `.dockerignore`: what f3s takes of a folder is held against what Docker's own client takes of it.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;

use f3s::config::Config;
use f3s::diagnostic::Sources;
use f3s::pipeline;
use f3s::plan::{Plan, PlanOptions, Present};
use f3s::script::{Evaluations, Request};
use f3s::world::{Memory, World};

use crate::cases::{Cases, Choices};
use crate::lab::{Project, is_missing, variable};

/// The files of every case.
const TREE: &[&str] = &[
    "file",
    "dir/file",
    "dir/sub/file",
    "dir/sub/deep/file.txt",
    "dir/.hidden",
    "a/b/c/d",
    "a/b.txt",
    "a/file",
    "ab/c/d.txt",
    "abc/def",
    "a.txt",
    "abc.txt",
    ".env",
    "..x/y",
    "x.log",
    "logs/x.log",
    "k.pem",
    "conf/key.pem",
    "conf/deep/key.pem",
    "docs/kept/x",
    "docs/kept/y.md",
    "docs/other/x",
    "docs/README.md",
    "axb",
    "aüb",
    "a日b",
    "ü/ü",
    "{a,b}",
    "[a]",
    "[!a]/x",
    "a*b",
    "a\\b",
    "!x",
    "#x",
    "a b",
    "a^b",
    "a(b)",
    "a.b",
    "a+b",
    "a$b/x",
    "a|b",
    "7",
    "d",
    "A",
    "z]",
    "-",
    "b",
    "\u{feff}x",
];

/// Ignore files that mean something special, or nothing.
const CASES: &[&str] = &[
    "\u{feff}k.pem\n",
    "\u{feff}# x\n",
    "\n\u{feff}x\n",
    "conf//key.pem\n",
    "conf/./key.pem\n",
    "docs/.\n",
    "a/../b\n",
    "/docs\n",
    "//docs\n",
    "./docs\n",
    "docs/\n",
    "../docs\n",
    "docs/..\n",
    ".\n",
    "/\n",
    "..\n",
    "  a b  \n",
    "k.pem\r\nx.log\r\n",
    "#x\n",
    " #x\n",
    "\\#x\n",
    "\\!x\n",
    "**\n",
    "*\n",
    "**/\n",
    "/**\n",
    "**/*\n",
    "*/**\n",
    "**/**\n",
    "***\n",
    "**.pem\n",
    "**/*.pem\n",
    "**pem\n",
    "**/file\n",
    "**/dir/file\n",
    "**dir/**\n",
    "dir/**\n",
    "dir/*\n",
    "dir/**/file\n",
    "dir**\n",
    "dir/**file\n",
    "a**/*.txt\n",
    "a**b\n",
    "**/sub/*\n",
    "*/file\n",
    "*/*/file\n",
    "?\n",
    "???\n",
    "a?b\n",
    "ü/?\n",
    "a[a-z]b\n",
    "a[^x]b\n",
    "[!a]\n",
    "[^a]\n",
    "[a-c]*\n",
    "[[]a]\n",
    "[]]\n",
    "{a,b}\n",
    "a{\n",
    "\\{a,b\\}\n",
    "a(b)\na+b\na|b\na.b\na^b\na$b\n",
    "a.?\n",
    "a^*\n",
    "a$*\n",
    "a\\*b\n",
    "a\\?b\n",
    "a\\\\b\n",
    "\\a\n",
    "\\d\n",
    "\\w\n",
    "[\\d]\n",
    "[\\]a]\n",
    "[\\-]\n",
    "[a\\]b]\n",
    "[[:upper:]]\n",
    "[[:upper:]\n",
    "[*]\n",
    "[?]\n",
    "z]\n",
    "\\x41\n",
    "\\101\n",
    "\\Qa\n",
    "\\bfile\n",
    "[\\b]\n",
    "\\y\n",
    "\\7\n",
    "[z-a]\n",
    "[a-]\n",
    "[-a]\n",
    "[^]\n",
    "[\n",
    "a\\\n",
    "!\n",
    "! \n",
    "!/\n",
    "*\n!docs\n",
    "*\n!docs/kept\n",
    "*\n!docs/kept/\n",
    "*\n!/docs/kept/x\n",
    "*\n! docs/README.md\n",
    "*\n!**/x\n",
    "**\n!**/x\n",
    "*\n!docs/*\n",
    "*\n!docs/**\n",
    "docs\n!docs/kept\n",
    "docs\n!docs/k*\n",
    "docs/**\n!docs/kept/**\n",
    "docs/*\n!docs/kept\ndocs/kept/x\n",
    "!docs/kept\ndocs\n",
    "!dir\n",
    "*\n!*/file\n",
    "*\n!dir/../a/file\n",
    "dir\n!dir/sub/deep\n",
    "dir/sub\n!dir/sub/deep/file.txt\n",
    "!!x\n",
    "./!x\n",
    "!x\n",
    "a\n!a/b/**/d\n",
    "a/b\n!a/*\n",
    "a\n!a/*\na/b/c\n",
    "*\n!a\na/*\n!a/b.txt\n",
    "*.txt\n!abc.txt\n",
    "**/*.txt\n!dir/**/*.txt\n",
    "..x\n",
    ".*\n",
    ".dockerignore\n",
    "",
    "\n\n",
];

/// Without `+`, `(`, `)` and `|`, which mean more to the lab's client than to newer ones where a star stands beside them.
fn random(choices: &mut Choices) -> String {
    let lines = 1 + choices.below(4);
    let line = |choices: &mut Choices| {
        let mut line = String::new();
        if choices.once_in(3) {
            line.push('!');
        }
        if choices.once_in(8) {
            line.push('/');
        }
        let parts = 1 + choices.below(3);
        for part in 0..parts {
            if part > 0 {
                line += *choices.one_of(&["/", "/", "/", "//", "/./"]);
            }
            for _ in 0..=choices.below(2) {
                let pieces = [
                    "*", "**", "?", "a", "b", "dir", "sub", "file", "docs", "kept", "x", ".txt", ".md", "ü", "[a-d]",
                    "[^a]", "[!a]", "\\*", "\\[", "{a", "[", "a?", "..", ".", " ", "^", "d*", "*e",
                ];
                line += *choices.one_of(&pieces);
            }
        }
        line
    };
    (0..lines).map(|_| line(choices) + "\n").collect()
}

/// What f3s takes of the tree, or why it takes nothing.
fn taken_by_f3s(ignore: &str) -> Result<BTreeSet<String>, String> {
    let mut world = Memory::new().file(".dockerignore", ignore);
    for path in TREE {
        world = world.file(path, "");
    }
    let world: Arc<dyn World> = Arc::new(world.file("scripts/a.rhai", "base(\"scratch\");\ncopy(\"..\", \"/x/\");\n"));
    let (config, request) = (Config::default(), Request::default());
    let plan = pipeline::load(&world, &config, &request, &mut Sources::default(), &Evaluations::default())
        .and_then(|graph| pipeline::plan(&graph, &Present::default(), &*world, &config, &PlanOptions::default()));
    let plan: Plan = plan.map_err(|error| error.to_string())?;
    let mut paths = BTreeSet::new();
    for path in plan.images[0].context.entries.keys() {
        let Some(path) = path.strip_prefix(".f3s/copy/1/") else { continue };
        let ends = path.match_indices('/').map(|(end, _)| end).chain([path.len()]);
        paths.extend(ends.map(|end| path[..end].to_owned()));
    }
    Ok(paths)
}

/// Docker's client, at an engine whose frontend knows several contexts.
fn buildx(folder: &Path, words: &[String]) -> Output {
    let mut command = Command::new(variable("F3S_LAB_BUILDX"));
    command.args(["build", "--progress", "plain"]).args(words).current_dir(folder);
    command.env("DOCKER_HOST", variable("F3S_LAB_26")).env("BUILDX_CONFIG", folder.join("buildx")).output().unwrap()
}

fn context(folder: &Path, name: &str, ignore: &str) {
    let root = folder.join(name);
    for path in TREE.iter().chain(&["scripts/a.rhai"]) {
        let full = root.join(path);
        std::fs::create_dir_all(full.parent().unwrap()).unwrap();
        std::fs::write(full, "").unwrap();
    }
    std::fs::write(root.join(".dockerignore"), ignore).unwrap();
}

/// What Docker takes of the tree in each case: all of them in one build.
fn taken_by_docker(cases: &[&String]) -> Vec<BTreeSet<String>> {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path();
    let mut mounts = String::new();
    let mut words = Vec::new();
    for (number, ignore) in cases.iter().enumerate() {
        context(folder, &format!("c{number}"), ignore);
        mounts += &format!("--mount=type=bind,from=c{number},target=/m/{number} ");
        words.extend(["--build-context".to_owned(), format!("c{number}=c{number}")]);
    }
    let list = "cd /m && find . -mindepth 2 >/list";
    let dockerfile =
        format!("FROM alpine:3.13 AS all\nRUN --network=none {mounts}{list}\nFROM scratch\nCOPY --from=all /list /\n");
    std::fs::create_dir(folder.join("none")).unwrap();
    std::fs::write(folder.join("Dockerfile"), dockerfile).unwrap();
    words.extend(["-f", "Dockerfile", "-o", "type=local,dest=out", "none"].map(str::to_owned));
    let output = buildx(folder, &words);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut taken = vec![BTreeSet::new(); cases.len()];
    for line in std::fs::read_to_string(folder.join("out/list")).unwrap().lines() {
        let (number, path) = line.trim_start_matches("./").split_once('/').unwrap();
        taken[number.parse::<usize>().unwrap()].insert(path.to_owned());
    }
    taken
}

fn compare(cases: Vec<String>) {
    let mut refused = Vec::new();
    let mut taken = Vec::new();
    for case in &cases {
        match taken_by_f3s(case) {
            Ok(paths) => taken.push((case, paths)),
            Err(error) => refused.push((case, error)),
        }
    }
    let mut differences = String::new();
    for group in taken.chunks(150) {
        let docker = taken_by_docker(&group.iter().map(|(case, _)| *case).collect::<Vec<_>>());
        for ((case, f3s), docker) in group.iter().zip(docker) {
            if *f3s != docker {
                let (more, less) = (f3s.difference(&docker), docker.difference(f3s));
                let (more, less) = (more.collect::<Vec<_>>(), less.collect::<Vec<_>>());
                differences += &format!("{case:?}: only f3s takes {more:?}, only Docker takes {less:?}\n");
            }
        }
    }
    assert!(differences.is_empty(), "{differences}");
    // Each costs Docker a build.
    for (case, error) in refused.iter().take(12) {
        let temporary = tempfile::tempdir().unwrap();
        context(temporary.path(), "c", case);
        std::fs::write(temporary.path().join("Dockerfile"), "FROM scratch\nCOPY . /\n").unwrap();
        let output =
            buildx(temporary.path(), &["-f", "Dockerfile", "-o", "type=local,dest=out", "c"].map(str::to_owned));
        // One that is no regular expression is refused by Docker only when it comes to it.
        let maybe = error.contains("regular expression");
        assert!(maybe || !output.status.success(), "{case:?} is refused by f3s alone: {error}");
        assert!(error.contains(".dockerignore:"), "{error}");
    }
}

#[test]
fn every_rule_of_ignore_files_is_docker_s() {
    if !is_missing("alpine:3.13") {
        compare(CASES.iter().map(|case| (*case).to_owned()).collect());
    }
}

#[test]
fn random_ignore_files_mean_what_they_mean_to_docker() {
    if !is_missing("alpine:3.13") {
        compare(Cases::wanted(100).each().map(|mut choices| random(&mut choices)).collect());
    }
}

#[test]
fn a_copy_of_what_is_ignored_ends_as_docker_s() {
    let cases = [
        ("docs/*\n", "docs"),
        ("docs/**\n", "docs"),
        ("docs\n", "docs"),
        ("docs\n!docs/kept\n", "docs"),
        ("docs\n", "docs/kept"),
        ("docs\n!docs/kept\n", "docs/kept"),
        ("*.pem\n", "k.pem"),
        ("a-sources.jar\n", "*.jar"),
        ("**\n", "."),
        ("link\n", "link"),
        ("jars/a.jar\n", "link/a.jar"),
        ("jars\n", "link"),
    ];
    let folder = tempfile::tempdir().unwrap();
    let project = Project::new();
    let files = ["docs/kept/x", "docs/y", "k.pem", "a.jar", "a-sources.jar", "b.jar", "jars/a.jar"];
    for path in files {
        project.file(path, path);
        let full = folder.path().join(path);
        std::fs::create_dir_all(full.parent().unwrap()).unwrap();
        std::fs::write(full, path).unwrap();
    }
    for root in [project.path(), folder.path()] {
        std::os::unix::fs::symlink("jars", root.join("link")).unwrap();
    }
    for (number, (ignore, source)) in cases.into_iter().enumerate() {
        let case = format!("COPY {source} with {ignore:?}");
        project.file(".dockerignore", ignore);
        let name = number.to_string();
        project.recipe(&name, &format!("base(\"scratch\");\ncopy(\"../{source}\", \"/x/\");\n"));
        std::fs::write(folder.path().join(".dockerignore"), ignore).unwrap();
        std::fs::write(folder.path().join("Dockerfile"), format!("FROM scratch\nCOPY {source} /x/\n")).unwrap();
        let words = ["-f", "Dockerfile", "-o", &format!("type=local,dest=out{number}"), "."];
        let docker = buildx(folder.path(), &words.map(str::to_owned));
        let image = project.image(&name);
        let ran = project.f3s(&["build", &image]);
        assert_eq!(ran.code == Some(0), docker.status.success(), "{case}:\n{}", ran.err);
        if ran.code == Some(0) {
            let layers = project.layers(&name);
            let f3s: BTreeSet<String> = layers.into_iter().flatten().filter(|path| !path.is_empty()).collect();
            let out = folder.path().join(format!("out{number}"));
            let find = Command::new("find").arg(&out).args(["-mindepth", "1", "-printf", "%P\\n"]).output().unwrap();
            let docker = String::from_utf8(find.stdout).unwrap().lines().map(str::to_owned).collect::<BTreeSet<_>>();
            // The project has files of its own.
            let own = |path: &&String| !["x/scripts", "x/f3s.toml", "x/cache"].iter().any(|own| path.starts_with(own));
            let theirs =
                |path: &&String| !["x/out", "x/buildx", "x/Dockerfile"].iter().any(|own| path.starts_with(own));
            assert_eq!(
                f3s.iter().filter(own).collect::<Vec<_>>(),
                docker.iter().filter(theirs).collect::<Vec<_>>(),
                "{case}"
            );
        } else {
            assert!(ran.err.contains("left out by `.dockerignore`"), "{case}:\n{}", ran.err);
        }
    }
}
