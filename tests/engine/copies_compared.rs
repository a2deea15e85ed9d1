//! A copy means the same everywhere: Docker's own instruction, the step on its own, the step in a layer, the step before
//! a cleanup.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::cases::Cases;
use crate::copy_cases::{self, Case};
use crate::docker_build::{docker_build, import_gnu};
use crate::lab::{Project, is_missing, skipped};

/// How many copies share one image: engines have a limit of 125 layers.
const CHUNK: usize = 50;

/// How many of them have a cleanup of their own, as well.
const CLEANED: usize = 4;

/// All below `/c*`: kind, mode, owner, time, number of links, name and target; then contents.
const LIST: &str = "find /c[0-9]* -exec stat -c '%f %u:%g %Y %h %N' {} +; find /c[0-9]* -type f -exec sha256sum {} +";

#[test]
fn copies_mean_the_same_in_layers_as_on_their_own() {
    if is_missing("alpine:3.13") {
        return;
    }
    let mut choices: Vec<_> = Cases::wanted(200).each().collect();
    let cases: Vec<Case> = choices.iter_mut().enumerate().map(|(number, one)| copy_cases::case(number, one)).collect();
    let project = Project::new();
    sh(project.path(), &format!("mkdir scripts; cd scripts; {}", sources(&project.prefix)));
    let gnu = project.image("gnu");
    let has_gnu = import_gnu(&gnu).is_some();
    if !has_gnu {
        skipped("this machine has no GNU programs: copies are compared on Alpine alone");
    }
    let chunks: Vec<Chunk> = cases
        .chunks(CHUNK)
        .enumerate()
        .map(|(number, cases)| {
            let base = if has_gnu && number % 2 == 1 { &gnu } else { "alpine:3.13" };
            Chunk { project: &project, number, base, cases }
        })
        .collect();
    chunks.iter().for_each(Chunk::write_recipes);
    // One after the other: Docker 20.10 gives up where equal steps of several builds wait for each other.
    let differences: Vec<String> = chunks.iter().flat_map(Chunk::compare).collect();
    assert!(differences.is_empty(), "{} differ:\n{}", differences.len(), differences.join("\n"));
}

/// Copies that share their images.
struct Chunk<'a> {
    project: &'a Project,
    number: usize,
    base: &'a str,
    cases: &'a [Case],
}

impl Chunk<'_> {
    fn name(&self, what: &str) -> String {
        format!("{what}{}", self.number)
    }

    /// The image in which everything stands before the copies.
    fn prepared(&self) -> String {
        format!("{}:latest", self.project.image(&self.name("base")))
    }

    /// Lines that name the prepared image.
    fn lines(&self, of: impl Fn(&Case) -> String) -> String {
        self.cases.iter().map(of).collect::<Vec<_>>().join("\n").replace("BASE", &self.prepared())
    }

    fn write_recipes(&self) {
        let base = self.prepared();
        let head = format!("let s = stage(\"s\", || {{ base(\"{base}\"); }});\nbase(\"{base}\");\nuser(\"root\");\n");
        let steps = self.lines(|case| case.step.clone());
        let with_cleanup = |step| format!("{step}\ncleanup(\"true\");\n");
        let cleaned: String = steps.lines().take(CLEANED).map(with_cleanup).collect();
        self.project.recipe(&self.name("plain"), &format!("{head}{steps}\n"));
        let layer = format!("{head}layer(\"l\", || {{\n{steps}\nrun(\"true\");\n}});\n");
        self.project.recipe(&self.name("layer"), &layer);
        self.project.recipe(&self.name("cleaned"), &format!("{head}{cleaned}"));
    }

    /// Builds all and says what differs.
    fn compare(&self) -> Vec<String> {
        let unique = &self.project.prefix;
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        let setup = self.lines(|case| case.setup.clone());
        let of_images = sources(&format!("{unique} of an image"));
        write("setup", &format!("set -eu; mkdir /from; cd /from\n{of_images}{}{setup}\n", copy_cases::OF_IMAGES));
        let run = "RUN --mount=type=bind,target=/dev/context sh /dev/context/setup";
        write("Dockerfile", &format!("FROM {}\n{run}\nCMD [\"sh\"]\n", self.base));
        docker_build(folder.path(), &self.prepared()).unwrap();

        sh(folder.path(), &sources(unique));
        let copies = self.lines(|case| case.instruction.clone());
        let base = self.prepared();
        write("Dockerfile", &format!("FROM {base} AS s\nFROM {base}\n{copies}\n"));
        docker_build(folder.path(), &self.project.image(&self.name("docker"))).unwrap();

        let names = ["plain", "layer", "cleaned"];
        let recipes: Vec<String> = names.iter().map(|name| self.project.image(&self.name(name))).collect();
        let recipes = recipes.iter().map(String::as_str);
        self.project.f3s(&["build"].into_iter().chain(recipes).collect::<Vec<_>>()).ok();
        let expected = self.listed("docker");
        let mut differences = Vec::new();
        for name in names {
            let found = self.listed(name);
            let count = if name == "cleaned" { CLEANED } else { CHUNK };
            for (at, case) in self.cases.iter().enumerate().take(count) {
                let root = format!("/c{}", self.number * CHUNK + at);
                let (expected, found) = (&expected[&root], &found[&root]);
                if expected != found {
                    let what = format!("{name} on {}: {}\n  after {}\n", self.base, case.instruction, case.setup);
                    let (docker, f3s) = (without(expected, found), without(found, expected));
                    differences.push(format!("{what}  Docker:\n{docker}  f3s:\n{f3s}"));
                }
            }
        }
        differences
    }

    /// What an image holds of every case.
    fn listed(&self, name: &str) -> BTreeMap<String, Vec<String>> {
        let mut cases: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let yesterday = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() - 86400;
        for line in self.project.sh(&self.name(name), LIST).lines() {
            let (_, path) = line.split_once("/c").unwrap();
            let number: String = path.chars().take_while(char::is_ascii_digit).collect();
            cases.entry(format!("/c{number}")).or_default().push(comparable(line, yesterday));
        }
        cases.values_mut().for_each(|lines| lines.sort());
        cases
    }
}

/// A line of the list without what differs from build to build.
fn comparable(line: &str, yesterday: u64) -> String {
    let mut words: Vec<&str> = line.splitn(5, ' ').collect();
    let Some(time) = words.get(2).and_then(|time| time.parse::<u64>().ok()) else { return line.to_owned() };
    let is_folder = words[0].starts_with('4');
    // Folders of a context have the time of the build in Docker 20.10.
    if time > yesterday || is_folder && time == 315_532_800 {
        words[2] = "now";
    }
    // Overlay file systems count 1 for a folder of several layers.
    if is_folder {
        words[3] = "-";
    }
    words.join(" ")
}

fn without(lines: &[String], others: &[String]) -> String {
    lines.iter().filter(|line| !others.contains(line)).map(|line| format!("    {line}\n")).collect()
}

fn sources(unique: &str) -> String {
    copy_cases::SOURCES.replace("UNIQUE", unique)
}

#[track_caller]
fn sh(folder: &Path, script: &str) {
    let output = Command::new("sh").args(["-euc", script]).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
