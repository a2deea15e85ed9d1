//! `.dockerignore`: what never enters a build context.

use crate::diagnostic::Diagnostic;
use crate::path::ProjectPath;
use crate::pattern::Patterns;
use crate::world::World;

/// The project's `.dockerignore`; empty when there is none.
pub fn of_project(world: &dyn World) -> Result<Patterns, Diagnostic> {
    let path = ProjectPath::join("", ".dockerignore").expect("a path of the project");
    match world.read(&path) {
        Ok(bytes) => {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            let lines: Vec<String> = text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect();
            Ok(Patterns::new(&lines))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Patterns::default()),
        Err(error) => Err(Diagnostic::error(format!("`.dockerignore` cannot be read: {error}"))),
    }
}
