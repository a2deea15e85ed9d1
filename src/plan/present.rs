//! What the engine has: one listing of its images.

use std::collections::BTreeMap;

use serde::Serialize;

/// Images by reference (`alpine:3.13`, `f3s/ops:0123456789abcdef`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Present(pub BTreeMap<String, PresentImage>);

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PresentImage {
    /// `sha256:...`
    pub id: String,
    /// `REPOSITORY@sha256:...`, one for every repository it was pulled from or pushed to.
    pub digests: Vec<String>,
    /// Bytes, all layers.
    pub size: u64,
}

impl Present {
    pub fn get(&self, reference: &str) -> Option<&PresentImage> {
        self.0.get(reference)
    }
}
