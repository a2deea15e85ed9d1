//! Runs and prunes of one engine: a run holds the engine, and a prune waits until nobody holds it. What a dead process held
//! is free by itself.

use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use super::folder;
use crate::cli::failure::Failure;
use crate::engine::Docker;
use crate::{digest, folders};

/// How often a lock that somebody has is tried again.
const TICK: Duration = Duration::from_millis(50);

/// Keeps an engine as long as it lives.
#[derive(Debug)]
pub struct EngineLock {
    _locks: Vec<File>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Run,
    Prune,
}

/// For a run: as many at once as like, none while images are pruned. `say` hears whom it waits for.
pub async fn for_run(engine: &Docker, say: impl Fn(String)) -> Result<EngineLock, Failure> {
    of_engine(engine, By::Run, say).await
}

/// For a prune: alone.
pub async fn for_prune(engine: &Docker, say: impl Fn(String)) -> Result<EngineLock, Failure> {
    of_engine(engine, By::Prune, say).await
}

async fn of_engine(engine: &Docker, by: By, say: impl Fn(String)) -> Result<EngineLock, Failure> {
    let folder = folder()?.join("engines");
    // An engine is free in what it calls itself.
    let name = digest::of(engine.identity().await);
    let hold = async {
        folders::make(&folder)?;
        hold(&folder, &name, by, say).await
    };
    hold.await.map_err(|error: io::Error| Failure::of_file(&folder, &error))
}

/// Two locks: whoever comes passes the gate, which a prune that waits keeps shut. So it has its turn, however many runs come.
async fn hold(folder: &Path, name: &str, by: By, say: impl Fn(String)) -> io::Result<EngineLock> {
    let gate = folders::lock_file(&folder.join(format!("{name}.gate")))?;
    let lock = folders::lock_file(&folder.join(format!("{name}.lock")))?;
    let mut said = false;
    for file in [&gate, &lock] {
        loop {
            let taken = match by {
                By::Run => file.try_lock_shared(),
                By::Prune => file.try_lock(),
            };
            match taken {
                Ok(()) => break,
                Err(TryLockError::Error(error)) => return Err(error),
                Err(TryLockError::WouldBlock) if said => tokio::time::sleep(TICK).await,
                Err(TryLockError::WouldBlock) => {
                    say(format!("waiting for {}", holders(file)));
                    said = true;
                }
            }
        }
    }
    Ok(match by {
        By::Run => EngineLock { _locks: vec![lock] },
        By::Prune => EngineLock { _locks: vec![gate, lock] },
    })
}

/// Who has the file locked, as far as the system tells.
fn holders(file: &File) -> String {
    let inode = file.metadata().map(|metadata| metadata.ino()).unwrap_or_default();
    let locks = std::fs::read_to_string("/proc/locks").unwrap_or_default();
    let own = std::process::id();
    let mut named: Vec<String> = pids(&locks, inode).into_iter().filter(|pid| *pid != own).map(describe).collect();
    named.sort();
    named.dedup();
    if named.is_empty() { "another f3s on this engine".to_owned() } else { named.join(", ") }
}

/// `1: FLOCK  ADVISORY  READ 1234 08:01:5678 0 EOF`: proc(5).
fn pids(locks: &str, inode: u64) -> Vec<u32> {
    let of_line = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let at = words.iter().position(|word| *word == "FLOCK").filter(|at| *at == 1)?;
        let found: u64 = words.get(at + 4)?.rsplit(':').next()?.parse().ok()?;
        words.get(at + 3)?.parse().ok().filter(|_| found == inode)
    };
    locks.lines().filter_map(of_line).collect()
}

fn describe(pid: u32) -> String {
    let folder = std::fs::read_link(format!("/proc/{pid}/cwd")).ok();
    let folder = folder.map(|folder| crate::harmless::clean(folder.as_os_str().as_encoded_bytes()));
    let within = folder.map_or(String::new(), |folder| format!(" in {folder}"));
    format!("f3s, process {pid}{within}")
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// What is said while waiting.
    fn recorder() -> (Arc<Mutex<Vec<String>>>, impl Fn(String)) {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let say = heard.clone();
        (heard, move |message| say.lock().unwrap().push(message))
    }

    #[tokio::test]
    async fn runs_go_together_and_a_prune_waits_for_all_of_them_and_comes_before_later_ones() {
        let folder = tempfile::tempdir().unwrap();
        let take = |by| {
            let path = folder.path().to_owned();
            let (heard, say) = recorder();
            (heard, tokio::spawn(async move { hold(&path, "e", by, say).await.unwrap() }))
        };
        let waits = async |heard: &Mutex<Vec<String>>| {
            while heard.lock().unwrap().is_empty() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let (_, first) = take(By::Run);
        let first = first.await.unwrap();
        let (_, second) = take(By::Run);
        let second = second.await.unwrap();
        let (heard, prune) = take(By::Prune);
        waits(&heard).await;
        let (heard, late) = take(By::Run);
        waits(&heard).await;
        assert!(heard.lock().unwrap()[0].starts_with("waiting for "), "{heard:?}");
        drop((first, second));
        let prune = prune.await.unwrap();
        assert!(!late.is_finished());
        drop(prune);
        late.await.unwrap();
    }

    #[tokio::test]
    async fn engines_are_held_each_for_itself() {
        let folder = tempfile::tempdir().unwrap();
        let _run = hold(folder.path(), "one", By::Run, |_| ()).await.unwrap();
        let _prune = hold(folder.path(), "two", By::Prune, |_| ()).await.unwrap();
    }

    #[test]
    fn whom_a_lock_belongs_to_is_read_from_the_system() {
        let locks = "1: FLOCK  ADVISORY  READ 12 fe:00:77 0 EOF\n1: -> FLOCK  ADVISORY  WRITE 13 fe:00:77 0 EOF\n\
                     2: POSIX  ADVISORY  WRITE 14 fe:00:77 0 EOF\n3: FLOCK  ADVISORY  READ 15 fe:00:78 0 EOF\n";
        assert_eq!(pids(locks, 77), [12]);
    }
}
