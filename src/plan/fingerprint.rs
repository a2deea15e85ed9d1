//! The identity of an image: a digest of all that it is made of.

use std::fmt;

use serde::Serialize;

/// SHA-256 in lower-case hexadecimal, 64 digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Fingerprint(String);

impl Fingerprint {
    /// What stands in tags: 16 digits, 64 bits.
    pub fn prefix(&self) -> &str {
        &self.0[..16]
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
