//! The processes that work with the store: what each one uses, and what dead ones left behind.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::locks::Locks;
use super::partial::{ABOUT, Partial};

/// What the names of these processes begin with.
const PREFIX: &str = "run-";
/// The folder, within a process's own, of the digests that it uses.
const USED: &str = "used";

/// How long a download that was begun waits for its rest.
const PATIENCE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// This process. Others see by its lock that it lives; what it works on goes with it.
#[derive(Debug)]
pub struct Living {
    folder: PathBuf,
    lock: PathBuf,
    _held: File,
}

impl Living {
    pub fn begin(root: &Path, locks: &Locks) -> io::Result<Living> {
        loop {
            let named = tempfile::Builder::new().prefix(PREFIX).rand_bytes(12).tempfile_in(locks.path(""))?;
            let lock = named.into_temp_path().keep()?;
            let name = lock.file_name().unwrap_or_default().to_string_lossy().into_owned();
            // Its lock comes before its folder: who finds the folder, finds it locked.
            let Some(held) = locks.free(&name)? else { continue };
            let folder = root.join("runs").join(name);
            std::fs::create_dir(&folder)?;
            std::fs::create_dir(folder.join(USED))?;
            return Ok(Living { folder, lock, _held: held });
        }
    }

    /// For what is being made.
    pub fn work(&self) -> &Path {
        &self.folder
    }

    /// Keeps a content from being pruned as long as this process lives.
    pub fn uses(&self, digest: &str) -> io::Result<()> {
        File::create(self.folder.join(USED).join(digest)).map(drop)
    }
}

impl Drop for Living {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
        let _ = std::fs::remove_file(&self.lock);
    }
}

/// The names in a folder.
pub fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

/// Removes what processes that are dead have left: what they worked on, and downloads that nobody can go on with.
pub fn clear_dead(root: &Path, locks: &Locks) {
    for name in names(&root.join("runs")).iter().chain(names(&locks.path("")).iter().filter(|name| is_run(name))) {
        if let Ok(Some(_held)) = locks.free(name) {
            let _ = std::fs::remove_dir_all(root.join("runs").join(name));
            let _ = std::fs::remove_file(locks.path(name));
        }
    }
    for partial in partials(root) {
        if let Ok(Some(_held)) = locks.free(&partial.key()) {
            let begun = std::fs::metadata(&partial.file).and_then(|metadata| metadata.modified()).ok();
            let is_old =
                begun.and_then(|begun| SystemTime::now().duration_since(begun).ok()).is_none_or(|age| age > PATIENCE);
            match is_old {
                true => partial.remove(),
                false => partial.remove_unless_it_can_go_on(),
            }
        }
    }
}

/// The downloads that were begun.
pub fn partials(root: &Path) -> Vec<Partial> {
    let folder = root.join("partial");
    let keys: BTreeSet<String> = names(&folder)
        .into_iter()
        .map(|name| name.strip_suffix(&format!(".{ABOUT}")).map(str::to_owned).unwrap_or(name))
        .collect();
    keys.into_iter().map(|key| Partial { file: folder.join(key) }).collect()
}

fn is_run(name: &str) -> bool {
    name.starts_with(PREFIX)
}

/// What processes that live use. Call it with the store's lock: none of them begins to use more meanwhile.
pub fn used(root: &Path) -> BTreeSet<String> {
    let runs = root.join("runs");
    names(&runs).iter().flat_map(|name| names(&runs.join(name).join(USED))).collect()
}
