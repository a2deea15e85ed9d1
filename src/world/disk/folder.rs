//! Folders of the project that are open: what is in them is looked at by name, without resolving the way to it for every
//! file, and without following a link that takes a folder's place meanwhile.

use std::fs::File;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags};

use crate::file::{Identity, Stamp};
use crate::path::ProjectPath;
use crate::world::Stat;

pub struct Folder(OwnedFd);

impl Folder {
    /// Opens a folder on the way to which there is no link; `None` where there is one, or where the system cannot tell: the
    /// caller goes the long way.
    pub fn open(root: BorrowedFd, path: &ProjectPath) -> Option<Folder> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let text = if path.as_str().is_empty() { "." } else { path.as_str() };
        without_links(root, text, flags).map(Folder)
    }

    /// Opens a folder wherever the way to it leads.
    pub fn at(path: &Path) -> io::Result<Folder> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Folder(rustix::fs::open(path, flags, Mode::empty())?))
    }

    pub fn stamp(&self) -> Stamp {
        Stamp::known(rustix::fs::fstat(&self.0).ok().map(|found| Identity::from(&found)))
    }

    /// The names in it, sorted.
    pub fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.0)? {
            let entry = entry?;
            match entry.file_name().to_str() {
                Ok("." | "..") => {}
                Ok(name) => names.push(name.to_owned()),
                Err(_) => {
                    let name = entry.file_name().to_string_lossy();
                    let message = format!("the file name `{name}` is not UTF-8");
                    return Err(io::Error::new(io::ErrorKind::InvalidData, message));
                }
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    /// What stands under a name; a link is not followed.
    pub fn look(&self, name: &str) -> io::Result<(Stat, Identity)> {
        let found = rustix::fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW)?;
        let mode = found.st_mode & 0o7777;
        let stat = match FileType::from_raw_mode(found.st_mode) {
            FileType::RegularFile => Stat::File { size: found.st_size as u64, mode },
            FileType::Directory => Stat::Folder { mode },
            FileType::Symlink => {
                let target = rustix::fs::readlinkat(&self.0, name, Vec::new())?;
                Stat::Link { target: target.to_string_lossy().into_owned() }
            }
            _ => Stat::Other,
        };
        Ok((stat, Identity::from(&found)))
    }

    /// Opens a file, and nothing but a file, without waiting for anybody.
    pub fn file(&self, name: &str) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = File::from(rustix::fs::openat(&self.0, name, flags, Mode::empty())?);
        if file.metadata()?.is_file() { Ok(file) } else { Err(io::ErrorKind::InvalidInput.into()) }
    }
}

/// Linux 5.6 and later refuse links on the way by themselves.
#[cfg(target_os = "linux")]
fn without_links(root: BorrowedFd, path: &str, flags: OFlags) -> Option<OwnedFd> {
    use rustix::fs::ResolveFlags;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    rustix::fs::openat2(root, path, flags, Mode::empty(), resolve).ok()
}

#[cfg(not(target_os = "linux"))]
fn without_links(_: BorrowedFd, _: &str, _: OFlags) -> Option<OwnedFd> {
    None
}
