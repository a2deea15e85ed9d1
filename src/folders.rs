//! The folders of the user that f3s keeps things in: cache, settings, state. What lies there is trusted, so each belongs to
//! the user alone: nobody else made it, nobody else can write into it, and no link leads to it.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::diagnostic::Diagnostic;

/// The name of f3s's folder within those of the XDG base directory specification.
const NAME: &str = "f3s";

const WRITABLE_BY_ALL: u32 = 0o002;

/// Group and others may write.
const WRITABLE_BY_OTHERS: u32 = 0o022;

/// The home folder: `HOME`, else that of the password database; `None` when neither says.
pub fn home() -> Option<PathBuf> {
    std::env::home_dir().filter(|home| home.is_absolute())
}

/// Downloads, logs, digests, which may go at any time: `F3S_CACHE_DIR`, else `f3s` in `XDG_CACHE_HOME` or `~/.cache`. It may
/// not be there yet.
///
/// Errors: one that is not the user's alone; no home folder.
pub fn cache() -> Result<PathBuf, Diagnostic> {
    Base { own: Some("F3S_CACHE_DIR"), xdg: "XDG_CACHE_HOME", below_home: ".cache" }.folder()
}

/// The user's own settings: `f3s` in `XDG_CONFIG_HOME` or `~/.config`. As `cache` otherwise.
pub fn settings() -> Result<PathBuf, Diagnostic> {
    Base { own: None, xdg: "XDG_CONFIG_HOME", below_home: ".config" }.folder()
}

/// What f3s remembers and cannot find out again: `f3s` in `XDG_STATE_HOME` or `~/.local/state`. As `cache` otherwise.
pub fn state() -> Result<PathBuf, Diagnostic> {
    Base { own: None, xdg: "XDG_STATE_HOME", below_home: ".local/state" }.folder()
}

/// Where one of the folders is.
struct Base {
    /// The variable that names the folder itself.
    own: Option<&'static str>,
    /// The variable that names the folder of all programs.
    xdg: &'static str,
    below_home: &'static str,
}

impl Base {
    fn folder(&self) -> Result<PathBuf, Diagnostic> {
        let folder = self.path()?;
        match examine(&folder) {
            Ok(()) => Ok(folder),
            // Not there, or out of reach: what needs it will make it, or say why that cannot be.
            Err(error) if error.raw_os_error().is_some() => Ok(folder),
            Err(error) => Err(Diagnostic::error(error.to_string()).hint(format!(
                "f3s keeps what it trusts in a folder of your own: remove this one, or name one that does not exist yet by {}",
                self.own.unwrap_or(self.xdg)
            ))),
        }
    }

    fn path(&self) -> Result<PathBuf, Diagnostic> {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        if let Some(folder) = self.own.and_then(set) {
            return std::path::absolute(&folder)
                .map_err(|error| Diagnostic::error(format!("`{}`: {error}", folder.display())));
        }
        // The specification: a path that is not absolute is to be ignored.
        let base = set(self.xdg).filter(|folder| folder.is_absolute());
        let base = base.or_else(|| home().map(|home| home.join(self.below_home)));
        base.map(|base| base.join(NAME)).ok_or_else(|| {
            let hint = format!("set HOME, or {} to a folder of your own", self.own.unwrap_or(self.xdg));
            Diagnostic::error("the home folder is not known").hint(hint)
        })
    }
}

/// Makes a folder, with what is missing above it, for the user alone.
///
/// Errors: it cannot be made; one is there that is not the user's alone.
pub fn make(folder: &Path) -> io::Result<()> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    match made {
        Ok(()) => examine_way(folder).and_then(|()| examine(folder)),
        // What stands in its place says more.
        Err(error) if std::fs::symlink_metadata(folder).is_ok() => examine(folder).and(Err(error)),
        Err(error) => Err(io::Error::new(error.kind(), format!("`{}` cannot be made: {error}", folder.display()))),
    }
}

/// What stands in a folder where everybody may make something, such as `/tmp`, may have been made by somebody else a moment
/// ago: he could put anything in the place of what lies in it.
///
/// Errors: `PermissionDenied` when such a folder on the way is neither the user's nor root's.
fn examine_way(folder: &Path) -> io::Result<()> {
    let user = rustix::process::geteuid().as_raw();
    for (folder, above) in folder.ancestors().zip(folder.ancestors().skip(1)) {
        let owner = std::fs::symlink_metadata(folder)?.uid();
        if std::fs::metadata(above)?.mode() & WRITABLE_BY_ALL != 0 && owner != user && owner != 0 {
            let shown = folder.display();
            let wrong = format!("`{shown}` belongs to another user: its owner has the number {owner}, you have {user}");
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, wrong));
        }
    }
    Ok(())
}

/// Reads a file that is trusted for the folder that it lies in: `None` where there is none. The folder is looked at
/// afterwards: what was read was in it.
///
/// Errors: as those of `examine`; a file that cannot be read.
pub fn read(file: &Path) -> io::Result<Option<String>> {
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let folder = file.parent().unwrap_or(file);
    examine_way(folder).and_then(|()| examine(folder))?;
    Ok(Some(text))
}

/// Errors: `NotFound`; `PermissionDenied` when it is no folder, a link, somebody else's, or others can write into it.
pub fn examine(folder: &Path) -> io::Result<()> {
    let metadata = std::fs::symlink_metadata(folder)?;
    let shown = folder.display();
    let user = rustix::process::geteuid().as_raw();
    let wrong = if metadata.is_symlink() {
        format!("`{shown}` is a link, which is not followed")
    } else if !metadata.is_dir() {
        format!("`{shown}` is no folder")
    } else if metadata.uid() != user {
        format!("`{shown}` belongs to another user: its owner has the number {}, you have {user}", metadata.uid())
    } else if metadata.mode() & WRITABLE_BY_OTHERS != 0 {
        let mode = metadata.mode() & 0o7777;
        format!("others can write into `{shown}`, whose mode is {mode:o} (`chmod go-w` ends that)")
    } else {
        return Ok(());
    };
    Err(io::Error::new(io::ErrorKind::PermissionDenied, wrong))
}

/// Opens a file to lock, made if it is missing: for the user alone, and never by a link.
///
/// Errors: it cannot be made; a link, somebody else's file, or no file at all stands there.
pub fn lock_file(path: &Path) -> io::Result<File> {
    let no_follow = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).mode(0o600).custom_flags(no_follow.bits() as i32);
    let refused = |why: &str| io::Error::new(io::ErrorKind::PermissionDenied, format!("`{}` {why}", path.display()));
    let file = options.open(path).map_err(|error| match error.raw_os_error() {
        Some(number) if number == rustix::io::Errno::LOOP.raw_os_error() => refused("is a link, which is not followed"),
        _ => error,
    })?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(refused("is no file"));
    }
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return Err(refused("belongs to another user"));
    }
    // Whoever can open it can hold the lock.
    if metadata.mode() & 0o077 != 0 {
        file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set_mode(path: &Path, mode: u32) {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    #[track_caller]
    fn is_refused(folder: &Path, words: &str) {
        for error in [examine(folder).unwrap_err(), make(folder).unwrap_err()] {
            assert_eq!(error.kind(), io::ErrorKind::PermissionDenied, "{error}");
            assert!(error.to_string().contains(words), "{error}");
        }
    }

    #[test]
    fn a_folder_is_made_for_the_user_alone_whatever_the_mask() {
        let above = tempfile::tempdir().unwrap();
        let folder = above.path().join("a/b");
        assert_eq!(examine(&folder).unwrap_err().kind(), io::ErrorKind::NotFound);
        make(&folder).unwrap();
        make(&folder).unwrap();
        for made in [&folder, &above.path().join("a")] {
            assert_eq!(made.metadata().unwrap().mode() & 0o7777, 0o700);
        }
    }

    #[test]
    fn what_others_can_reach_is_refused() {
        let above = tempfile::tempdir().unwrap();
        let folder = above.path().join("f3s");
        std::fs::create_dir(&folder).unwrap();
        for mode in [0o720, 0o702, 0o1777] {
            set_mode(&folder, mode);
            is_refused(&folder, "others can write");
        }
        set_mode(&folder, 0o755);
        make(&folder).unwrap();
        let link = above.path().join("link");
        std::os::unix::fs::symlink(&folder, &link).unwrap();
        is_refused(&link, "is a link");
        std::os::unix::fs::symlink(above.path().join("nothing"), above.path().join("dangling")).unwrap();
        is_refused(&above.path().join("dangling"), "is a link");
        std::fs::write(above.path().join("file"), "").unwrap();
        is_refused(&above.path().join("file"), "is no folder");
    }

    #[test]
    fn a_folder_of_another_owner_is_refused() {
        let above = tempfile::tempdir().unwrap();
        let folder = above.path().join("f3s");
        std::fs::create_dir(&folder).unwrap();
        match std::os::unix::fs::chown(&folder, Some(65_534), None) {
            Ok(()) => is_refused(&folder, "belongs to another user"),
            // Nobody but root gives folders away; what root owns will do.
            Err(_) => is_refused(Path::new("/usr"), "belongs to another user"),
        }
    }

    #[test]
    fn what_somebody_makes_first_where_everybody_may_is_not_built_upon() {
        let above = tempfile::tempdir().unwrap();
        set_mode(above.path(), 0o1777);
        let (theirs, own) = (above.path().join("f3s"), above.path().join("f3s/own"));
        std::fs::create_dir(&theirs).unwrap();
        set_mode(&theirs, 0o777);
        make(&own).unwrap();
        std::fs::write(own.join("file"), "text").unwrap();
        assert_eq!(read(&own.join("file")).unwrap().as_deref(), Some("text"));
        assert_eq!(read(&own.join("none")).unwrap(), None);
        set_mode(&own, 0o777);
        assert!(read(&own.join("file")).unwrap_err().to_string().contains("others can write"));
        set_mode(&own, 0o700);
        // Only root gives folders away.
        if std::os::unix::fs::chown(&theirs, Some(65_534), None).is_ok() {
            let refused = [make(&own).unwrap_err(), read(&own.join("file")).unwrap_err()];
            for error in refused {
                assert!(error.to_string().contains("f3s` belongs to another user"), "{error}");
            }
        }
    }

    #[test]
    fn a_lock_follows_no_link_and_is_for_the_user_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (lock, link, target) =
            (folder.path().join("lock"), folder.path().join("link"), folder.path().join("target"));
        std::fs::write(&lock, "").unwrap();
        set_mode(&lock, 0o644);
        assert_eq!(lock_file(&lock).unwrap().metadata().unwrap().mode() & 0o777, 0o600);
        std::os::unix::fs::symlink(&target, &link).unwrap();
        assert!(lock_file(&link).unwrap_err().to_string().contains("is a link"));
        assert!(!target.exists());
        rustix::fs::mknodat(rustix::fs::CWD, &target, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        assert!(lock_file(&target).unwrap_err().to_string().contains("is no file"));
    }
}
