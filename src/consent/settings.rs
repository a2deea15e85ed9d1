//! The user's own settings, which no project writes: what he allows to all projects, and to some; his logins for downloads.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
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
    /// By host, or host and port.
    logins: BTreeMap<String, Login>,
}

/// For downloads from a host. Read in this way, no error shows a password that stands in the wrong place.
#[derive(Deserialize)]
#[serde(
    untagged,
    deny_unknown_fields,
    expecting = "a login has `user`, and either `password` or `command`: texts in quotes, the command a list"
)]
pub enum Login {
    Password {
        user: String,
        password: String,
    },
    /// A program with its arguments, which prints the password.
    Command {
        user: String,
        command: Vec<String>,
    },
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
    let settings = read()?;
    let own = settings.projects.into_iter().filter(|(folder, _)| folder.canonicalize().is_ok_and(|path| path == root));
    Ok(settings.allow.into_iter().chain(own.flat_map(|(_, project)| project.allow)).collect())
}

/// The user's logins for downloads, by host. Errors: as above; a password that others can read.
pub fn logins() -> Result<BTreeMap<String, Login>, Diagnostic> {
    Ok(read()?.logins)
}

/// Others may read.
const READABLE_BY_OTHERS: u32 = 0o044;

fn read() -> Result<Settings, Diagnostic> {
    let file = folders::settings()?.join(FILE);
    let shown = file.display().to_string();
    let text = folders::read(&file).map_err(|error| Diagnostic::error(format!("`{shown}` cannot be read: {error}")))?;
    let Some(text) = text else { return Ok(Settings::default()) };
    let settings: Settings = toml::from_str(&text).map_err(|error| {
        let line = error.span().map_or(0, |span| text[..span.start.min(text.len())].matches('\n').count());
        Diagnostic::error(error.message().to_owned()).at(Place::new(shown, line as u32 + 1, 1))
    })?;
    let holds_password = settings.logins.values().any(|login| matches!(login, Login::Password { .. }));
    if holds_password && file.metadata().map_or(0, |metadata| metadata.mode()) & READABLE_BY_OTHERS != 0 {
        let error = format!("others can read `{}`, in which a password stands", file.display());
        return Err(Diagnostic::error(error).hint(format!("`chmod 600 {}`", file.display())));
    }
    Ok(settings)
}
