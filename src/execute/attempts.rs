//! When a pull or a push is tried again: what fails in passing, a few times; what a registry is too busy for, later; what an
//! engine that restarts interrupts, once it is back.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::diagnostic::Diagnostic;
use crate::engine::{Engine, EngineError};

const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// Waits between attempts.
const BACK_OFF: [Duration; 3] = [Duration::from_millis(500), seconds(1), seconds(2)];

/// Waits where a registry says that it is asked too much. How long it wants to be left alone (`Retry-After`) engines keep to
/// themselves.
const BUSY: [Duration; 5] = [seconds(2), seconds(5), seconds(10), seconds(20), seconds(30)];

/// What engines say of the status 429.
const IS_BUSY: [&str; 3] = ["toomanyrequests", "too many requests", "status code 429"];

/// How long an engine may be away.
const RESTART: Duration = seconds(30);
const LOOK: Duration = Duration::from_millis(250);

/// Ends a transfer that takes too long in all; `what` is the message's beginning: "`x:1` was not pushed".
pub async fn within<T>(
    limit: Duration,
    what: impl FnOnce() -> String,
    work: impl Future<Output = Result<T, EngineError>>,
) -> Result<T, EngineError> {
    tokio::time::timeout(limit, work).await.unwrap_or_else(|_| {
        let error = format!("{}: it has taken {} s, which is its limit", what(), limit.as_secs());
        let hint = "more is allowed by `timeout` of `[transfers]` in `f3s.toml`";
        Err(EngineError::Unreachable(Diagnostic::error(error).hint(hint)))
    })
}

/// The attempts at one transfer.
#[derive(Default)]
pub struct Attempts {
    failures: usize,
    busy: usize,
}

impl Attempts {
    /// Waits until it makes sense to try again, after `say` was told why and how long; the error where it does not.
    pub async fn wait<E: Engine>(
        &mut self,
        engine: &E,
        error: EngineError,
        cancel: &CancellationToken,
        say: impl FnOnce(String),
    ) -> Result<(), EngineError> {
        let (EngineError::Failed(diagnostic) | EngineError::Unreachable(diagnostic)) = &error else {
            return Err(error);
        };
        let because = diagnostic.message.clone();
        let work = async {
            if matches!(error, EngineError::Unreachable(_)) && !engine.answers().await {
                say(format!("{because}; waiting for the engine to come back"));
                let start = tokio::time::Instant::now();
                while !engine.answers().await {
                    if start.elapsed() > RESTART {
                        return Err(error);
                    }
                    tokio::time::sleep(LOOK).await;
                }
                return Ok(());
            }
            let lower = because.to_lowercase();
            let (waits, count) = match IS_BUSY.iter().any(|word| lower.contains(word)) {
                true => (&BUSY[..], &mut self.busy),
                false => (&BACK_OFF[..], &mut self.failures),
            };
            let Some(wait) = waits.get(*count) else { return Err(error) };
            *count += 1;
            say(match wait.as_secs() {
                0 | 1 => because,
                long => format!("{because}; trying again in {long} s"),
            });
            tokio::time::sleep(*wait).await;
            Ok(())
        };
        tokio::select! {
            result = work => result,
            () = cancel.cancelled() => Err(EngineError::Cancelled),
        }
    }
}
