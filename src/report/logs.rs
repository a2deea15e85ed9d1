//! The logs of every image, kept in files: a quiet screen loses nothing.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use super::diagnostic::Style;
use super::{Plain, Report};
use crate::diagnostic::Sources;
use crate::event::Event;

/// Runs whose logs are kept, for every image.
pub const KEPT: usize = 3;

pub struct Logs {
    folder: PathBuf,
    sources: Sources,
    open: BTreeMap<String, Plain<File>>,
}

impl Logs {
    pub fn new(folder: PathBuf, sources: Sources) -> Self {
        Logs { folder, sources, open: BTreeMap::new() }
    }

    /// The file of an image's log; `back` 0 is the last run, 1 the one before.
    pub fn file(folder: &Path, image: &str, back: usize) -> PathBuf {
        let image = image.replace('%', "%25").replace('/', "%2F");
        folder.join(if back == 0 { format!("{image}.log") } else { format!("{image}.{back}.log") })
    }

    /// The image whose log a file is, without its suffix.
    pub fn image(stem: &str) -> String {
        stem.replace("%2F", "/").replace("%25", "%")
    }

    /// Starts a log; earlier ones move back.
    fn begin(&mut self, image: &str) -> std::io::Result<()> {
        std::fs::create_dir_all(&self.folder)?;
        for back in (1..KEPT).rev() {
            let _ = std::fs::rename(Self::file(&self.folder, image, back - 1), Self::file(&self.folder, image, back));
        }
        let file = File::create(Self::file(&self.folder, image, 0))?;
        self.open.insert(image.to_owned(), Plain::new(file, self.sources.clone(), Style::PLAIN));
        Ok(())
    }
}

impl Report for Logs {
    fn hear(&mut self, event: &Event) {
        let Some(image) = event.image() else { return };
        if let Event::ImageStarted { .. } = event
            && let Err(error) = self.begin(image)
        {
            tracing::debug!(%error, image, "the log cannot be kept");
        }
        if let Some(log) = self.open.get_mut(image) {
            log.hear(event);
        }
    }
}
