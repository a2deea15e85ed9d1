//! Watch mode's ear: waits for changes of exactly the paths that a world remembers having read.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::{Config, Event, EventKind, PollWatcher, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;

use crate::path::ProjectPath;

/// Editors write a file in several steps, and `git switch` touches hundreds: a change is over when nothing has
/// happened for so long.
pub const QUIET: Duration = Duration::from_millis(50);
/// A change that never ends is taken for one all the same.
const LONGEST: Duration = Duration::from_secs(2);
const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// Waits for changes below a project's root.
pub struct Ear {
    root: PathBuf,
    watcher: Box<dyn Watcher + Send>,
    events: mpsc::UnboundedReceiver<PathBuf>,
    /// Folders that the watcher listens to.
    folders: BTreeSet<PathBuf>,
    /// What the last round read.
    read: BTreeSet<PathBuf>,
}

impl Ear {
    /// `poll`: look at the files again and again, for file systems without events.
    pub fn new(root: &Path, poll: bool) -> notify::Result<Ear> {
        let (sender, events) = mpsc::unbounded_channel();
        let hear = move |event: notify::Result<Event>| {
            let Ok(event) = event else { return };
            // Reading a file is an event, too.
            if matches!(event.kind, EventKind::Access(_)) {
                return;
            }
            for path in event.paths {
                let _ = sender.send(path);
            }
        };
        let watcher: Box<dyn Watcher + Send> = match poll {
            true => {
                let config = Config::default().with_poll_interval(POLL_INTERVAL).with_compare_contents(true);
                Box::new(PollWatcher::new(hear, config)?)
            }
            false => Box::new(RecommendedWatcher::new(hear, Config::default())?),
        };
        Ok(Ear { root: root.to_owned(), watcher, events, folders: BTreeSet::new(), read: BTreeSet::new() })
    }

    /// Listens for changes of these paths, and of no others. Events of a file arrive from its folder, so that it may
    /// vanish, come back, or be replaced by another.
    pub fn listen(&mut self, read: &BTreeSet<ProjectPath>, extra: &[PathBuf]) {
        self.read = read.iter().map(|path| self.root.join(path.as_str())).chain(extra.iter().cloned()).collect();
        let mut wanted = BTreeSet::new();
        for path in &self.read {
            if path.is_dir() {
                wanted.insert(path.clone());
            }
            let above = path.parent().unwrap_or(path).ancestors().find(|folder| folder.is_dir());
            wanted.extend(above.map(Path::to_owned));
        }
        for gone in self.folders.difference(&wanted) {
            // A folder that was removed is no longer watched anyway.
            let _ = self.watcher.unwatch(gone);
        }
        for new in wanted.difference(&self.folders) {
            if let Err(error) = self.watcher.watch(new, RecursiveMode::NonRecursive) {
                tracing::warn!(%error, folder = %new.display(), "a folder cannot be watched");
            }
        }
        self.folders = wanted;
    }

    /// How many files and folders count.
    pub fn files(&self) -> usize {
        self.read.len()
    }

    /// Waits until something that was read has changed and all is quiet again. Returns what changed, relative to the
    /// project where it lies in it. Can be dropped and called again without losing a change.
    pub async fn change(&mut self) -> BTreeSet<PathBuf> {
        let mut changed = BTreeSet::new();
        while changed.is_empty() {
            match self.events.recv().await {
                Some(path) => self.note(path, &mut changed),
                // The watcher is part of `self`: its end of the channel is open.
                None => std::future::pending().await,
            }
        }
        let start = tokio::time::Instant::now();
        while start.elapsed() < LONGEST {
            match tokio::time::timeout(QUIET, self.events.recv()).await {
                Ok(Some(path)) => self.note(path, &mut changed),
                Ok(None) | Err(_) => break,
            }
        }
        // Beside what was read, an editor's own files are not worth a word.
        if changed.iter().any(|path| self.read.contains(&self.root.join(path))) {
            changed.retain(|path| self.read.contains(&self.root.join(path)));
        }
        changed
    }

    /// Keeps a path that was read, or that lies in a folder whose list was read.
    fn note(&self, path: PathBuf, changed: &mut BTreeSet<PathBuf>) {
        let listed = path.parent().is_some_and(|folder| self.read.contains(folder));
        // A missing folder on the way to something that was looked for.
        let above = self.read.iter().any(|read| read.starts_with(&path));
        if self.read.contains(&path) || listed || above {
            let short = path.strip_prefix(&self.root).map(Path::to_owned).unwrap_or(path);
            changed.insert(short);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(paths: &[&str]) -> BTreeSet<ProjectPath> {
        paths.iter().map(|path| ProjectPath::join("", path).unwrap()).collect()
    }

    async fn heard(ear: &mut Ear) -> Vec<String> {
        let changed = tokio::time::timeout(Duration::from_secs(10), ear.change()).await.expect("a change");
        changed.into_iter().map(|path| path.display().to_string()).collect()
    }

    async fn hears_nothing(ear: &mut Ear) {
        assert!(tokio::time::timeout(Duration::from_millis(300), ear.change()).await.is_err());
    }

    #[tokio::test]
    async fn hears_what_was_read_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let write = |path: &str, text: &str| std::fs::write(root.join(path), text).unwrap();
        std::fs::create_dir(root.join("scripts")).unwrap();
        write("scripts/a.rhai", "1");
        write("other", "1");
        let mut ear = Ear::new(&root, false).unwrap();
        ear.listen(&read(&["scripts/a.rhai", "f3s.toml"]), &[]);
        write("other", "2");
        write("scripts/b.rhai", "1");
        std::fs::read(root.join("scripts/a.rhai")).unwrap();
        hears_nothing(&mut ear).await;

        write("scripts/a.rhai", "2");
        write("f3s.toml", "");
        assert_eq!(heard(&mut ear).await, ["f3s.toml", "scripts/a.rhai"]);
        // As editors do: a new file takes the old one's name.
        write("scripts/a.new", "3");
        std::fs::rename(root.join("scripts/a.new"), root.join("scripts/a.rhai")).unwrap();
        assert_eq!(heard(&mut ear).await, ["scripts/a.rhai"]);

        // A list that was read: new names count.
        ear.listen(&read(&["scripts"]), &[]);
        write("scripts/c.rhai", "1");
        assert_eq!(heard(&mut ear).await, ["scripts/c.rhai"]);
        // The folder itself goes and comes back.
        std::fs::remove_dir_all(root.join("scripts")).unwrap();
        assert!(heard(&mut ear).await.contains(&"scripts".to_owned()));
        ear.listen(&read(&["scripts"]), &[]);
        std::fs::create_dir(root.join("scripts")).unwrap();
        assert_eq!(heard(&mut ear).await, ["scripts"]);
    }

    #[tokio::test]
    async fn polling_hears_changes_too() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        std::fs::write(root.join("a"), "1").unwrap();
        let mut ear = Ear::new(&root, true).unwrap();
        ear.listen(&read(&["a"]), &[]);
        tokio::time::sleep(Duration::from_millis(600)).await;
        std::fs::write(root.join("a"), "22").unwrap();
        assert_eq!(heard(&mut ear).await, ["a"]);
    }
}
