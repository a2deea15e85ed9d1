//! Locks of the store: between the tasks of a process, and between processes. The system lets go of what a dead process held.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustix::fs::FlockOperation;

use crate::folders;

/// How often a lock that another process holds is asked for.
const INTERVAL: Duration = Duration::from_millis(100);

#[derive(Clone, Debug)]
pub struct Locks {
    folder: PathBuf,
    /// One at a time for every key within this process.
    busy: Arc<Mutex<BTreeMap<String, Arc<tokio::sync::Mutex<()>>>>>,
}

pub struct Held {
    _file: File,
    _task: Option<tokio::sync::OwnedMutexGuard<()>>,
}

impl Locks {
    pub fn new(folder: PathBuf) -> Locks {
        Locks { folder, busy: Arc::default() }
    }

    pub fn path(&self, key: &str) -> PathBuf {
        self.folder.join(key)
    }

    /// Holds a key against other tasks and other processes.
    pub async fn exclusive(&self, key: &str) -> io::Result<Held> {
        let mutex = self
            .busy
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
            .entry(key.to_owned())
            .or_default()
            .clone();
        let task = mutex.lock_owned().await;
        let file = self.file(key, FlockOperation::NonBlockingLockExclusive).await?;
        Ok(Held { _file: file, _task: Some(task) })
    }

    /// Holds a key against whoever wants it for himself alone.
    pub async fn shared(&self, key: &str) -> io::Result<Held> {
        Ok(Held { _file: self.file(key, FlockOperation::NonBlockingLockShared).await?, _task: None })
    }

    /// Asked for again and again: a thread that waits for a lock could not be cancelled.
    async fn file(&self, key: &str, operation: FlockOperation) -> io::Result<File> {
        loop {
            match take(&self.path(key), operation)? {
                Some(file) => return Ok(file),
                None => tokio::time::sleep(INTERVAL).await,
            }
        }
    }

    /// The lock of a key that no process holds.
    pub fn free(&self, key: &str) -> io::Result<Option<File>> {
        take(&self.path(key), FlockOperation::NonBlockingLockExclusive)
    }
}

/// Takes a lock unless it is held. One whose file was removed meanwhile is worth nothing: others would lock a new file.
fn take(path: &Path, operation: FlockOperation) -> io::Result<Option<File>> {
    let file = folders::lock_file(path)?;
    match rustix::fs::flock(&file, operation) {
        Ok(()) => {}
        Err(rustix::io::Errno::WOULDBLOCK) => return Ok(None),
        Err(error) => return Err(error.into()),
    }
    let held = file.metadata()?;
    let is_same = std::fs::metadata(path).is_ok_and(|there| (there.dev(), there.ino()) == (held.dev(), held.ino()));
    Ok(is_same.then_some(file))
}
