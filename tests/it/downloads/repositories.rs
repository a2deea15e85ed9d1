//! Repositories of `git` that are larger than what may come of them, on a server or on the disk.

use std::path::Path;
use std::process::Command;

use f3s::config::Size;

use super::server::{Server, head, whole};
use super::{Project, repository};

fn git(folder: &Path, words: &[&str]) -> String {
    let mut command = Command::new("git");
    let who = ["-c", "user.name=a", "-c", "user.email=a@b"];
    let output = command.args(who).arg("-C").arg(folder).args(words).env("HOME", folder).output().unwrap();
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A plain file server of this folder.
fn files(folder: &Path) -> Server {
    let folder = folder.to_owned();
    Server::start(move |request, stream| {
        let path = request.path.split('?').next().unwrap_or_default();
        match std::fs::read(folder.join(path.trim_start_matches('/'))) {
            Ok(content) => whole(stream, "", &content),
            Err(_) => head(stream, "404 Not Found", "Content-Length: 0\r\n"),
        }
    })
}

#[test]
fn what_is_larger_than_the_limit_is_refused_before_it_is_written() {
    let folder = tempfile::tempdir().unwrap();
    git(folder.path(), &["init", "--quiet", "--bare", "repo"]);
    let repo = folder.path().join("repo");
    let commit = |tree: &str| {
        let commit = git(&repo, &["commit-tree", "-m", "x", tree]);
        git(&repo, &["update-ref", "HEAD", &commit]);
        git(&repo, &["repack", "-a", "-d", "-q"]);
        git(&repo, &["update-server-info"]);
    };
    let tree_of = |content: &[u8]| {
        std::fs::write(folder.path().join("file"), content).unwrap();
        let blob = git(&repo, &["hash-object", "-w", "../file"]);
        std::fs::write(folder.path().join("tree"), format!("100644 blob {blob}\tfile\n")).unwrap();
        let mut mktree = Command::new("git");
        mktree.arg("-C").arg(&repo).arg("mktree").stdin(std::fs::File::open(folder.path().join("tree")).unwrap());
        String::from_utf8(mktree.output().unwrap().stdout).unwrap().trim().to_owned()
    };
    let error = |limit: u64| {
        let (server, cache) = (files(folder.path()), tempfile::tempdir().unwrap());
        let mut project = Project::new(cache.path());
        project.config.downloads.limit = Size(limit);
        let fetched = project.fetch(&repository(&format!("{}/repo", server.url)));
        assert!(fetched.retries().is_empty(), "{:?}", fetched.retries());
        fetched.content.map_err(|error| [error.message, error.notes.concat(), error.hints.concat()].concat()).err()
    };
    let noise: Vec<u8> =
        (0..12_000).flat_map(|number: u32| f3s::digest::of(number.to_le_bytes()).into_bytes()).collect();
    commit(&tree_of(&noise));
    assert_eq!(error(2_000_000), None);
    let refused = error(100_000).unwrap();
    assert!(
        refused.contains("cannot be fetched: it is larger than 100000 bytes") && refused.contains("`limit`"),
        "{refused}"
    );
    // A few bytes on the line.
    commit(&tree_of(&vec![0; 3_000_000]));
    let refused = error(2_000_000).unwrap();
    assert!(refused.contains("cannot be fetched: its files have more than 2 MB"), "{refused}");
    // Ten trees of ten names each, over and over: 10^12 files.
    let mut object = git(&repo, &["rev-parse", "HEAD^{tree}"]);
    for _ in 0..12 {
        let lines: String = (0..10).map(|number| format!("040000 tree {object}\t{number}\n")).collect();
        std::fs::write(folder.path().join("tree"), lines).unwrap();
        let mut mktree = Command::new("git");
        mktree.arg("-C").arg(&repo).arg("mktree").stdin(std::fs::File::open(folder.path().join("tree")).unwrap());
        object = String::from_utf8(mktree.output().unwrap().stdout).unwrap().trim().to_owned();
    }
    commit(&object);
    let refused = error(u64::MAX >> 1).unwrap();
    assert!(refused.contains("cannot be fetched: it has more than 1000000 files"), "{refused}");
}
