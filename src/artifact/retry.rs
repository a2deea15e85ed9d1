//! Trying again what may have failed in passing.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::diagnostic::Diagnostic;
use crate::event::{Event, Events};

/// Waits between attempts.
const BACK_OFF: [Duration; 4] =
    [Duration::from_millis(500), Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4)];

/// A server that asks for more than this is not waited for.
const LONGEST_WAIT: Duration = Duration::from_secs(15 * 60);

/// Why an attempt failed.
pub enum Failure {
    /// Trying again may help.
    Passing {
        because: String,
        /// What the server asked to wait.
        after: Option<Duration>,
        /// The attempt brought so much that it does not count as a failure: the next one goes on from there.
        advanced: bool,
    },
    Final(Diagnostic),
    Cancelled,
}

impl Failure {
    pub fn passing(because: impl Into<String>) -> Failure {
        Failure::Passing { because: because.into(), after: None, advanced: false }
    }
}

/// Attempts until one succeeds, fails for good, or the last one has failed. `url` names what is fetched.
pub async fn retried<T, A: Future<Output = Result<T, Failure>>>(
    url: &str,
    events: &Events,
    cancel: &CancellationToken,
    mut attempt: impl FnMut() -> A,
) -> Result<T, Diagnostic> {
    let cancelled = || Diagnostic::error(format!("the fetch of `{url}` was cancelled"));
    let (mut count, mut failed) = (0, 0);
    loop {
        count += 1;
        let (because, after, advanced) = match attempt().await {
            Ok(value) => return Ok(value),
            Err(Failure::Cancelled) => return Err(cancelled()),
            Err(Failure::Final(diagnostic)) => return Err(diagnostic),
            Err(Failure::Passing { because, after, advanced }) => (because, after, advanced),
        };
        failed = if advanced { 1 } else { failed + 1 };
        let error = |because: String| Diagnostic::error(format!("`{url}` cannot be downloaded: {because}"));
        let Some(wait) = BACK_OFF.get(failed - 1) else {
            return Err(error(because).note(format!("tried {count} times")));
        };
        let (wait, because) = match after {
            Some(after) if after > LONGEST_WAIT => {
                return Err(error(because).note(format!("it asks to come back in {} minutes", after.as_secs() / 60)));
            }
            Some(after) if after > *wait => (after, format!("{because}, and asks to wait {} s", after.as_secs())),
            _ => (*wait, because),
        };
        let _ = events.send(Event::DownloadRetried { url: url.to_owned(), attempt: count + 1, because });
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = cancel.cancelled() => return Err(cancelled()),
        }
    }
}
