//! A download that is not whole yet: its file, and what a later attempt must know to go on with it.

use std::fs::File;
use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// What stands behind a partial file's name for what is known of it.
pub const ABOUT: &str = "json";

/// Of the server's answer that the file began with.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct About {
    /// A strong `ETag` or a `Last-Modified`: by it, the server knows whether the file is still the same.
    pub validator: Option<String>,
    /// A checksum tells afterwards.
    pub checked: bool,
    pub length: Option<u64>,
}

impl About {
    fn can_go_on(&self) -> bool {
        self.validator.is_some() || self.checked
    }
}

/// Where a download goes on.
pub struct Start {
    pub offset: u64,
    pub about: About,
}

#[derive(Clone, Debug)]
pub struct Partial {
    pub file: PathBuf,
}

impl Partial {
    /// The key of its source, which is the key of its lock.
    pub fn key(&self) -> String {
        self.file.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    fn about(&self) -> PathBuf {
        self.file.with_extension(ABOUT)
    }

    /// What is there to go on with; `checked` when the file has a checksum.
    pub fn start(&self, checked: bool) -> Option<Start> {
        let about: About = serde_json::from_slice(&std::fs::read(self.about()).ok()?).ok()?;
        let length = std::fs::metadata(&self.file).ok().filter(std::fs::Metadata::is_file)?.len();
        // Of a whole file the last byte is asked for again: no range begins at its end.
        let offset = if about.length == Some(length) { length.saturating_sub(1) } else { length };
        let about = About { checked, ..about };
        (offset > 0 && about.can_go_on()).then_some(Start { offset, about })
    }

    /// Begins with nothing. The old content goes before anything new is known of it.
    pub fn begin(&self, about: &About) -> io::Result<File> {
        let file = File::create(&self.file)?;
        std::fs::write(self.about(), serde_json::to_vec(about)?)?;
        Ok(file)
    }

    /// Opens what is there, to write behind its first bytes.
    pub fn go_on(&self, offset: u64) -> io::Result<File> {
        use std::io::{Seek, SeekFrom};
        let mut file = File::options().write(true).open(&self.file)?;
        file.set_len(offset)?;
        file.seek(SeekFrom::Start(offset))?;
        Ok(file)
    }

    /// Removes it; it need not be there.
    pub fn remove(&self) {
        let _ = std::fs::remove_file(&self.file);
        let _ = std::fs::remove_file(self.about());
    }

    /// Removes what no later attempt can go on with.
    pub fn remove_unless_it_can_go_on(&self) {
        let about = std::fs::read(self.about()).ok().and_then(|text| serde_json::from_slice::<About>(&text).ok());
        if !about.is_some_and(|about| about.can_go_on()) {
            self.remove();
        }
    }
}
