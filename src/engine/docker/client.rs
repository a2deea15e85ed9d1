//! bollard's client, and what its errors mean.

use std::io;
use std::time::Duration;

use bollard::BollardRequest;
use bollard::errors::Error;
use futures_util::TryFutureExt;
use hyper_util::client::legacy::Client as Pool;
use hyper_util::rt::TokioExecutor;

use crate::diagnostic::Diagnostic;
use crate::engine::EngineError;
use crate::harmless::clean_lines;
use crate::transport::Address;

#[expect(clippy::disallowed_types, reason = "this is where bollard is fenced in")]
pub type Client = bollard::Docker;

/// Seconds that one request may take; the answers of long ones begin at once.
const REQUEST_TIMEOUT: u64 = 300;

/// So often what met another's change at the same moment is asked, and how long f3s waits between.
const ATTEMPTS: u32 = 20;
const PAUSE: Duration = Duration::from_millis(50);

/// A client whose requests go over a pool of connections to this address.
pub fn over(address: &Address) -> Result<Client, Error> {
    let pool = Pool::builder(TokioExecutor::new()).build(address.connector());
    let send = move |request: BollardRequest| pool.request(request).map_err(|error| io::Error::other(error).into());
    // The host is only a name: the connector knows where the engine is.
    Client::connect_with_custom_transport(send, Some("http://docker"), REQUEST_TIMEOUT, bollard::API_DEFAULT_VERSION)
}

/// What the engine said, without bollard's frame around it, safe to show: it may hand on what a registry said.
pub fn message(error: &Error) -> String {
    let said = match error {
        Error::DockerResponseServerError { message, .. } => message.clone(),
        Error::DockerStreamError { error } => error.clone(),
        error => {
            let mut text = error.to_string();
            let mut cause = std::error::Error::source(error);
            while let Some(inner) = cause {
                text = inner.to_string();
                cause = inner.source();
            }
            text
        }
    };
    clean_lines(said.trim()).join("\n")
}

/// Asks again, a few times, while the answer is an error that says so. containerd's image store does not lock what it lists
/// or names: it fails when somebody removes or names an image at the same moment.
pub async fn again_after<T, F: Future<Output = Result<T, Error>>>(said: &str, ask: impl Fn() -> F) -> Result<T, Error> {
    for _ in 1..ATTEMPTS {
        match ask().await {
            Err(Error::DockerResponseServerError { message, .. }) if message.contains(said) => {
                tokio::time::sleep(PAUSE).await;
            }
            answer => return answer,
        }
    }
    ask().await
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_engine_says_is_safe_to_show() {
        let error =
            Error::DockerStreamError { error: "\x1b[31mdenied\x1b[0m:\r\n\x1b]0;title\x07by policy\n".to_owned() };
        assert_eq!(message(&error), "denied:\nby policy");
    }
}
