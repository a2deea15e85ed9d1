//! Removing what the store keeps, but for what is being fetched or used.

use std::io;
use std::path::Path;

use super::blobs::named;
use super::living::{clear_dead, names, partials, used};
use super::locks::Locks;
use super::store::{FOLDER, WHOLE};

/// Bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cleared {
    pub removed: u64,
    /// What other processes fetch or use.
    pub kept: u64,
}

/// Removes all that stores in this cache folder keep; with `dry_run` only says what that would be.
pub fn clear(cache: &Path, dry_run: bool) -> io::Result<Cleared> {
    let root = cache.join(FOLDER);
    let locks = Locks::new(root.join("locks"));
    if !locks.path("").is_dir() {
        return Ok(Cleared::default());
    }
    // Nobody begins to use anything meanwhile. Others hold the lock for moments only.
    let _held = loop {
        match locks.free(WHOLE)? {
            Some(held) => break held,
            None => std::thread::sleep(std::time::Duration::from_millis(20)),
        }
    };
    if !dry_run {
        clear_dead(&root, &locks);
    }
    let mut cleared = Cleared::default();
    let mut clear = |path: &Path, is_used: bool| -> io::Result<()> {
        let size = std::fs::symlink_metadata(path).map_or(0, |metadata| metadata.len());
        *(if is_used { &mut cleared.kept } else { &mut cleared.removed }) += size;
        if is_used || dry_run {
            return Ok(());
        }
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    };
    let used = used(&root);
    for digest in names(&root.join("blobs")) {
        clear(&root.join("blobs").join(&digest), used.contains(&digest))?;
    }
    for folder in ["sources", "packed"] {
        for name in names(&root.join(folder)) {
            let path = root.join(folder).join(name);
            let is_used = named(&path).is_some_and(|digest| used.contains(&digest));
            clear(&path, is_used)?;
        }
    }
    for partial in partials(&root) {
        let free = locks.free(&partial.key())?;
        clear(&partial.file, free.is_none())?;
        if free.is_some() && !dry_run {
            partial.remove();
        }
    }
    Ok(cleared)
}
