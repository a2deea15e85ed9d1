//! The user's own settings, which no project writes: what he allows to all projects, and to some.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::Allowance;
use crate::diagnostic::{Diagnostic, Place};
use crate::folders;

/// In the user's settings folder.
pub const FILE: &str = "settings.toml";

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Settings {
    allow: Vec<Allowance>,
    /// By the project's folder.
    projects: BTreeMap<PathBuf, Project>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Project {
    allow: Vec<Allowance>,
}

/// What the user's settings allow a project.
///
/// Errors: settings that others could have written; that cannot be read, or say what is no setting.
pub fn of_user(root: &Path) -> Result<Vec<Allowance>, Diagnostic> {
    let file = folders::settings()?.join(FILE);
    let shown = file.display().to_string();
    let text = folders::read(&file).map_err(|error| Diagnostic::error(format!("`{shown}` cannot be read: {error}")))?;
    let Some(text) = text else { return Ok(Vec::new()) };
    let settings: Settings = toml::from_str(&text).map_err(|error| {
        let line = error.span().map_or(0, |span| text[..span.start.min(text.len())].matches('\n').count());
        Diagnostic::error(error.message().to_owned()).at(Place::new(shown, line as u32 + 1, 1))
    })?;
    let own = settings.projects.into_iter().filter(|(folder, _)| folder.canonicalize().is_ok_and(|path| path == root));
    Ok(settings.allow.into_iter().chain(own.flat_map(|(_, project)| project.allow)).collect())
}
