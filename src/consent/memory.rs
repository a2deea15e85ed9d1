//! What the user has answered before, in a file for each project in his state folder.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Want;
use crate::diagnostic::Diagnostic;
use crate::{digest, folders};

/// The requests of a project that were allowed.
pub struct Memory {
    file: PathBuf,
    content: Content,
}

#[derive(Default, Serialize, Deserialize)]
struct Content {
    /// For whoever looks into the file.
    project: PathBuf,
    /// What was allowed, in words, by the identity of the request.
    allowed: BTreeMap<String, String>,
}

impl Memory {
    /// Errors: a state folder that others could have written to.
    pub fn of_project(root: &Path) -> Result<Memory, Diagnostic> {
        let name = format!("{}.json", digest::of(root.as_os_str().as_encoded_bytes()));
        let file = folders::state()?.join("consent").join(name);
        // What cannot be read is not known.
        let text = folders::read(&file).ok().flatten();
        let content = text.and_then(|text| serde_json::from_str(&text).ok());
        Ok(Memory { file, content: content.unwrap_or(Content { project: root.to_owned(), ..Content::default() }) })
    }

    pub fn allows(&self, want: &Want) -> bool {
        self.content.allowed.contains_key(&want.identity)
    }

    pub fn remember<'a>(&mut self, wants: impl IntoIterator<Item = &'a Want>) -> io::Result<()> {
        let entry = |want: &Want| {
            let what = want.wish.allowance().map(|allowance| allowance.to_string()).unwrap_or_default();
            (want.identity.clone(), format!("{what} {}", want.purpose).trim().to_owned())
        };
        self.content.allowed.extend(wants.into_iter().map(entry));
        let folder = self.file.parent().expect("a file in the state folder");
        folders::make(folder)?;
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(&serde_json::to_vec_pretty(&self.content)?)?;
        file.persist(&self.file)?;
        Ok(())
    }
}
