//! How a command can end badly, what is said then, and the exit code.

use std::path::Path;

use crate::diagnostic::{Diagnostic, Diagnostics, Sources};

pub enum Failure {
    /// A build, check or push failed. It was said already, where it happened.
    Reported,
    /// Something that was asked for could not be done.
    Failed(Diagnostic, Sources),
    Usage(Diagnostic),
    /// A script or the configuration is wrong.
    Wrong(Diagnostics, Sources),
    /// No engine or registry could be reached. `None`: it was said already.
    Unreachable(Option<(Diagnostic, Sources)>),
    Interrupted,
}

impl Failure {
    pub fn code(&self) -> u8 {
        match self {
            Failure::Reported | Failure::Failed(..) => 1,
            Failure::Usage(_) => 2,
            Failure::Wrong(..) => 3,
            Failure::Unreachable(_) => 4,
            Failure::Interrupted => 130,
        }
    }

    /// A file or folder of the user that cannot be written.
    pub fn of_file(path: &Path, error: &std::io::Error) -> Failure {
        Failure::Failed(
            Diagnostic::error(format!("`{}` cannot be written: {error}", path.display())),
            Sources::default(),
        )
    }

    /// What is to be said of it.
    pub fn into_diagnostics(self) -> Vec<Diagnostic> {
        match self {
            Failure::Reported | Failure::Unreachable(None) | Failure::Interrupted => Vec::new(),
            Failure::Usage(one) | Failure::Failed(one, _) | Failure::Unreachable(Some((one, _))) => vec![one],
            Failure::Wrong(all, _) => all.0,
        }
    }
}

/// An input or output error of the command itself.
impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        // `f3s list | head` is no failure worth a word.
        if error.kind() == std::io::ErrorKind::BrokenPipe {
            return Failure::Reported;
        }
        Failure::Failed(Diagnostic::error(error.to_string()), Sources::default())
    }
}
