//! Trying again what may have failed in passing.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::diagnostic::Diagnostic;
use crate::event::{Event, Events};

/// Waits between attempts.
const BACK_OFF: [Duration; 4] =
    [Duration::from_millis(500), Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4)];

/// Why an attempt failed.
pub enum Failure {
    /// Trying again may help.
    Passing(String),
    Final(Diagnostic),
    Cancelled,
}

/// Attempts until one succeeds, fails for good, or the last one has failed. `url` names what is fetched.
pub async fn retried<T, A: Future<Output = Result<T, Failure>>>(
    url: &str,
    events: &Events,
    cancel: &CancellationToken,
    mut attempt: impl FnMut() -> A,
) -> Result<T, Diagnostic> {
    let cancelled = || Diagnostic::error(format!("the fetch of `{url}` was cancelled"));
    let mut count = 0;
    loop {
        count += 1;
        let because = match attempt().await {
            Ok(value) => return Ok(value),
            Err(Failure::Cancelled) => return Err(cancelled()),
            Err(Failure::Final(diagnostic)) => return Err(diagnostic),
            Err(Failure::Passing(because)) => because,
        };
        let Some(wait) = BACK_OFF.get(count - 1) else {
            let error = Diagnostic::error(format!("`{url}` cannot be downloaded: {because}"));
            return Err(error.note(format!("tried {count} times")));
        };
        let (url, attempt) = (url.to_owned(), count as u32 + 1);
        let _ = events.send(Event::DownloadRetried { url, attempt, because });
        tokio::select! {
            () = tokio::time::sleep(*wait) => {}
            () = cancel.cancelled() => return Err(cancelled()),
        }
    }
}
