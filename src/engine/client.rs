//! bollard's client, and what its errors mean.

use bollard::errors::Error;

use super::EngineError;
use crate::diagnostic::Diagnostic;

#[expect(clippy::disallowed_types, reason = "this is where bollard is fenced in")]
pub type Client = bollard::Docker;

/// What the engine said, without bollard's frame around it.
pub fn message(error: &Error) -> String {
    match error {
        Error::DockerResponseServerError { message, .. } => message.trim().to_owned(),
        Error::DockerStreamError { error } => error.trim().to_owned(),
        error => {
            let mut text = error.to_string();
            let mut cause = std::error::Error::source(error);
            while let Some(inner) = cause {
                text = inner.to_string();
                cause = inner.source();
            }
            text
        }
    }
}

/// An engine that does not answer is unreachable; one that says no has failed.
pub fn failed(error: Error) -> EngineError {
    match &error {
        Error::DockerResponseServerError { .. } | Error::DockerStreamError { .. } | Error::JsonDataError { .. } => {
            EngineError::Failed(Diagnostic::error(format!("the engine says: {}", message(&error))))
        }
        _ => EngineError::unreachable(&format!("the engine went away: {}", message(&error))),
    }
}
