//! A world that remembers what one reader read, in front of another one.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex};

use super::{Stat, World};
use crate::path::ProjectPath;

pub struct Tracked {
    inner: Arc<dyn World>,
    reads: Mutex<BTreeSet<ProjectPath>>,
}

impl Tracked {
    pub fn new(inner: Arc<dyn World>) -> Tracked {
        Tracked { inner, reads: Mutex::default() }
    }

    fn remember(&self, path: &ProjectPath) -> &dyn World {
        self.reads.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).insert(path.clone());
        &*self.inner
    }
}

impl World for Tracked {
    fn read(&self, path: &ProjectPath) -> io::Result<Arc<[u8]>> {
        self.remember(path).read(path)
    }

    fn stat(&self, path: &ProjectPath) -> io::Result<Stat> {
        self.remember(path).stat(path)
    }

    fn list(&self, path: &ProjectPath) -> io::Result<Vec<String>> {
        self.remember(path).list(path)
    }

    fn digest(&self, path: &ProjectPath) -> io::Result<String> {
        self.remember(path).digest(path)
    }

    fn env(&self, name: &str) -> Option<String> {
        self.inner.env(name)
    }

    fn reads(&self) -> BTreeSet<ProjectPath> {
        self.reads.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
    }
}
