//! Contents by their SHA-256. A content is on the disk before it is there, and is verified before it is used.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use sha2::{Digest, Sha256, Sha512};

use crate::config::SHA256_DIGITS;
use crate::digest;
use crate::file::Identity;

#[derive(Clone, Debug)]
pub struct Blobs {
    folder: PathBuf,
    /// What was read whole and found right, as it stood then.
    verified: Arc<Mutex<BTreeMap<Digests, Identity>>>,
}

/// What a content was compared with: its SHA-256 and, where that is wanted, its SHA-512.
type Digests = (String, Option<String>);

pub enum Found {
    Right(PathBuf),
    /// It was something else, and is removed.
    Damaged,
    Missing,
}

impl Blobs {
    pub fn new(folder: PathBuf) -> Blobs {
        Blobs { folder, verified: Arc::default() }
    }

    pub fn path(&self, digest: &str) -> PathBuf {
        self.folder.join(digest)
    }

    /// Gives a file its place, once all of it is on the disk.
    pub fn keep(&self, file: &Path, digest: &str) -> io::Result<()> {
        File::open(file)?.sync_all()?;
        std::fs::rename(file, self.path(digest))?;
        sync_folder(&self.folder)
    }

    /// Looks for a content and reads it, unless that was done and nothing has touched it since.
    pub fn verified(&self, digest: &str, sha512: Option<&str>) -> io::Result<Found> {
        let path = self.path(digest);
        let metadata = match std::fs::symlink_metadata(&path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Missing),
            Err(error) => return Err(error),
        };
        let identity = Identity::from(&metadata);
        let key = (digest.to_owned(), sha512.map(str::to_owned));
        let known = || self.verified.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if known().get(&key) == Some(&identity) {
            return Ok(Found::Right(path));
        }
        let is_right = metadata.is_file() && is_content(&path, digest, sha512)?;
        if is_right {
            known().insert(key, identity);
            return Ok(Found::Right(path));
        }
        match metadata.is_dir() {
            true => std::fs::remove_dir_all(&path)?,
            false => std::fs::remove_file(&path)?,
        }
        Ok(Found::Damaged)
    }

    pub fn remove(&self, digest: &str) {
        let _ = std::fs::remove_file(self.path(digest));
    }
}

fn is_content(path: &Path, digest: &str, sha512: Option<&str>) -> io::Result<bool> {
    let mut file = File::open(path)?;
    let (mut hasher, mut hasher512) = (Sha256::new(), sha512.map(|_| Sha512::new()));
    let mut buffer = vec![0; 128 * 1024];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        hasher.update(&buffer[..read]);
        if let Some(hasher) = &mut hasher512 {
            hasher.update(&buffer[..read]);
        }
    }
    let found512 = hasher512.map(|hasher| digest::hex(hasher.finalize()));
    Ok(digest::hex(hasher.finalize()) == digest && found512.as_deref() == sha512)
}

/// What a file of the store says: the digest of a content.
pub fn named(path: &Path) -> Option<String> {
    let is_digest = |text: &String| digest::is_hexadecimal(text, SHA256_DIGITS);
    std::fs::metadata(path).ok().filter(|metadata| metadata.len() == SHA256_DIGITS as u64)?;
    std::fs::read_to_string(path).ok().filter(is_digest)
}

/// Writes a file that appears whole or not at all, and is on the disk then.
pub fn write_whole(path: &Path, content: &[u8]) -> io::Result<()> {
    use std::io::Write;
    let folder = path.parent().expect("a file of the store");
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(content)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    sync_folder(folder)
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
