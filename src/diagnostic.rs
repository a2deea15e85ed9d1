//! What f3s says when something is wrong: a message, the place in a script it is about, the chain of calls that
//! led there, and a remedy. Rendering is left to `report`.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock, RwLockWriteGuard};

use serde::Serialize;

use crate::harmless;

/// A place in a script. Lines and columns count from 1; columns count characters, not bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Place {
    /// Path relative to the project, with `/`; library files are `<stdlib>/NAME.rhai`.
    pub file: Arc<str>,
    pub line: u32,
    pub column: u32,
}

impl Place {
    pub fn new(file: impl Into<Arc<str>>, line: u32, column: u32) -> Self {
        Place { file: file.into(), line, column }
    }

    /// The start of a file: for what is wrong with a script as a whole.
    pub fn start_of(file: impl Into<Arc<str>>) -> Self {
        Place::new(file, 1, 1)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// One call on the way from a recipe's line to a host function.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Call {
    /// The function that was called, as it is written in the script.
    pub function: Arc<str>,
    /// Where it was called.
    pub place: Place,
}

/// Where a step or a mistake comes from: a line of the recipe and, when that line called library functions, the
/// calls inside them.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Origin {
    /// The line in the user's own script.
    pub place: Place,
    /// The calls that follow from it inside library functions, outermost first. Empty for a direct host call.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub trace: Vec<Call>,
}

impl From<Place> for Origin {
    fn from(place: Place) -> Self {
        Origin { place, trace: Vec::new() }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Error,
    Warning,
}

/// One thing that is wrong. Messages are lower case, put names in backticks and end without a full stop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    pub severity: Severity,
    pub message: String,
    /// Where it is wrong; `None` when no script line is to blame.
    pub origin: Option<Origin>,
    /// What stands beside the caret; empty for a bare caret.
    pub label: String,
    /// Further places that belong to the mistake (the other definition, the rest of a cycle), each with its label.
    pub related: Vec<(Place, String)>,
    /// Facts below the snippet (a command, its exit code, its last output).
    pub notes: Vec<String>,
    /// Remedies, shown as `help: ...`.
    pub hints: Vec<String>,
}

impl Diagnostic {
    pub fn error(message: impl Into<String>) -> Self {
        Diagnostic {
            severity: Severity::Error,
            message: message.into(),
            origin: None,
            label: String::new(),
            related: Vec::new(),
            notes: Vec::new(),
            hints: Vec::new(),
        }
    }

    pub fn warning(message: impl Into<String>) -> Self {
        Diagnostic { severity: Severity::Warning, ..Diagnostic::error(message) }
    }

    #[must_use]
    pub fn at(mut self, origin: impl Into<Origin>) -> Self {
        self.origin = Some(origin.into());
        self
    }

    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    #[must_use]
    pub fn related(mut self, place: Place, label: impl Into<String>) -> Self {
        self.related.push((place, label.into()));
        self
    }

    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// The same with texts that are safe to show. Places stay what they are: sources are found by their files.
    #[must_use]
    pub fn harmless(&self) -> Self {
        let Diagnostic { severity, message, origin, label, related, notes, hints } = self;
        let texts = |texts: &[String]| texts.iter().map(|text| harmless::text(text)).collect();
        Diagnostic {
            severity: *severity,
            message: harmless::text(message),
            origin: origin.clone(),
            label: harmless::line(label),
            related: related.iter().map(|(place, label)| (place.clone(), harmless::line(label))).collect(),
            notes: texts(notes),
            hints: texts(hints),
        }
    }

    /// Adds the hint when there is one.
    #[must_use]
    pub fn hint_if(mut self, hint: Option<String>) -> Self {
        self.hints.extend(hint);
        self
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(origin) = &self.origin {
            write!(f, "{}: ", origin.place)?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for Diagnostic {}

/// One or more diagnostics that end a phase: independent mistakes are reported together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diagnostics(pub Vec<Diagnostic>);

impl From<Diagnostic> for Diagnostics {
    fn from(one: Diagnostic) -> Self {
        Diagnostics(vec![one])
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, diagnostic) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{diagnostic}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostics {}

/// The text of every script that was read, by the file name that stands in `Place::file`: what a caret is drawn under.
/// Clones share them: a report sees what is read after it began.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The folder that the file names are relative to, where they are files of a disk.
    pub root: Option<PathBuf>,
    texts: Arc<RwLock<BTreeMap<Arc<str>, Arc<str>>>>,
}

impl Sources {
    /// Of a project in this folder, before anything is read.
    pub fn in_folder(root: &Path) -> Sources {
        Sources { root: Some(root.to_owned()), ..Sources::default() }
    }

    pub fn insert(&mut self, file: impl Into<Arc<str>>, text: impl Into<Arc<str>>) {
        self.texts_mut().insert(file.into(), text.into());
    }

    pub fn get(&self, file: &str) -> Option<Arc<str>> {
        self.texts.read().unwrap_or_else(|poisoned| poisoned.into_inner()).get(file).cloned()
    }

    pub fn extend(&mut self, other: &Sources) {
        if !Arc::ptr_eq(&self.texts, &other.texts) {
            let texts = other.texts.read().unwrap_or_else(|poisoned| poisoned.into_inner()).clone();
            self.texts_mut().extend(texts);
        }
    }

    fn texts_mut(&mut self) -> RwLockWriteGuard<'_, BTreeMap<Arc<str>, Arc<str>>> {
        self.texts.write().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// Characters; more than that are no name that somebody mistyped.
const LONGEST_NAME: usize = 200;

/// The candidate nearest to a mistyped name, if any is near enough to be what was meant.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Far longer or shorter is far away: comparing takes as long as both lengths multiplied.
    let length = name.chars().count();
    if length > LONGEST_NAME {
        return None;
    }
    let is_near = |candidate: &&str| {
        length.abs_diff(candidate.chars().count()) * 3 <= length.max(candidate.chars().count()).max(3)
    };
    candidates
        .into_iter()
        .filter(is_near)
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate))
        .filter(|(distance, candidate)| *distance * 3 <= name.chars().count().max(candidate.chars().count()).max(3))
        .min()
        .map(|(_, candidate)| candidate)
}
