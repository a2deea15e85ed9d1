//! Locks of f3s's processes on one machine: a wait for another says for whom, and ends when its future is dropped.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::time::Duration;

use rustix::fs::FlockOperation;

use crate::diagnostic::Diagnostic;
use crate::folders;

/// How often a lock that another holds is tried.
const INTERVAL: Duration = Duration::from_millis(100);

/// Held while it lives, and no longer than the process does.
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Waits for the lock; the file holds the process id of who has it.
    pub async fn take(path: &Path, say: &(dyn Fn(String) + Sync)) -> Result<Lock, Diagnostic> {
        let failed = |error: io::Error| Diagnostic::error(format!("the lock `{}`: {error}", path.display()));
        let mut file = folders::lock_file(path).map_err(failed)?;
        let mut has_said = false;
        loop {
            match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => break,
                Err(rustix::io::Errno::WOULDBLOCK) => {}
                Err(error) => return Err(failed(error.into())),
            }
            if !has_said {
                has_said = true;
                say(format!("waiting for {}, which holds {}", holder(path), path.display()));
            }
            tokio::time::sleep(INTERVAL).await;
        }
        let written = file.set_len(0).and_then(|()| write!(file, "{}", std::process::id()));
        written.map_err(failed)?;
        Ok(Lock { _file: file })
    }
}

/// `process 4711 (f3s)`, as far as it is known.
fn holder(path: &Path) -> String {
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(32).read_to_string(&mut text));
    let pid: Option<u32> = read.ok().and_then(|_| text.trim().parse().ok());
    let Some(pid) = pid else { return "another process".to_owned() };
    match std::fs::read_to_string(format!("/proc/{pid}/comm")) {
        Ok(name) => format!("process {pid} ({})", name.trim()),
        Err(_) => format!("process {pid}"),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[tokio::test]
    async fn a_wait_says_for_whom_ends_with_the_lock_and_can_be_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let said = Mutex::new(Vec::new());
        let say = |text: String| said.lock().unwrap().push(text);
        let held = Lock::take(&path, &say).await.unwrap();
        assert!(said.lock().unwrap().is_empty());
        let dropped = tokio::time::timeout(INTERVAL * 3, Lock::take(&path, &say)).await;
        assert!(dropped.is_err());
        let waiting = Lock::take(&path, &say);
        tokio::pin!(waiting);
        assert!(tokio::time::timeout(INTERVAL, &mut waiting).await.is_err());
        drop(held);
        waiting.await.unwrap();
        let said = said.lock().unwrap();
        let expected = format!("waiting for process {} (", std::process::id());
        assert_eq!(said.len(), 2, "{said:?}");
        assert!(said.iter().all(|text| text.starts_with(&expected)), "{said:?}");
    }

    #[tokio::test]
    async fn links_and_fifos_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (victim, link) = (folder.path().join("victim"), folder.path().join("link"));
        std::fs::write(&victim, "precious").unwrap();
        std::os::unix::fs::symlink(&victim, &link).unwrap();
        assert!(Lock::take(&link, &|_| ()).await.is_err());
        assert_eq!(std::fs::read_to_string(&victim).unwrap(), "precious");
        let fifo = folder.path().join("fifo");
        let made = std::process::Command::new("mkfifo").arg(&fifo).status().unwrap();
        assert!(made.success());
        assert!(Lock::take(&fifo, &|_| ()).await.is_err());
    }
}
