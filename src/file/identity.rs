//! What `stat` says of a file.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// When none of it changed, the content did not: a file's owner can set all but the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    pub size: u64,
    pub inode: u64,
    /// Nanoseconds since the epoch.
    pub modified: i128,
    pub changed: i128,
}

fn nanoseconds(seconds: i64, rest: i64) -> i128 {
    i128::from(seconds) * 1_000_000_000 + i128::from(rest)
}

impl From<&std::fs::Metadata> for Identity {
    fn from(metadata: &std::fs::Metadata) -> Identity {
        Identity {
            size: metadata.size(),
            inode: metadata.ino(),
            modified: nanoseconds(metadata.mtime(), metadata.mtime_nsec()),
            changed: nanoseconds(metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

impl From<&rustix::fs::Stat> for Identity {
    fn from(stat: &rustix::fs::Stat) -> Identity {
        Identity {
            size: stat.st_size as u64,
            inode: stat.st_ino,
            modified: nanoseconds(stat.st_mtime, stat.st_mtime_nsec as i64),
            changed: nanoseconds(stat.st_ctime, stat.st_ctime_nsec as i64),
        }
    }
}

/// What stands at a path, as far as can be told without reading it; a link is not followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp(Option<Identity>);

impl Stamp {
    pub fn of(path: &Path) -> Stamp {
        Stamp(std::fs::symlink_metadata(path).ok().map(|metadata| Identity::from(&metadata)))
    }

    pub fn known(identity: Option<Identity>) -> Stamp {
        Stamp(identity)
    }
}
