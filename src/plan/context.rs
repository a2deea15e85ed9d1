//! The build context: exactly the files that the steps name.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::path::ProjectPath;
use crate::recipe::{Artifact, Filter};

/// Files by their path in the context, relative, with `/`. Folders that only hold others are implied.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Context {
    pub entries: BTreeMap<String, ContextEntry>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ContextEntry {
    /// A file of the project. `digest`: SHA-256 of its content in hexadecimal; `mode`: permission bits.
    File {
        source: ProjectPath,
        size: u64,
        mode: u32,
        digest: String,
    },
    /// An explicitly copied folder, so that empty ones arrive.
    Folder {
        mode: u32,
    },
    Link {
        target: String,
    },
    /// The text of `write()`.
    Text {
        text: String,
        mode: u32,
    },
    /// A file that the artifact store makes from an artifact once it is there.
    Artifact {
        artifact: Artifact,
        packed: PackedAs,
    },
}

/// The form in which an artifact enters the context.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PackedAs {
    /// The downloaded file itself, with these permission bits.
    File { mode: u32 },
    /// An uncompressed tar of what the filter leaves, owners changed to `chown` (`uid[:gid]`) if given.
    Tar { filter: Filter, chown: Option<String> },
}
