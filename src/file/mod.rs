//! Opening files of the project, at whose paths anything may have come to stand meanwhile, and telling whether they changed.

mod identity;

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;

pub use identity::{Identity, Stamp};

/// Opens a regular file for reading. Never waits: opening a pipe would, until somebody writes to it.
///
/// Errors: `InvalidInput` for what is neither file nor folder.
pub fn open(path: &Path) -> io::Result<File> {
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits() as i32;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(|error| {
        // What a socket answers.
        if error.raw_os_error() == Some(rustix::io::Errno::NXIO.raw_os_error()) { no_file() } else { error }
    })?;
    let kind = file.metadata()?;
    // Reading a folder fails by itself, with the usual words.
    if kind.is_file() || kind.is_dir() { Ok(file) } else { Err(no_file()) }
}

/// Bytes of the longest text that is held whole. A file with holes costs a project nothing, and whoever reads it all he has.
const LONGEST: u64 = 4 << 20;

/// As `std::fs::read`, of a regular file.
///
/// Errors: as `open`; `FileTooLarge` for one of more than 4 MiB.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    open(path)?.take(LONGEST + 1).read_to_end(&mut content)?;
    if content.len() as u64 > LONGEST {
        return Err(io::Error::new(ErrorKind::FileTooLarge, "it has more than 4 MiB"));
    }
    Ok(content)
}

fn no_file() -> io::Error {
    io::Error::new(ErrorKind::InvalidInput, "it is neither file nor folder nor link")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_file_is_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        rustix::fs::mkfifoat(rustix::fs::CWD, path("pipe"), rustix::fs::Mode::RWXU).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(path("socket")).unwrap();
        std::fs::write(path("file"), "text").unwrap();
        for (name, kind) in [("pipe", ErrorKind::InvalidInput), ("socket", ErrorKind::InvalidInput)] {
            assert_eq!(read(&path(name)).unwrap_err().kind(), kind, "{name}");
        }
        assert_eq!(read(Path::new("/dev/null")).unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!(read(&path("file")).unwrap(), b"text");
        File::create(path("holes")).unwrap().set_len(1 << 40).unwrap();
        assert_eq!(read(&path("holes")).unwrap_err().kind(), ErrorKind::FileTooLarge);
    }
}
