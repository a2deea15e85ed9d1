//! The world of a real run: the project's folder on disk. Digests of unchanged files come from a cache that is keyed
//! by what `stat` says, as git's index is.

mod digests;
mod folder;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use super::{Listed, Stat, World};
use crate::digest;
use crate::file::{self, Identity, Stamp};
use crate::path::ProjectPath;
use digests::Digests;
use folder::Folder;

/// So many files at least are worth a thread.
const FILES_OF_A_THREAD: usize = 64;

/// The project's folder.
pub struct Disk {
    root: PathBuf,
    /// As what each path was found first.
    reads: Mutex<BTreeMap<ProjectPath, Stamp>>,
    digests: RwLock<Digests>,
}

impl Disk {
    /// A world rooted in `root`. `cache` is f3s's cache folder, where digests of unchanged files are kept between
    /// runs.
    ///
    /// Errors: `root` does not exist.
    pub fn new(root: &Path, cache: Option<&Path>) -> io::Result<Disk> {
        let root = root.canonicalize()?;
        let digests = RwLock::new(Digests::load(&root, cache));
        Ok(Disk { root, reads: Mutex::default(), digests })
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

impl Disk {
    /// The root as it is now: a project may be removed and made again while f3s watches.
    fn open_root(&self) -> io::Result<OwnedFd> {
        use rustix::fs::{Mode, OFlags};
        Ok(rustix::fs::open(&self.root, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?)
    }

    fn known(&self, path: &str, identity: &Identity) -> Option<String> {
        let digests = self.digests.read().unwrap_or_else(PoisonError::into_inner);
        digests.get(path, identity).map(str::to_owned)
    }

    /// The digest of an open file, and its identity.
    fn digest_of(&self, path: &ProjectPath, mut file: File) -> io::Result<String> {
        let identity = Identity::from(&file.metadata()?);
        let digest = digest::of_reader(&mut file)?;
        let mut digests = self.digests.write().unwrap_or_else(PoisonError::into_inner);
        digests.keep(path.as_str(), identity, &digest);
        Ok(digest)
    }

    /// The digests of files that mostly lie in the same folders.
    fn digests_of(&self, root: &OwnedFd, paths: &[ProjectPath]) -> Vec<io::Result<String>> {
        let mut open: Option<(&str, Option<Folder>)> = None;
        let mut digests = Vec::with_capacity(paths.len());
        for path in paths {
            if open.as_ref().is_none_or(|(at, _)| *at != path.folder()) {
                let folder = ProjectPath::join(path.folder(), "").expect("a folder of the project");
                open = Some((path.folder(), Folder::open(root.as_fd(), &folder)));
            }
            let folder = open.as_ref().and_then(|(_, folder)| folder.as_ref());
            let looked = folder.and_then(|folder| Some((folder, folder.look(path.file_name()).ok()?)));
            digests.push(match looked {
                Some((folder, (Stat::File { .. }, identity))) => match self.known(path.as_str(), &identity) {
                    Some(digest) => Ok(digest),
                    None => folder.file(path.file_name()).and_then(|file| self.digest_of(path, file)),
                },
                // Links, and what went away meanwhile.
                _ => self.digest(path),
            });
        }
        digests
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

    fn scan(&self, path: &ProjectPath) -> io::Result<Vec<Listed>> {
        let folder = match Folder::open(self.open_root()?.as_fd(), path) {
            Some(folder) => folder,
            None => Folder::at(&self.locate_target(path)?)?,
        };
        let mut found = Vec::new();
        let mut stamps = vec![(path.clone(), folder.stamp())];
        for name in folder.names()? {
            match folder.look(&name) {
                Ok((stat, identity)) => {
                    let below = path.below(&name);
                    let is_file = matches!(stat, Stat::File { .. });
                    let digest = if is_file { self.known(below.as_str(), &identity) } else { None };
                    stamps.push((below, Stamp::known(Some(identity))));
                    found.push(Listed { name, stat, digest });
                }
                // It went away meanwhile.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        let mut reads = self.reads.lock().unwrap();
        for (path, stamp) in stamps {
            reads.entry(path).or_insert(stamp);
        }
        Ok(found)
    }

    fn digest(&self, path: &ProjectPath) -> io::Result<String> {
        let file = file::open(&self.locate_target(path)?)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no file"));
        }
        match self.known(path.as_str(), &Identity::from(&metadata)) {
            Some(digest) => Ok(digest),
            None => self.digest_of(path, file),
        }
    }

    fn digests(&self, paths: &[ProjectPath]) -> Vec<io::Result<String>> {
        let Ok(root) = self.open_root() else { return paths.iter().map(|path| self.digest(path)).collect() };
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let share = paths.len().div_ceil(threads).max(FILES_OF_A_THREAD);
        if paths.len() <= share {
            return self.digests_of(&root, paths);
        }
        std::thread::scope(|scope| {
            let shares: Vec<_> =
                paths.chunks(share).map(|paths| scope.spawn(|| self.digests_of(&root, paths))).collect();
            shares.into_iter().flat_map(|share| share.join().expect("hashing does not panic")).collect()
        })
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
        let digests = self.digests.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = digests.save(&self.root) {
            tracing::debug!(%error, "the digests of files could not be kept");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

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
        let scanned = || {
            let world = Disk::new(project.path(), Some(cache.path())).unwrap();
            world.scan(&path("")).unwrap().into_iter().map(|listed| listed.digest).collect::<Vec<_>>()
        };
        assert_eq!(scanned(), [None]);
        // Both times the file was too young to be trusted; now what was kept is believed, whatever it is.
        std::thread::sleep(std::time::Duration::from_nanos(digests::RACY_NANOSECONDS as u64));
        assert_eq!(Disk::new(project.path(), Some(cache.path())).unwrap().digest(&path("a")).unwrap(), second);
        let kept = std::fs::read_dir(cache.path().join("digests")).unwrap().next().unwrap().unwrap().path();
        let text = std::fs::read_to_string(&kept).unwrap();
        assert_eq!(scanned(), [Some(second.clone())]);
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

    #[test]
    fn a_folder_is_seen_at_once_as_it_is_name_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        std::fs::create_dir_all(root.join("a/sub")).unwrap();
        for number in 0..300 {
            std::fs::write(root.join(format!("a/{number}")), number.to_string()).unwrap();
        }
        std::os::unix::fs::symlink("0", root.join("a/link")).unwrap();
        std::os::unix::fs::symlink("a", root.join("to")).unwrap();
        std::os::unix::fs::symlink("/etc", root.join("far")).unwrap();
        let world = Disk::new(root, None).unwrap();
        for way in ["a", "to"] {
            let scanned = world.scan(&path(way)).unwrap();
            let names: Vec<String> = scanned.iter().map(|listed| listed.name.clone()).collect();
            assert_eq!(names, world.list(&path(way)).unwrap());
            let paths: Vec<ProjectPath> = names.iter().map(|name| path(&format!("{way}/{name}"))).collect();
            let digests = world.digests(&paths);
            for ((path, listed), digest) in paths.iter().zip(scanned).zip(digests) {
                assert_eq!(world.stat(path).unwrap(), listed.stat, "{path}");
                assert!(listed.digest.is_none() || listed.digest == digest.as_ref().ok().cloned(), "{path}");
                assert_eq!(world.digest(path).ok(), digest.ok(), "{path}");
            }
        }
        assert!(world.reads().contains(&path("a/17")) && world.reads().contains(&path("a")));
        assert_eq!(world.scan(&path("far")).unwrap_err().kind(), io::ErrorKind::PermissionDenied);
        assert_eq!(world.scan(&path("none")).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
