//! Artifacts on the host: fetched once, verified, kept in a content-addressed store, handed to builds as files.

use std::path::PathBuf;

use tokio_util::sync::CancellationToken;

use crate::config::Mirrors;
use crate::diagnostic::Diagnostic;
use crate::event::Events;
use crate::plan::PackedAs;
use crate::recipe::Artifact;

/// The store in the user's cache folder. Safe to share between tasks and between processes.
#[derive(Clone, Debug)]
pub struct Store {
    root: PathBuf,
    mirrors: Mirrors,
}

impl Store {
    pub fn open(root: PathBuf, mirrors: Mirrors) -> std::io::Result<Store> {
        std::fs::create_dir_all(&root)?;
        Ok(Store { root, mirrors })
    }

    /// Fetches the artifact unless the store has it. Two calls for the same artifact fetch it once.
    ///
    /// Errors point at the artifact's origin: unreachable, HTTP status, wrong checksum, cut off, cancelled.
    pub async fn fetch(
        &self,
        artifact: &Artifact,
        events: &Events,
        cancel: &CancellationToken,
    ) -> Result<(), Diagnostic> {
        let _ = (artifact, events, cancel, &self.mirrors);
        todo!()
    }

    /// The file that enters the build context, made from a fetched artifact. Made once, then kept.
    ///
    /// Errors: no known archive format, an entry that would leave the target folder, a pattern that matches nothing.
    pub async fn pack(&self, artifact: &Artifact, packed: &PackedAs) -> Result<PathBuf, Diagnostic> {
        let _ = (artifact, packed, &self.root);
        todo!()
    }
}
