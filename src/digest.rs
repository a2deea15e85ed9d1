//! SHA-256 in lower-case hexadecimal, 64 digits: how f3s writes all digests.

use sha2::{Digest, Sha256};

/// The digest of bytes that are at hand.
pub fn of(bytes: impl AsRef<[u8]>) -> String {
    hex(Sha256::digest(bytes))
}

/// The digits of a digest that was made piece by piece.
pub fn hex(digest: impl AsRef<[u8]>) -> String {
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}
