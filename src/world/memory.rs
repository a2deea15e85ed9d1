//! A world for tests and documentation examples: nothing but what was put in.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex};

use super::{Stat, World};
use crate::path::ProjectPath;

/// Files and variables that were put in.
#[derive(Default)]
pub struct Memory {
    files: BTreeMap<String, Arc<[u8]>>,
    env: BTreeMap<String, String>,
    reads: Mutex<BTreeSet<ProjectPath>>,
}

impl Memory {
    pub fn new() -> Memory {
        Memory::default()
    }

    /// Adds a file with permission bits 644; folders on the way come to be.
    #[must_use]
    pub fn file(mut self, path: &str, content: impl AsRef<[u8]>) -> Memory {
        self.files.insert(path.to_owned(), content.as_ref().into());
        self
    }

    #[must_use]
    pub fn env_var(mut self, name: &str, value: &str) -> Memory {
        self.env.insert(name.to_owned(), value.to_owned());
        self
    }

    fn remember(&self, path: &ProjectPath) {
        self.reads.lock().unwrap().insert(path.clone());
    }

    /// The names directly below a folder.
    fn below(&self, path: &ProjectPath) -> BTreeSet<String> {
        let prefix = if path.as_str().is_empty() { String::new() } else { format!("{path}/") };
        self.files
            .keys()
            .filter_map(|file| file.strip_prefix(&prefix))
            .map(|rest| rest.split('/').next().unwrap_or(rest).to_owned())
            .collect()
    }
}

fn not_found(path: &ProjectPath) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, format!("`{path}` does not exist"))
}

impl World for Memory {
    fn read(&self, path: &ProjectPath) -> io::Result<Arc<[u8]>> {
        self.remember(path);
        self.files.get(path.as_str()).cloned().ok_or_else(|| not_found(path))
    }

    fn stat(&self, path: &ProjectPath) -> io::Result<Stat> {
        self.remember(path);
        match self.files.get(path.as_str()) {
            Some(content) => Ok(Stat::File { size: content.len() as u64, mode: 0o644 }),
            None if self.below(path).is_empty() => Err(not_found(path)),
            None => Ok(Stat::Folder { mode: 0o755 }),
        }
    }

    fn list(&self, path: &ProjectPath) -> io::Result<Vec<String>> {
        self.remember(path);
        let names = self.below(path);
        if names.is_empty() { Err(not_found(path)) } else { Ok(names.into_iter().collect()) }
    }

    fn digest(&self, path: &ProjectPath) -> io::Result<String> {
        let content = self.read(path)?;
        Ok(crate::digest::of(&content))
    }

    fn env(&self, name: &str) -> Option<String> {
        self.env.get(name).cloned()
    }

    fn reads(&self) -> BTreeSet<ProjectPath> {
        self.reads.lock().unwrap().clone()
    }
}
