//! Paths that cannot leave the project.

use std::fmt;

use serde::Serialize;

/// A path relative to the project's root, with `/`, without `.`, `..`, or a leading or trailing `/`. The root itself
/// is the empty path. Links are checked where the file is read (`World`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct ProjectPath(String);

impl ProjectPath {
    /// Joins a folder of the project and a path as a script wrote it. `None` when the result leaves the project or
    /// the path is absolute.
    pub fn join(folder: &str, written: &str) -> Option<ProjectPath> {
        if written.starts_with('/') || written.contains('\0') {
            return None;
        }
        let mut parts: Vec<&str> = Vec::new();
        for part in folder.split('/').chain(written.split('/')) {
            match part {
                "" | "." => {}
                ".." => {
                    parts.pop()?;
                }
                part => parts.push(part),
            }
        }
        Some(ProjectPath(parts.join("/")))
    }

    /// What stands under a name in this folder.
    pub fn below(&self, name: &str) -> ProjectPath {
        ProjectPath(if self.0.is_empty() { name.to_owned() } else { format!("{}/{name}", self.0) })
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The folder the path stands in; the root for a path of one component.
    pub fn folder(&self) -> &str {
        self.0.rsplit_once('/').map_or("", |(folder, _)| folder)
    }

    /// The last component; empty for the root.
    pub fn file_name(&self) -> &str {
        self.0.rsplit_once('/').map_or(&self.0, |(_, name)| name)
    }
}

impl fmt::Display for ProjectPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "." } else { &self.0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stays_inside_the_project() {
        let join = |folder, path| ProjectPath::join(folder, path).map(|path| path.as_str().to_owned());
        assert_eq!(join("scripts", "nginx/./a.conf").as_deref(), Some("scripts/nginx/a.conf"));
        assert_eq!(join("scripts", "../conf/").as_deref(), Some("conf"));
        assert_eq!(join("scripts", "..").as_deref(), Some(""));
        assert_eq!(join("scripts", "../.."), None);
        assert_eq!(join("scripts", "../../conf/../scripts"), None);
        assert_eq!(join("scripts", "/etc/passwd"), None);
    }
}
