//! SHA-256 in lower-case hexadecimal, 64 digits: how f3s writes all digests.

use std::io::{self, Read};
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::file;

/// The digest of bytes that are at hand.
pub fn of(bytes: impl AsRef<[u8]>) -> String {
    hex(Sha256::digest(bytes))
}

/// The digest of a file's content, which is never in memory as a whole.
pub fn of_file(path: &Path) -> io::Result<String> {
    let mut file = file::open(path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 128 * 1024];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok(hex(hasher.finalize()));
        }
        hasher.update(&buffer[..read]);
    }
}

/// The digits of a digest that was made piece by piece.
pub fn hex(digest: impl AsRef<[u8]>) -> String {
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}
