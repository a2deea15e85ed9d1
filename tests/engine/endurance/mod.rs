//! What f3s outlives: kills at random moments, engines that are killed, hundreds of rounds and edits, files that never rest.
//! Small unless `F3S_CASES` asks for more.

mod engines;
mod kills;
mod rounds;

use crate::lab::{Project, docker};

/// Containers of checks that name the project.
fn containers(project: &Project) -> String {
    let all = docker(&["ps", "-a", "--no-trunc", "--filter", "label=f3s.check", "--format", "{{.Names}} {{.Command}}"]);
    all.lines().filter(|line| line.contains(&project.prefix)).collect::<Vec<_>>().join("\n")
}

/// What a run keeps in the cache only while it goes on.
fn unfinished(project: &Project) -> Vec<std::path::PathBuf> {
    let artifacts = project.path().join("cache/artifacts");
    let below = |name: &str| std::fs::read_dir(artifacts.join(name)).into_iter().flatten();
    below("partial").chain(below("runs")).map(|entry| entry.unwrap().path()).collect()
}
