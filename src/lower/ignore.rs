//! `.dockerignore`: what never enters a build context. Read as Docker reads it (`moby/patternmatcher`, `ignorefile`).

use crate::diagnostic::{Diagnostic, Place};
use crate::path::ProjectPath;
use crate::pattern::{Patterns, clean};
use crate::world::World;

pub const FILE: &str = ".dockerignore";

/// A line that is longer ends Docker's build, too.
const LONGEST_LINE: usize = 64 * 1024 - 1;

/// The project's `.dockerignore`; empty when there is none.
///
/// Errors: a line that Docker refuses.
pub fn of_project(world: &dyn World) -> Result<Patterns, Diagnostic> {
    let path = ProjectPath::join("", FILE).expect("a path of the project");
    let bytes = match world.read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Patterns::default()),
        Err(error) => return Err(Diagnostic::error(format!("`{FILE}` cannot be read: {error}"))),
    };
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let lines = lines(&text);
    let at = |number: usize| Place::new(FILE, number as u32, 1);
    if let Some((number, _)) = lines.iter().find(|(_, line)| line.len() > LONGEST_LINE) {
        let error = Diagnostic::error(format!("line {number} of `{FILE}` has more than {LONGEST_LINE} bytes"));
        return Err(error.at(at(*number)).hint("Docker refuses the build with it, too"));
    }
    if let Some((number, _)) = lines.iter().find(|(_, line)| line.contains(['\0', '\r'])) {
        let error = Diagnostic::error(format!("line {number} of `{FILE}` holds a carriage return or NUL"));
        return Err(error.at(at(*number)).hint("Docker refuses the build with it, too: lines end with a line feed"));
    }
    let patterns: Vec<&str> = lines.iter().map(|(_, line)| &**line).collect();
    Patterns::new(&patterns).map_err(|(index, invalid)| {
        let (number, line) = &lines[index];
        let error = Diagnostic::error(format!("`{line}` is no pattern: {}", invalid.0)).at(at(*number));
        error.hint("escape what is meant as itself with `\\`")
    })
}

/// The patterns with the numbers of their lines.
fn lines(text: &str) -> Vec<(usize, String)> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let numbered = text.split('\n').enumerate().map(|(index, line)| (index + 1, line));
    let patterns = numbered.filter(|(_, line)| !line.starts_with('#')).filter_map(|(number, line)| {
        let line = line.trim();
        if line.is_empty() {
            return None;
        }
        let (sign, rest) = line.strip_prefix('!').map_or(("", line), |rest| ("!", rest.trim()));
        let mut path = if rest.is_empty() { String::new() } else { clean(rest) };
        if path.len() > 1 && path.starts_with('/') {
            path.remove(0);
        }
        Some((number, format!("{sign}{path}")))
    });
    patterns.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::Memory;

    fn patterns(text: &str) -> Result<Patterns, Diagnostic> {
        of_project(&Memory::new().file(FILE, text))
    }

    #[test]
    fn lines_are_cleaned_as_docker_does() {
        let text = "\u{feff}key.pem\r\nconf//key.pem\n /docs/. \n# no\n #hash\na/../b\n! /docs/kept\n";
        let patterns = patterns(text).unwrap();
        for out in ["key.pem", "conf/key.pem", "docs", "docs/x", "#hash", "b"] {
            assert!(patterns.matches(out), "{out}");
        }
        for kept in ["a", "docs/kept", "no", "x/key.pem"] {
            assert!(!patterns.matches(kept), "{kept}");
        }
    }

    #[test]
    fn a_line_that_docker_refuses_is_named() {
        let error = patterns("a\n\n# b\n[x\n").unwrap_err();
        assert_eq!(error.origin.unwrap().place, Place::new(FILE, 4, 1));
        assert!(error.message.contains("`[x` is no pattern"), "{}", error.message);
        assert!(patterns("!\n").is_err());
        // Lines of old Macs would be one pattern that matches nothing.
        for text in ["x\na.txt\rkey.pem\n", "x\na.txt\0\n"] {
            assert_eq!(patterns(text).unwrap_err().origin.unwrap().place, Place::new(FILE, 2, 1));
        }
        assert!(patterns(&format!("{}\n", "a".repeat(70_000))).is_err());
    }
}
