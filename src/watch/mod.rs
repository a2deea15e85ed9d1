//! Watch mode's ear: waits for changes of exactly the paths that a world remembers having read.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::event::{AccessKind, AccessMode, ModifyKind};
use notify::{Config, Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::file::Stamp;
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
    /// `None`: what was read is looked at again and again.
    watcher: Option<RecommendedWatcher>,
    heard: mpsc::UnboundedReceiver<Heard>,
    /// Folders that the watcher listens to, each with its device and inode: another folder may take its name.
    folders: BTreeMap<PathBuf, (u64, u64)>,
    /// What the last round read, and as what it was found.
    read: BTreeMap<PathBuf, Stamp>,
    /// What has changed since and was not handed out yet.
    pending: BTreeSet<PathBuf>,
    /// When the first of it was heard.
    since: Option<Instant>,
    complaint: Option<String>,
    has_complained: bool,
}

enum Heard {
    /// A name came, went or was given to something else.
    Name(PathBuf),
    Content(PathBuf),
    /// Found by looking: all of it was read.
    Read(Vec<PathBuf>),
    /// The system lost events, or the watcher failed: anything may have changed.
    Anything,
}

impl Ear {
    /// `poll`: look at the files again and again, for file systems without events.
    pub fn new(root: &Path, poll: bool) -> notify::Result<Ear> {
        let (sender, heard) = mpsc::unbounded_channel();
        let hear = move |event: notify::Result<Event>| {
            for heard in what_is_heard(event) {
                let _ = sender.send(heard);
            }
        };
        let watcher = if poll { None } else { Some(RecommendedWatcher::new(hear, Config::default())?) };
        Ok(Ear {
            root: root.to_owned(),
            watcher,
            heard,
            folders: BTreeMap::new(),
            read: BTreeMap::new(),
            pending: BTreeSet::new(),
            since: None,
            complaint: None,
            has_complained: false,
        })
    }

    /// Listens for changes of these paths, too.
    pub fn listen_also(&mut self, read: &BTreeMap<ProjectPath, Stamp>) {
        let more = read.iter().map(|(path, stamp)| (self.root.join(path.as_str()), stamp.clone()));
        self.read.extend(more.collect::<Vec<_>>());
        self.watch_folders();
    }

    /// Listens for changes of these paths, and of no others. What is not any more as it was found is a change.
    pub fn listen(&mut self, read: &BTreeMap<ProjectPath, Stamp>, extra: &[PathBuf]) {
        let extra = extra.iter().map(|path| (path.clone(), Stamp::of(path)));
        self.read =
            read.iter().map(|(path, stamp)| (self.root.join(path.as_str()), stamp.clone())).chain(extra).collect();
        self.watch_folders();
        let missed = self.changed_since();
        missed.into_iter().for_each(|path| self.remember(path));
    }

    /// Events of a file arrive from its folder, so that it may vanish, come back, or be replaced by another; and so with
    /// every folder up to the root, and with the root itself, which another checkout may take the place of.
    fn watch_folders(&mut self) {
        let Some(watcher) = &mut self.watcher else { return };
        let mut wanted: BTreeSet<PathBuf> = self.root.ancestors().skip(1).map(Path::to_owned).collect();
        for path in self.read.keys() {
            let above = path.ancestors().skip(1).take_while(|folder| folder.starts_with(&self.root));
            // A setting may lie elsewhere: its own folder will do.
            let own = path.parent().filter(|folder| !folder.starts_with(&self.root));
            wanted.extend(above.chain(own).chain([path.as_path()]).map(Path::to_owned));
        }
        wanted.retain(|path| path.is_dir());
        for gone in self.folders.keys().filter(|folder| !wanted.contains(*folder)) {
            // A folder that was removed is no longer watched anyway.
            let _ = watcher.unwatch(gone);
        }
        let mut folders = BTreeMap::new();
        for folder in wanted {
            let Some(inode) = inode(&folder) else { continue };
            if self.folders.get(&folder) != Some(&inode) {
                let _ = watcher.unwatch(&folder);
                if let Err(error) = watcher.watch(&folder, RecursiveMode::NonRecursive) {
                    // Folders above the project may be somebody else's.
                    if !self.root.starts_with(&folder) || folder == self.root {
                        self.complaint = Some(format!("`{}` cannot be watched: {error}", folder.display()));
                    }
                    continue;
                }
            }
            folders.insert(folder, inode);
        }
        self.folders = folders;
    }

    /// Why changes may go unheard, once.
    pub fn complaint(&mut self) -> Option<String> {
        let complaint = self.complaint.take().filter(|_| !self.has_complained);
        self.has_complained |= complaint.is_some();
        complaint
    }

    /// How many files and folders count.
    pub fn files(&self) -> usize {
        self.read.len()
    }

    /// Waits until something that was read has changed and all is quiet again. Returns what changed, relative to the
    /// project where it lies in it. Can be dropped and called again without losing a change.
    pub async fn change(&mut self) -> BTreeSet<PathBuf> {
        loop {
            let heard = match self.since {
                None => self.hear().await,
                Some(since) if since.elapsed() >= LONGEST => break,
                Some(_) => match tokio::time::timeout(QUIET, self.hear()).await {
                    Ok(heard) => heard,
                    Err(_) => break,
                },
            };
            self.note(heard);
        }
        self.since = None;
        let changed = std::mem::take(&mut self.pending);
        // Beside what was read, names of other files are not worth a word.
        let read: BTreeSet<PathBuf> = changed.iter().filter(|path| self.read.contains_key(*path)).cloned().collect();
        let worth = if read.is_empty() { changed } else { read };
        worth.iter().map(|path| path.strip_prefix(&self.root).unwrap_or(path).to_owned()).collect()
    }

    /// What is another thing than when this was asked last, or it was read.
    fn changed_since(&mut self) -> Vec<PathBuf> {
        let mut changed = Vec::new();
        for (path, known) in &mut self.read {
            let now = Stamp::of(path);
            if *known != now {
                *known = now;
                changed.push(path.clone());
            }
        }
        changed
    }

    async fn hear(&mut self) -> Heard {
        if self.watcher.is_some() {
            return self.heard.recv().await.expect("the watcher is part of `self`: its end of the channel is open");
        }
        loop {
            tokio::time::sleep(POLL_INTERVAL).await;
            let changed = self.changed_since();
            if !changed.is_empty() {
                return Heard::Read(changed);
            }
        }
    }

    /// Keeps what was read, or may change the list of a folder that was.
    fn note(&mut self, heard: Heard) {
        match heard {
            Heard::Anything => self.remember(self.root.clone()),
            Heard::Read(paths) => paths.into_iter().for_each(|path| self.remember(path)),
            Heard::Content(path) if self.read.contains_key(&path) => self.remember(path),
            Heard::Content(_) => {}
            Heard::Name(path) => {
                // The watcher may follow what bore the name before.
                let stale = self.folders.range(path.clone()..).take_while(|(folder, _)| folder.starts_with(&path));
                let stale: Vec<PathBuf> = stale.map(|(folder, _)| folder.clone()).collect();
                stale.iter().for_each(|folder| _ = self.folders.remove(folder));
                let listed = path.parent().is_some_and(|folder| self.read.contains_key(folder)) && !is_editors(&path);
                // A folder on the way to something that was read or looked for.
                let above = || self.read.range(path.clone()..).next().is_some_and(|(read, _)| read.starts_with(&path));
                if self.read.contains_key(&path) || listed || above() {
                    self.remember(path);
                }
            }
        }
    }

    fn remember(&mut self, path: PathBuf) {
        self.pending.insert(path);
        self.since.get_or_insert_with(Instant::now);
    }
}

fn what_is_heard(event: notify::Result<Event>) -> Vec<Heard> {
    let event = match event {
        Ok(event) if !event.need_rescan() => event,
        Ok(_) => return vec![Heard::Anything],
        Err(error) => {
            tracing::warn!(%error, "watching files");
            return vec![Heard::Anything];
        }
    };
    let heard: fn(PathBuf) -> Heard = match event.kind {
        // Reading is an event, too; what was written through a mapping of memory shows when the file is closed.
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => Heard::Content,
        EventKind::Access(_) => return Vec::new(),
        EventKind::Modify(ModifyKind::Name(_)) | EventKind::Create(_) | EventKind::Remove(_) => Heard::Name,
        EventKind::Modify(_) | EventKind::Any | EventKind::Other => Heard::Content,
    };
    event.paths.into_iter().map(heard).collect()
}

fn inode(folder: &Path) -> Option<(u64, u64)> {
    let metadata = std::fs::metadata(folder).ok()?;
    Some((metadata.dev(), metadata.ino()))
}

/// Files that editors keep beside the one that is edited: Vim's swap files and its probe, Emacs' locks and copies.
fn is_editors(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let swap = name.starts_with('.') && [".swp", ".swo", ".swx", ".swpx"].iter().any(|suffix| name.ends_with(suffix));
    swap || name == "4913"
        || name.ends_with('~')
        || name.starts_with(".#")
        || (name.starts_with('#') && name.ends_with('#'))
}

#[cfg(test)]
mod tests;
