//! How a command can end badly, what is said then, and the exit code.

use std::io::Write;
use std::path::Path;

use super::args::Global;
use super::output;
use crate::diagnostic::{Diagnostic, Diagnostics, Sources};
use crate::harmless::Service;
use crate::report::annotation;

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

    pub fn say(&self, global: &Global) {
        let none = Sources::default();
        let (diagnostics, sources) = match self {
            Failure::Reported | Failure::Unreachable(None) | Failure::Interrupted => return,
            Failure::Usage(one) => (std::slice::from_ref(one), &none),
            Failure::Failed(one, sources) | Failure::Unreachable(Some((one, sources))) => {
                (std::slice::from_ref(one), sources)
            }
            Failure::Wrong(all, sources) => (&all.0[..], sources),
        };
        say(diagnostics, sources, global);
    }
}

/// Says diagnostics on standard error.
pub fn say(diagnostics: &[Diagnostic], sources: &Sources, global: &Global) {
    let mut text = crate::report::diagnostic::render(diagnostics, sources, output::style(global));
    if let Some(service) = Service::of_environment() {
        text = service.tamed(&text);
        if service == Service::GitHub {
            text.extend(diagnostics.iter().map(|diagnostic| annotation(diagnostic, sources)));
        }
    }
    let _ = anstream::stderr().write_all(text.as_bytes());
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
