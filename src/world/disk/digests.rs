//! The digests of files that did not change, kept between runs: one file of the cache folder for each project.

use std::collections::HashMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::digest;
use crate::file::Identity;
use crate::folders;

/// A file whose time stamp is this young when it was read may change again within the same tick of the clock: its
/// digest is not kept ("racy git").
pub const RACY_NANOSECONDS: i128 = 2_000_000_000;

/// What the file begins with.
const VERSION: &str = "f3s digests 1\n";

struct Known {
    identity: Identity,
    digest: Box<str>,
}

#[derive(Default)]
pub struct Digests {
    /// Where they are kept; `None` keeps them in memory only.
    file: Option<PathBuf>,
    /// By path within the project.
    known: HashMap<Box<str>, Known>,
    grown: bool,
}

impl Digests {
    /// Those of the project in `root`. A cache that cannot be read is an empty cache.
    pub fn load(root: &Path, cache: Option<&Path>) -> Digests {
        let name = digest::of(root.as_os_str().as_encoded_bytes());
        let file = cache.map(|folder| folder.join("digests").join(&name[..32]));
        let text = file.as_deref().and_then(|file| folders::read(file).ok().flatten()).unwrap_or_default();
        let records = text.strip_prefix(VERSION).unwrap_or_default().split_terminator('\0');
        // One that cannot be read is forgotten.
        let known = records.filter_map(record).collect();
        Digests { file, known, grown: false }
    }

    pub fn get(&self, path: &str, identity: &Identity) -> Option<&str> {
        self.known.get(path).filter(|known| known.identity == *identity).map(|known| &*known.digest)
    }

    /// Keeps what was just read, unless the file is too young.
    pub fn keep(&mut self, path: &str, identity: Identity, digest: &str) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as i128);
        if now - identity.modified.max(identity.changed) > RACY_NANOSECONDS {
            self.known.insert(path.into(), Known { identity, digest: digest.into() });
            self.grown = true;
        }
    }

    /// Writes them for the next run, but for those of files that are gone.
    pub fn save(&mut self, root: &Path) -> io::Result<()> {
        let (true, Some(file)) = (self.grown, &self.file) else { return Ok(()) };
        let folder = file.parent().expect("the cache file stands in a folder");
        folders::make(folder)?;
        let mut next = io::BufWriter::new(tempfile::NamedTempFile::new_in(folder)?);
        next.write_all(VERSION.as_bytes())?;
        for (path, Known { identity, digest }) in &self.known {
            if std::fs::symlink_metadata(root.join(&**path)).is_ok() {
                let Identity { size, inode, modified, changed } = identity;
                write!(next, "{size} {inode} {modified} {changed} {digest} {path}\0")?;
            }
        }
        next.into_inner().map_err(io::IntoInnerError::into_error)?.persist(file)?;
        self.grown = false;
        Ok(())
    }
}

fn record(text: &str) -> Option<(Box<str>, Known)> {
    let mut fields = text.splitn(6, ' ');
    let mut field = || fields.next();
    let identity = Identity {
        size: field()?.parse().ok()?,
        inode: field()?.parse().ok()?,
        modified: field()?.parse().ok()?,
        changed: field()?.parse().ok()?,
    };
    let digest = field()?.into();
    Some((field()?.into(), Known { identity, digest }))
}
