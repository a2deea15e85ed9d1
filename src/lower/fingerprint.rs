//! The identity of an image: a digest of all that it is made of.

use std::fmt;

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::Context;
use crate::dockerfile::Dockerfile;
use crate::recipe::ImageRef;

/// Changes when f3s would build something else from the same inputs.
const VERSION: &str = "f3s fingerprint 2";

/// SHA-256 in lower-case hexadecimal, 64 digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Fingerprint(String);

/// What an image is made of. Tags, checks, comments, places in scripts and labels that f3s adds are no part of it; a host
/// variable is, where the recipe uses its value for more than a tag.
pub struct Inputs<'a> {
    /// Holds the parents' internal references, and so their fingerprints.
    pub dockerfile: &'a Dockerfile,
    pub context: &'a Context,
    /// What `description()` said; the header of a recipe is a comment.
    pub description: &'a str,
    /// External images with their id on the engine, where it has them.
    pub external: &'a [(ImageRef, Option<String>)],
    pub source_date_epoch: Option<i64>,
}

impl Inputs<'_> {
    pub fn fingerprint(&self) -> Fingerprint {
        let mut hasher = Sha256::new();
        // Every field with its length: no two different inputs give the same bytes.
        let mut field = |text: &str| {
            hasher.update((text.len() as u64).to_le_bytes());
            hasher.update(text);
        };
        field(VERSION);
        field(self.dockerfile.identity_text());
        field(self.description);
        for (path, entry) in &self.context.entries {
            field(path);
            field(&entry.identity());
        }
        for (reference, id) in self.external {
            field(&reference.to_string());
            field(id.as_deref().unwrap_or_default());
        }
        field(&self.source_date_epoch.map(|epoch| epoch.to_string()).unwrap_or_default());
        Fingerprint(crate::digest::hex(hasher.finalize()))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
