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
    of_reader(&mut file::open(path)?)
}

/// The digest of all that is still to be read.
pub fn of_reader(reader: &mut impl Read) -> io::Result<String> {
    let mut hasher = Sha256::new();
    // Most files are small: a large buffer for each costs more than reading them.
    let mut buffer = vec![0; 8 * 1024];
    loop {
        let read = reader.read(&mut buffer)?;
        if read == 0 {
            return Ok(hex(hasher.finalize()));
        }
        hasher.update(&buffer[..read]);
        if read == buffer.len() {
            buffer.resize(128 * 1024, 0);
        }
    }
}

/// True for so many lower-case hexadecimal digits.
pub fn is_hexadecimal(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
}

/// The digits of a digest that was made piece by piece.
pub fn hex(digest: impl AsRef<[u8]>) -> String {
    let digit = |value: u8| char::from(b"0123456789abcdef"[usize::from(value)]);
    digest.as_ref().iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}
