//! The user's key, by which f3s knows again what it made on an engine: 32 random bytes in the user's state folder, made once.

use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::folder;
use crate::cli::failure::Failure;
use crate::diagnostic::{Diagnostic, Sources};
use crate::folders;
use crate::plan::Seal;

const FILE: &str = "key";
const LENGTH: usize = 32;

/// The user's key, which is made if there is none.
pub fn of_user() -> Result<Seal, Failure> {
    let folder = folder()?;
    open(&folder).map_err(|error| {
        let error = Diagnostic::error(format!("f3s has no key to know its images by: {error}"));
        wrong(error.hint(format!("`{}` must be a folder of yours that can be written", folder.display())))
    })
}

/// The user's key; `None` when there is none: then no image of any engine was built by this user.
pub fn if_any() -> Result<Option<Seal>, Failure> {
    let path = folder()?.join(FILE);
    match read(&path) {
        Ok(seal) => Ok(Some(seal)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(wrong(Diagnostic::error(format!("f3s cannot use its key: {error}")))),
    }
}

fn wrong(error: Diagnostic) -> Failure {
    Failure::Wrong(error.into(), Sources::default())
}

fn open(folder: &Path) -> io::Result<Seal> {
    let path = folder.join(FILE);
    match read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        found => return found,
    }
    folders::make(folder)?;
    let mut key = [0; LENGTH];
    getrandom::fill(&mut key).map_err(io::Error::other)?;
    // Whole or not at all; of two that start at once, both take the first one's.
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(&key)?;
    file.as_file().sync_all()?;
    match file.persist_noclobber(&path) {
        Err(error) if error.error.kind() != io::ErrorKind::AlreadyExists => Err(error.error),
        _ => read(&path),
    }
}

/// Errors: a key that others can read, for whoever reads it can vouch for any image.
fn read(path: &Path) -> io::Result<Seal> {
    let refused = |why: &str| {
        io::Error::new(
            io::ErrorKind::PermissionDenied,
            format!("`{}` {why}: remove it, and f3s makes another", path.display()),
        )
    };
    let metadata = std::fs::symlink_metadata(path)?;
    if !metadata.is_file() {
        return Err(refused("is no file"));
    }
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return Err(refused("belongs to another user"));
    }
    if metadata.mode() & 0o077 != 0 {
        return Err(refused("can be read by others"));
    }
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(LENGTH as u64 + 1).read_to_end(&mut bytes)?;
    let key = bytes.try_into().map_err(|_| refused("is not a key"))?;
    Ok(Seal::new(key))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_key_is_made_once_also_by_several_at_once_and_for_the_user_alone() {
        let above = tempfile::tempdir().unwrap();
        let folder = above.path().join("f3s");
        let made: Vec<Seal> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| open(&folder).unwrap())).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(made.iter().all(|seal| *seal == made[0]));
        assert_eq!(open(&folder).unwrap(), made[0]);
        assert_ne!(open(&above.path().join("other")).unwrap(), made[0]);
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
        assert_eq!(folder.join(FILE).metadata().unwrap().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_key_that_others_can_read_is_refused() {
        let above = tempfile::tempdir().unwrap();
        let folder = above.path().join("f3s");
        open(&folder).unwrap();
        let path = folder.join(FILE);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(open(&folder).unwrap_err().to_string().contains("can be read by others"));
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, "short").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert!(open(&folder).unwrap_err().to_string().contains("is not a key"));
        std::fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("/dev/zero", &path).unwrap();
        assert!(open(&folder).unwrap_err().to_string().contains("is no file"));
    }
}
