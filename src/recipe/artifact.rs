//! Artifacts: what is fetched on the host and reaches a build as context.

use serde::Serialize;

use super::timeout::Timeout;
use crate::diagnostic::Origin;

/// A file or source tree to fetch. Two handles on the same source are the same artifact wherever they were made.
#[derive(Clone, Debug, Serialize)]
pub struct Artifact {
    pub source: ArtifactSource,
    /// The file name: the last path segment of the URL unless the option `name` says otherwise.
    pub name: String,
    pub limits: Limits,
    /// Where it was first asked for.
    pub origin: Origin,
}

/// What bounds a fetch; what is `None` is as the configuration says. No part of what an artifact is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Limits {
    /// The largest file, in bytes.
    pub size: Option<u64>,
    /// In all.
    pub timeout: Option<Timeout>,
    /// After which time a server that sends next to nothing is given up.
    pub stall: Option<Timeout>,
}

impl PartialEq for Artifact {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source && self.name == other.name && self.limits == other.limits
    }
}

impl Eq for Artifact {}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ArtifactSource {
    /// A file behind an `http` or `https` URL.
    Download {
        url: String,
        /// Lower-case hexadecimal, 64 digits.
        sha256: Option<String>,
        /// As `sha256`, 128 digits.
        #[serde(skip_serializing_if = "Option::is_none")]
        sha512: Option<String>,
    },
    /// A work tree of a repository, without `.git`.
    Git {
        url: String,
        /// A branch, tag or commit; the default branch when `None`.
        reference: Option<String>,
    },
}

impl ArtifactSource {
    pub fn has_checksum(&self) -> bool {
        matches!(
            self,
            ArtifactSource::Download { sha256: Some(_), .. } | ArtifactSource::Download { sha512: Some(_), .. }
        )
    }

    /// The URL as the recipe wrote it: mirrors change where it is fetched from, not what it is.
    pub fn url(&self) -> &str {
        match self {
            ArtifactSource::Download { url, .. } | ArtifactSource::Git { url, .. } => url,
        }
    }
}

/// The form in which an artifact enters the context.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PackedAs {
    /// The downloaded file itself, with these permission bits.
    File { mode: u32 },
    /// An uncompressed tar of what the filter leaves, owners changed to `chown` (`uid[:gid]`) if given.
    Tar {
        filter: Filter,
        chown: Option<String>,
        /// Tools of the image copy what it holds, and some of them lose capabilities: an archive that has any is refused.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        copied: bool,
    },
}

/// Which entries of an archive are unpacked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Filter {
    /// How many leading path components are dropped, as with `tar --strip-components`.
    pub strip: u32,
    /// Glob patterns over the paths after stripping; empty means everything. A pattern that names a folder takes
    /// all below it.
    pub only: Vec<String>,
    pub exclude: Vec<String>,
    /// Bytes that the archive may become; `None`: what its packed size allows. Changes nothing of what is unpacked, and so
    /// is no part of an image's identity.
    #[serde(skip)]
    pub limit: Option<u64>,
}
