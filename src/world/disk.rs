//! The world of a real run: the project's folder on disk. Digests of unchanged files come from a cache that is keyed
//! by what `stat` says, as git's index is.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::{Stat, World};
use crate::digest;
use crate::file;
use crate::folders;
use crate::path::ProjectPath;

/// A file whose time stamp is this young when it is read may change again within the same tick of the clock: its
/// digest is not kept ("racy git").
const RACY_NANOSECONDS: i128 = 2_000_000_000;

/// The project's folder.
pub struct Disk {
    root: PathBuf,
    /// As what each path was found first.
    reads: Mutex<BTreeMap<ProjectPath, Stamp>>,
    digests: Mutex<Digests>,
}

/// What `stat` says of a file: when none of it changed, the content did not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Identity {
    size: u64,
    inode: u64,
    modified: i128,
    changed: i128,
}

impl Identity {
    fn of(metadata: &std::fs::Metadata) -> Identity {
        let nanoseconds = |seconds: i64, rest: i64| i128::from(seconds) * 1_000_000_000 + i128::from(rest);
        Identity {
            size: metadata.size(),
            inode: metadata.ino(),
            modified: nanoseconds(metadata.mtime(), metadata.mtime_nsec()),
            changed: nanoseconds(metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

/// What stands at a path, as far as can be told without reading it; a link is not followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp(Option<Identity>);

impl Stamp {
    pub fn of(path: &Path) -> Stamp {
        Stamp(std::fs::symlink_metadata(path).ok().map(|metadata| Identity::of(&metadata)))
    }
}

#[derive(Default)]
struct Digests {
    /// Where the cache is kept between runs; `None` keeps it in memory only.
    file: Option<PathBuf>,
    known: BTreeMap<PathBuf, (Identity, String)>,
    grown: bool,
}

impl Disk {
    /// A world rooted in `root`. `cache` is f3s's cache folder, where digests of unchanged files are kept between
    /// runs.
    ///
    /// Errors: `root` does not exist.
    pub fn new(root: &Path, cache: Option<&Path>) -> io::Result<Disk> {
        let file = cache.map(|folder| folder.join("digests.json"));
        // A cache that cannot be read is an empty cache.
        let known = file
            .as_deref()
            .and_then(|file| std::fs::read(file).ok())
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default();
        Ok(Disk {
            root: root.canonicalize()?,
            reads: Mutex::default(),
            digests: Mutex::new(Digests { file, known, grown: false }),
        })
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The paths that were read, listed or looked for so far, and as what each was found first.
    pub fn stamps(&self) -> BTreeMap<ProjectPath, Stamp> {
        self.reads.lock().unwrap().clone()
    }

    fn remember(&self, path: ProjectPath, full: &Path) {
        self.reads.lock().unwrap().entry(path).or_insert_with(|| Stamp::of(full));
    }

    /// The path on disk. Folders on the way may be links as long as they stay in the project.
    fn locate(&self, path: &ProjectPath) -> io::Result<PathBuf> {
        let full = self.root.join(path.as_str());
        self.remember(path.clone(), &full);
        let folder = full.parent().filter(|_| !path.as_str().is_empty()).unwrap_or(&self.root);
        self.refuse_outside(folder, path)?;
        Ok(full)
    }

    /// As `locate`, with a link at the end followed.
    fn locate_target(&self, path: &ProjectPath) -> io::Result<PathBuf> {
        let full = self.locate(path)?;
        let resolved = self.refuse_outside(&full, path)?;
        // What a link leads to is read, too.
        if resolved != full
            && let Some(behind) = resolved.strip_prefix(&self.root).ok().and_then(Path::to_str)
            && let Some(behind) = ProjectPath::join("", behind)
        {
            self.remember(behind, &resolved);
        }
        Ok(full)
    }

    /// Where links lead.
    fn refuse_outside(&self, full: &Path, path: &ProjectPath) -> io::Result<PathBuf> {
        let resolved = full.canonicalize()?;
        if resolved.starts_with(&self.root) {
            return Ok(resolved);
        }
        let message = format!("`{path}` is a link that leaves the project: it leads to `{}`", resolved.display());
        Err(io::Error::new(io::ErrorKind::PermissionDenied, message))
    }
}

impl World for Disk {
    fn read(&self, path: &ProjectPath) -> io::Result<Arc<[u8]>> {
        Ok(file::read(&self.locate_target(path)?)?.into())
    }

    fn stat(&self, path: &ProjectPath) -> io::Result<Stat> {
        let full = self.locate(path)?;
        let metadata = std::fs::symlink_metadata(&full)?;
        let mode = metadata.mode() & 0o7777;
        if metadata.is_symlink() {
            // Whoever follows it reads it, and is refused where it leads outside.
            Ok(Stat::Link { target: std::fs::read_link(&full)?.to_string_lossy().into_owned() })
        } else if metadata.is_dir() {
            Ok(Stat::Folder { mode })
        } else if metadata.is_file() {
            Ok(Stat::File { size: metadata.size(), mode })
        } else {
            Ok(Stat::Other)
        }
    }

    fn list(&self, path: &ProjectPath) -> io::Result<Vec<String>> {
        let mut names = std::fs::read_dir(self.locate_target(path)?)?
            .map(|entry| {
                let name = entry?.file_name();
                name.into_string().map_err(|name| {
                    let message = format!("the file name `{}` is not UTF-8", name.to_string_lossy());
                    io::Error::new(io::ErrorKind::InvalidData, message)
                })
            })
            .collect::<io::Result<Vec<_>>>()?;
        names.sort();
        Ok(names)
    }

    fn digest(&self, path: &ProjectPath) -> io::Result<String> {
        let full = self.locate_target(path)?;
        let metadata = std::fs::metadata(&full)?;
        if !metadata.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no file"));
        }
        let identity = Identity::of(&metadata);
        if let Some((known, digest)) = self.digests.lock().unwrap().known.get(&full)
            && *known == identity
        {
            return Ok(digest.clone());
        }
        let digest = digest::of_file(&full)?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as i128);
        if now - identity.modified.max(identity.changed) > RACY_NANOSECONDS {
            let mut digests = self.digests.lock().unwrap();
            digests.known.insert(full, (identity, digest.clone()));
            digests.grown = true;
        }
        Ok(digest)
    }

    fn env(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn reads(&self) -> BTreeSet<ProjectPath> {
        self.reads.lock().unwrap().keys().cloned().collect()
    }
}

impl Drop for Disk {
    /// Keeps the digests for the next run. A cache that cannot be written costs time, nothing else.
    fn drop(&mut self) {
        let digests = self.digests.get_mut().unwrap_or_else(|poisoned| poisoned.into_inner());
        let (true, Some(file)) = (digests.grown, &digests.file) else { return };
        // Other projects keep theirs here, too; what is gone is worth nothing to anybody.
        digests.known.retain(|path, _| path.exists());
        if let Err(error) = write_atomically(file, &digests.known) {
            tracing::debug!(%error, file = %file.display(), "the digests of files could not be kept");
        }
    }
}

fn write_atomically(file: &Path, known: &BTreeMap<PathBuf, (Identity, String)>) -> io::Result<()> {
    let folder = file.parent().expect("the cache file stands in a folder");
    folders::make(folder)?;
    let mut next = tempfile::NamedTempFile::new_in(folder)?;
    next.write_all(&serde_json::to_vec(known)?)?;
    next.persist(file)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> ProjectPath {
        ProjectPath::join("", text).unwrap()
    }

    #[test]
    fn a_link_out_of_the_project_is_refused_and_one_inside_is_followed() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("inside"), "here").unwrap();
        std::os::unix::fs::symlink("inside", folder.path().join("near")).unwrap();
        std::os::unix::fs::symlink("/etc", folder.path().join("far")).unwrap();
        let world = Disk::new(folder.path(), None).unwrap();
        assert_eq!(&*world.read(&path("near")).unwrap(), b"here");
        assert_eq!(world.stat(&path("near")).unwrap(), Stat::Link { target: "inside".into() });
        assert_eq!(world.stat(&path("far")).unwrap(), Stat::Link { target: "/etc".into() });
        for error in [
            world.read(&path("far/passwd")).unwrap_err(),
            world.stat(&path("far/passwd")).unwrap_err(),
            world.list(&path("far")).unwrap_err(),
        ] {
            assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
            assert!(error.to_string().contains("leaves the project"), "{error}");
        }
    }

    #[test]
    fn an_unchanged_file_is_read_once_and_a_changed_one_again() {
        let (project, cache) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let file = project.path().join("a");
        let set_age = |seconds: u64| {
            let time = SystemTime::now() - std::time::Duration::from_secs(seconds);
            std::fs::File::options().write(true).open(&file).unwrap().set_modified(time).unwrap();
        };
        std::fs::write(&file, "one").unwrap();
        set_age(60);
        let first = Disk::new(project.path(), Some(cache.path())).unwrap().digest(&path("a")).unwrap();
        assert_eq!(first, "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed");
        std::fs::write(&file, "two").unwrap();
        set_age(60);
        let second = Disk::new(project.path(), Some(cache.path())).unwrap().digest(&path("a")).unwrap();
        assert_ne!(first, second);
        // Both times the file was too young to be trusted; now what was kept is believed, whatever it is.
        std::thread::sleep(std::time::Duration::from_nanos(RACY_NANOSECONDS as u64));
        assert_eq!(Disk::new(project.path(), Some(cache.path())).unwrap().digest(&path("a")).unwrap(), second);
        let kept = cache.path().join("digests.json");
        let text = std::fs::read_to_string(&kept).unwrap();
        std::fs::write(&kept, text.replace(&second, &first)).unwrap();
        assert_eq!(Disk::new(project.path(), Some(cache.path())).unwrap().digest(&path("a")).unwrap(), first);
    }

    #[test]
    fn remembers_what_was_looked_for() {
        let folder = tempfile::tempdir().unwrap();
        let world = Disk::new(folder.path(), None).unwrap();
        assert_eq!(world.read(&path("absent")).unwrap_err().kind(), io::ErrorKind::NotFound);
        assert!(world.reads().contains(&path("absent")));
    }
}
