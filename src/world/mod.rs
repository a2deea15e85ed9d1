//! Everything outside that evaluation and planning may read: files of the project and the environment. A world
//! remembers what was read, which is what watch mode waits for. No path or link leads out of the project.

mod disk;
mod memory;
mod tracked;

pub use disk::Disk;
pub use memory::Memory;
pub use tracked::{Answers, Tracked};

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;

use crate::path::ProjectPath;

/// The project as evaluation and planning see it.
///
/// Errors: `NotFound` for what does not exist, `PermissionDenied` with a message for a link that leaves the project,
/// `InvalidInput` for reading what is no file.
pub trait World: Send + Sync {
    /// The whole content of a file.
    fn read(&self, path: &ProjectPath) -> io::Result<Arc<[u8]>>;
    /// What stands at a path. A link is reported as a link.
    fn stat(&self, path: &ProjectPath) -> io::Result<Stat>;
    /// The names in a folder, sorted.
    fn list(&self, path: &ProjectPath) -> io::Result<Vec<String>>;
    /// What stands in a folder, sorted: `list`, and `stat` of each.
    fn scan(&self, path: &ProjectPath) -> io::Result<Vec<Listed>> {
        let listed = |name: String| Ok(Listed { stat: self.stat(&path.below(&name))?, name, digest: None });
        self.list(path)?.into_iter().map(listed).collect()
    }
    /// SHA-256 of a file's content, 64 lower-case hexadecimal digits; reads a file that did not change only once.
    fn digest(&self, path: &ProjectPath) -> io::Result<String>;
    /// The digests of many files.
    fn digests(&self, paths: &[ProjectPath]) -> Vec<io::Result<String>> {
        paths.iter().map(|path| self.digest(path)).collect()
    }
    /// A host variable; `None` when unset or not UTF-8.
    fn env(&self, name: &str) -> Option<String>;
    /// The paths that were read, listed or looked for so far.
    fn reads(&self) -> BTreeSet<ProjectPath>;
}

/// What a folder holds under a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    pub name: String,
    pub stat: Stat,
    /// Of a file that need not be read for it: looking once tells all.
    pub digest: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stat {
    /// `mode`: the permission bits.
    File {
        size: u64,
        mode: u32,
    },
    Folder {
        mode: u32,
    },
    /// The target as it is written in the link.
    Link {
        target: String,
    },
    /// A pipe, a socket, a device: reading it may never end.
    Other,
}
