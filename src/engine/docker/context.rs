//! The files of a build: what the plan names, with the packed artifacts in their places.

use super::buildkit::{Content, Files};
use crate::diagnostic::Diagnostic;
use crate::engine::{ArtifactFiles, EngineError};
use crate::lower::ContextEntry;
use crate::plan::PlannedImage;
use crate::recipe::PackedAs;

/// Modification time of all files unless `SOURCE_DATE_EPOCH` says otherwise: 1980-01-01, the first day that zip knows.
const DEFAULT_TIME: i64 = 315_532_800;

pub fn files(image: &PlannedImage, artifacts: &ArtifactFiles, time: Option<i64>) -> Result<Files, EngineError> {
    let mut files = Files::new(time.unwrap_or(DEFAULT_TIME)).salted(image.marks.salt());
    for (path, entry) in &image.context.entries {
        match entry {
            ContextEntry::File { source, size, mode, digest } => {
                let file = artifacts.project.join(source.as_str());
                let content = Content::Path { path: file, digest: Some(digest.clone()) };
                files.file(path, content, *size, *mode, digest);
            }
            ContextEntry::Folder { mode } => files.folder(path, *mode),
            ContextEntry::Link { target } => files.link(path, target),
            ContextEntry::Text { text, mode } => files.text(path, text, *mode),
            // The builder knows what is in it.
            ContextEntry::Capabilities { stage: _ } => files.text(path, "", 0o644),
            ContextEntry::Artifact { artifact: _, packed } => {
                let packed_file = artifacts.packed.get(path).ok_or_else(|| missing(path))?;
                let size = std::fs::metadata(&packed_file.path).map_err(|_| missing(path))?.len();
                let mode = match packed {
                    PackedAs::File { mode } => *mode,
                    PackedAs::Tar { .. } => 0o644,
                };
                let content =
                    Content::Path { path: packed_file.path.clone(), digest: Some(packed_file.digest.clone()) };
                files.file(path, content, size, mode, &packed_file.digest);
            }
        }
    }
    Ok(files)
}

fn missing(path: &str) -> EngineError {
    EngineError::Failed(
        Diagnostic::error(format!("`{path}` is not in the artifact store"))
            .hint("run f3s again: it fetches what is missing"),
    )
}
