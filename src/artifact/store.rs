//! The store in the user's cache folder: `blobs/SHA256` holds contents, `sources/KEY` which content a source gave,
//! `packed/KEY.tar` what builds get. Files appear whole or not at all; several processes may share it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustix::fs::FlockOperation;
use tokio_util::sync::CancellationToken;

use super::download::Download;
use super::{git, pack};
use crate::config::Mirrors;
use crate::diagnostic::Diagnostic;
use crate::digest;
use crate::event::Events;
use crate::folders;
use crate::recipe::address::shown;
use crate::recipe::{Artifact, ArtifactSource, PackedAs};

/// Where the store lies in f3s's cache folder.
const FOLDER: &str = "artifacts";

/// How often a lock that another process holds is asked for.
const LOCK_INTERVAL: Duration = Duration::from_millis(100);

/// The store. Safe to share between tasks and between processes.
#[derive(Clone, Debug)]
pub struct Store {
    root: PathBuf,
    mirrors: Mirrors,
    /// One at a time for every key within this process.
    busy: Arc<Mutex<BTreeMap<String, Arc<tokio::sync::Mutex<()>>>>>,
}

impl Store {
    /// In `artifacts` of f3s's cache folder.
    pub fn open(cache: &Path, mirrors: Mirrors) -> io::Result<Store> {
        let root = cache.join(FOLDER);
        for folder in ["blobs", "sources", "packed", "locks", "partial"] {
            let folder = root.join(folder);
            folders::make(&folder).map_err(|error| {
                let message = format!("the artifact store `{}` cannot be made: {error}", folder.display());
                io::Error::new(error.kind(), message)
            })?;
        }
        Ok(Store { root, mirrors, busy: Arc::default() })
    }

    /// Bytes of all that stores in this cache folder keep.
    pub fn size(cache: &Path) -> u64 {
        fn below(folder: &Path) -> u64 {
            let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
            let of = |entry: std::fs::DirEntry| match entry.metadata() {
                Ok(metadata) if metadata.is_dir() => below(&entry.path()),
                Ok(metadata) => metadata.len(),
                Err(_) => 0,
            };
            entries.map(of).sum()
        }
        below(&cache.join(FOLDER))
    }

    /// Removes all that is kept.
    pub fn clear(cache: &Path) -> io::Result<()> {
        match std::fs::remove_dir_all(cache.join(FOLDER)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Fetches the artifact unless the store has it. Two calls for the same artifact fetch it once.
    ///
    /// Errors point at the artifact's origin: unreachable, HTTP status, wrong checksum, cut off, cancelled.
    pub async fn fetch(
        &self,
        artifact: &Artifact,
        events: &Events,
        cancel: &CancellationToken,
    ) -> Result<(), Diagnostic> {
        if self.blob(artifact).is_some() {
            return Ok(());
        }
        let key = self.key(&artifact.source);
        let guard = tokio::select! {
            guard = self.exclusive(&key) => guard,
            () = cancel.cancelled() => {
                let message = format!("the fetch of `{}` was cancelled", shown(artifact.source.url()));
                return Err(Diagnostic::error(message).at(artifact.origin.clone()));
            }
        };
        let _guard = guard.map_err(|error| broken(artifact, &error))?;
        if self.blob(artifact).is_some() {
            return Ok(());
        }
        let partial = tempfile::Builder::new()
            .tempfile_in(self.root.join("partial"))
            .map_err(|error| broken(artifact, &error))?;
        let digest = match &artifact.source {
            ArtifactSource::Download { url, sha256 } => {
                let from = self.mirrors.rewrite(url);
                let download = Download { url, from: &from, sha256: sha256.as_deref() };
                download.run(partial.path(), events, cancel).await
            }
            ArtifactSource::Git { url, reference } => {
                let from = self.mirrors.rewrite(url);
                let work = self.root.join("partial");
                git::fetch(url, &from, reference.as_deref(), &work, partial.path(), events, cancel).await
            }
        };
        let digest = digest.map_err(|error| error.at(artifact.origin.clone()))?;
        let kept = || -> io::Result<()> {
            partial.persist(self.root.join("blobs").join(&digest))?;
            write_whole(&self.root.join("sources").join(&key), digest.as_bytes())
        };
        kept().map_err(|error| broken(artifact, &error))
    }

    /// The file that enters the build context, made from a fetched artifact. Made once, then kept.
    ///
    /// Errors: no known archive format, an entry that would leave the target folder, a pattern that matches nothing.
    pub async fn pack(&self, artifact: &Artifact, packed: &PackedAs) -> Result<PathBuf, Diagnostic> {
        let blob = self.blob(artifact).ok_or_else(|| {
            Diagnostic::error(format!("`{}` was not fetched", shown(artifact.source.url()))).at(artifact.origin.clone())
        })?;
        let PackedAs::Tar { filter, chown } = packed else { return Ok(blob) };
        let digest = blob.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let wanted = serde_json::to_string(packed).expect("plain data is JSON");
        let key = digest::of(format!("{}\n{digest}\n{wanted}", pack::VERSION));
        let target = self.root.join("packed").join(format!("{key}.tar"));
        if target.exists() {
            return Ok(target);
        }
        let _guard = self.exclusive(&key).await.map_err(|error| broken(artifact, &error))?;
        if target.exists() {
            return Ok(target);
        }
        let (filter, chown, folder) = (filter.clone(), chown.clone(), self.root.join("packed"));
        let (name, into) = (artifact.name.clone(), target.clone());
        let work = move || pack::tar(&blob, &name, &filter, chown.as_deref(), &folder, &into);
        let result = tokio::task::spawn_blocking(work).await.expect("packing does not panic");
        result.map(|()| target)
    }

    /// The content of an artifact, if the store has it.
    fn blob(&self, artifact: &Artifact) -> Option<PathBuf> {
        let digest = match &artifact.source {
            ArtifactSource::Download { sha256: Some(digest), .. } => digest.clone(),
            source => std::fs::read_to_string(self.root.join("sources").join(self.key(source))).ok()?,
        };
        let blob = self.root.join("blobs").join(digest);
        blob.exists().then_some(blob)
    }

    /// Names a source in file names: by where it really comes from. What one project's mirror gave is no other project's.
    fn key(&self, source: &ArtifactSource) -> String {
        let from = self.mirrors.rewrite(source.url());
        digest::of(match source {
            ArtifactSource::Download { .. } => format!("file\n{from}"),
            ArtifactSource::Git { reference, .. } => {
                format!("git\n{from}\n{}", reference.as_deref().unwrap_or_default())
            }
        })
    }

    /// Holds a key against other tasks and other processes.
    async fn exclusive(&self, key: &str) -> io::Result<Exclusive> {
        let mutex = self
            .busy
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
            .entry(key.to_owned())
            .or_default()
            .clone();
        let task = mutex.lock_owned().await;
        let file = folders::lock_file(&self.root.join("locks").join(key))?;
        // Asked for again and again: a thread that waits for a lock could not be cancelled.
        loop {
            match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Exclusive { _file: file, _task: task }),
                Err(rustix::io::Errno::WOULDBLOCK) => tokio::time::sleep(LOCK_INTERVAL).await,
                Err(error) => return Err(error.into()),
            }
        }
    }
}

struct Exclusive {
    _file: File,
    _task: tokio::sync::OwnedMutexGuard<()>,
}

fn broken(artifact: &Artifact, error: &io::Error) -> Diagnostic {
    Diagnostic::error(format!("the artifact store cannot be written: {error}"))
        .at(artifact.origin.clone())
        .hint("F3S_CACHE_DIR says where it is")
}

fn write_whole(path: &Path, content: &[u8]) -> io::Result<()> {
    use std::io::Write;
    let folder = path.parent().expect("a file of the store");
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(content)?;
    file.persist(path)?;
    Ok(())
}
