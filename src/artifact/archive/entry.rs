//! One entry of an archive, and reading it.

use std::io::{self, Read};

use crate::diagnostic::Diagnostic;

/// Time of entries whose own time is not worth keeping: 1980-01-01, the first day that zip knows.
pub const TIME: i64 = 315_532_800;

pub enum Kind {
    File {
        size: u64,
    },
    Folder,
    Symlink {
        target: Vec<u8>,
    },
    /// Another name for an entry of the archive, by its path there.
    HardLink {
        target: Vec<u8>,
    },
    /// A device or pipe, as root file systems have them.
    Special {
        kind: tar::EntryType,
        major: u32,
        minor: u32,
    },
}

/// Since 1970, as `stat` has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Time {
    pub seconds: i64,
    pub nanoseconds: u32,
}

pub struct Entry<'a> {
    /// As it stands in the archive: names of files are bytes.
    pub path: Vec<u8>,
    pub kind: Kind,
    pub mode: u32,
    pub uid: u64,
    pub gid: u64,
    pub time: Time,
    /// `SCHILY.xattr.` records: extended attributes such as file capabilities.
    pub attributes: Vec<(String, Vec<u8>)>,
    /// Of a file, at least as many bytes as its size, or an error.
    pub content: &'a mut dyn Read,
}

pub type Visit<'v> = &'v mut dyn FnMut(Entry<'_>) -> Result<(), Diagnostic>;

/// A name of the archive, as messages show it.
pub fn shown(path: &[u8]) -> String {
    String::from_utf8_lossy(path).into_owned()
}

/// Reads until the buffer is full or the reader ends; how many bytes were read.
pub fn fill(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match reader.read(&mut buffer[filled..])? {
            0 => break,
            read => filled += read,
        }
    }
    Ok(filled)
}

/// A file's content, of exactly so many bytes.
pub struct Exact<R> {
    pub inner: R,
    pub left: u64,
}

impl<R: Read> Read for Exact<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        if wanted == 0 {
            return Ok(0);
        }
        let read = self.inner.read(&mut buffer[..wanted])?;
        if read == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it ends in the middle of a file"));
        }
        self.left -= read as u64;
        Ok(read)
    }
}
