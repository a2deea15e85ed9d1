//! The ear on real files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Ear;
use crate::file::Stamp;
use crate::path::ProjectPath;

struct Listener {
    ear: Ear,
    root: PathBuf,
    _folder: tempfile::TempDir,
}

impl Listener {
    fn new(poll: bool) -> Listener {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        Listener { ear: Ear::new(&root, poll).unwrap(), root, _folder: folder }
    }

    fn write(&self, path: &str, text: &str) {
        std::fs::create_dir_all(self.root.join(path).parent().unwrap()).unwrap();
        std::fs::write(self.root.join(path), text).unwrap();
    }

    /// Listens to these as they are now.
    fn listen(&mut self, paths: &[&str]) {
        let read = stamps(&self.root, paths);
        self.ear.listen(&read, &[]);
    }

    async fn heard(&mut self) -> Vec<String> {
        self.heard_within(Duration::from_secs(10)).await.expect("a change")
    }

    async fn heard_within(&mut self, time: Duration) -> Option<Vec<String>> {
        let changed = tokio::time::timeout(time, self.ear.change()).await.ok()?;
        Some(changed.into_iter().map(|path| path.display().to_string()).collect())
    }

    async fn hears_nothing(&mut self) {
        let changed = tokio::time::timeout(Duration::from_millis(300), self.ear.change()).await;
        assert!(changed.is_err(), "{changed:?}");
    }
}

fn stamps(root: &Path, paths: &[&str]) -> BTreeMap<ProjectPath, Stamp> {
    let stamp = |path: &&str| (ProjectPath::join("", path).unwrap(), Stamp::of(&root.join(path)));
    paths.iter().map(stamp).collect()
}

#[tokio::test]
async fn hears_what_was_read_and_nothing_else() {
    let mut files = Listener::new(false);
    files.write("scripts/a.rhai", "1");
    files.write("other", "1");
    files.listen(&["scripts/a.rhai", "f3s.toml"]);
    files.write("other", "2");
    files.write("scripts/b.rhai", "1");
    std::fs::read(files.root.join("scripts/a.rhai")).unwrap();
    files.hears_nothing().await;

    files.write("scripts/a.rhai", "2");
    files.write("f3s.toml", "");
    assert_eq!(files.heard().await, ["f3s.toml", "scripts/a.rhai"]);
    // As editors do: a new file takes the old one's name.
    files.write("scripts/a.new", "3");
    std::fs::rename(files.root.join("scripts/a.new"), files.root.join("scripts/a.rhai")).unwrap();
    assert_eq!(files.heard().await, ["scripts/a.rhai"]);
}

#[tokio::test]
async fn a_list_that_was_read_changes_with_its_names_only() {
    let mut files = Listener::new(false);
    files.write("scripts/a.rhai", "1");
    files.write("scripts/ignored.log", "1");
    files.listen(&["scripts"]);
    files.write("scripts/ignored.log", "2");
    files.write("scripts/.a.rhai.swp", "x");
    files.hears_nothing().await;
    files.write("scripts/c.rhai", "1");
    assert_eq!(files.heard().await, ["scripts/c.rhai"]);
}

#[tokio::test]
async fn folders_that_go_and_come_back_are_heard_again() {
    let mut files = Listener::new(false);
    files.write("a/b/file", "1");
    let rename = |from: &str, to: &str, root: &Path| std::fs::rename(root.join(from), root.join(to)).unwrap();
    files.listen(&["a/b", "a/b/file"]);
    // Removed and made anew, before anybody could look.
    std::fs::remove_dir_all(files.root.join("a/b")).unwrap();
    files.write("a/b/file", "2");
    files.heard().await;
    files.listen(&["a/b", "a/b/file"]);
    files.write("a/b/file", "3");
    assert_eq!(files.heard().await, ["a/b/file"]);
    // Moved away, with another one in its place; at any level.
    for folder in ["a/b", "a"] {
        rename(folder, "old", &files.root);
        files.write("a/b/file", "4");
        files.heard().await;
        files.listen(&["a/b", "a/b/file"]);
        files.write("old/file", "not heard");
        files.hears_nothing().await;
        files.write("a/b/file", "5");
        assert_eq!(files.heard().await, ["a/b/file"]);
        std::fs::remove_dir_all(files.root.join("old")).unwrap();
    }
}

#[tokio::test]
async fn a_project_that_is_removed_and_made_again_is_heard() {
    for poll in [false, true] {
        let mut files = Listener::new(poll);
        // The project lies below what is removed, as a worktree does.
        files.root = files.root.join("worktrees/project");
        files.write("scripts/a.rhai", "1");
        files.ear = Ear::new(&files.root, poll).unwrap();
        let worktrees = files.root.parent().unwrap().to_owned();
        for (round, removed) in [files.root.clone(), worktrees].into_iter().enumerate() {
            files.listen(&["scripts", "scripts/a.rhai"]);
            std::fs::remove_dir_all(&removed).unwrap();
            files.heard().await;
            // A round found nothing.
            files.listen(&["scripts", "scripts/a.rhai"]);
            files.write("scripts/a.rhai", &format!("made again {round}"));
            files.heard().await;
            files.listen(&["scripts", "scripts/a.rhai"]);
            files.hears_nothing().await;
            files.write("scripts/a.rhai", &format!("edited {round}"));
            assert_eq!(files.heard().await, ["scripts/a.rhai"]);
            // Another one takes its place, before anybody could look.
            files.listen(&["scripts", "scripts/a.rhai"]);
            std::fs::rename(&removed, removed.with_extension("old")).unwrap();
            files.write("scripts/a.rhai", &format!("another {round}"));
            files.heard().await;
            std::fs::remove_dir_all(removed.with_extension("old")).unwrap();
        }
    }
}

#[tokio::test]
async fn nothing_is_lost_when_the_wait_is_dropped() {
    let mut files = Listener::new(false);
    files.write("a", "1");
    files.listen(&["a"]);
    files.write("a", "2");
    // Something else happens while the change is not yet over; on a busy machine it is over sooner.
    for _ in 0..3 {
        if let Some(heard) = files.heard_within(Duration::from_millis(15)).await {
            return assert_eq!(heard, ["a"]);
        }
    }
    assert_eq!(files.heard().await, ["a"]);
}

#[tokio::test]
async fn what_changed_between_reading_and_listening_is_a_change() {
    let mut files = Listener::new(false);
    files.write("a/x", "1");
    let read = stamps(&files.root, &["a", "a/x", "absent"]);
    files.write("a/x", "22");
    files.write("absent", "");
    files.ear.listen(&read, &[]);
    assert_eq!(files.heard().await, ["a/x", "absent"]);
}

#[tokio::test]
async fn polling_hears_changes_and_new_names_too() {
    let mut files = Listener::new(true);
    files.write("folder/a", "1");
    files.listen(&["folder", "folder/a"]);
    files.write("folder/a", "2");
    assert_eq!(files.heard().await, ["folder/a"]);
    files.write("folder/b", "1");
    assert_eq!(files.heard().await, ["folder"]);
}
