//! Fetching one file: attempts until it is there, watched for stalls, told as events.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;
use url::Url;

use super::logins::Logins;
use super::partial::Partial;
use super::request::Request;
use super::retry::{Failure, retried};
use super::transfer::{Expected, Shared, Transfer};
use crate::diagnostic::Diagnostic;
use crate::event::{Event, Events};
use crate::recipe::address::shown;

/// How often progress is told.
const TICK: Duration = Duration::from_millis(200);

/// Bytes a second below which a server sends next to nothing.
const SLOWEST: u64 = 1024;

pub struct Download {
    /// As the recipe wrote it.
    pub url: String,
    /// Where mirrors lead.
    pub from: String,
    pub expected: Expected,
    pub timeout: Duration,
    pub stall: Duration,
    pub logins: Logins,
}

impl Download {
    /// Makes `partial` whole and returns its SHA-256. What it lacks after a failure is fetched by the next one, where that can
    /// be told to be of the same file.
    pub async fn run(self, partial: &Path, events: &Events, cancel: &CancellationToken) -> Result<String, Diagnostic> {
        let start = Instant::now();
        let (url, from) = (shown(&self.url), self.from()?);
        let this = Arc::new(self);
        let partial = Partial { file: partial.to_owned() };
        let furthest = Arc::default();
        let attempt = || this.attempt(&url, (&from, &partial, &furthest), start + this.timeout, events, cancel);
        let fetched = match tokio::time::timeout(this.timeout, retried(&url, events, cancel, attempt)).await {
            Ok(fetched) => fetched,
            Err(_) => Err(this.took_too_long(&url)),
        };
        let (digest, bytes, is_endless) = fetched.map_err(|diagnostic| {
            partial.remove_unless_it_can_go_on();
            this.mirrored(diagnostic)
        })?;
        if is_endless && !this.expected.has_checksum() {
            let why = "the server does not say how long it is, so a part of it cannot be told from all of it";
            let _ = events.send(Event::Note { message: format!("{url}: {why}; a checksum would tell") });
        }
        let seconds = start.elapsed().as_secs_f64();
        let _ = events.send(Event::DownloadFinished { url, bytes, seconds });
        Ok(digest)
    }

    fn from(&self) -> Result<Url, Diagnostic> {
        let from = Url::parse(&self.from).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        from.ok_or_else(|| {
            let error = Diagnostic::error(format!("`{}` is no URL of `http` or `https`", shown(&self.from)));
            self.mirrored(error)
        })
    }

    fn mirrored(&self, diagnostic: Diagnostic) -> Diagnostic {
        if self.from == self.url {
            diagnostic
        } else {
            diagnostic.note(format!("`[mirrors]` lead to {}", shown(&self.from)))
        }
    }

    fn took_too_long(&self, url: &str) -> Diagnostic {
        let limit = self.timeout.as_secs();
        Diagnostic::error(format!("`{url}` cannot be downloaded: it has taken {limit} s, which is its limit"))
            .hint("more is allowed by `timeout` of `download`, or of `[downloads]` in `f3s.toml`")
    }

    async fn attempt(
        self: &Arc<Self>,
        url: &str,
        (from, partial, furthest): (&Url, &Partial, &Arc<AtomicU64>),
        end: Instant,
        events: &Events,
        cancel: &CancellationToken,
    ) -> Result<(String, u64, bool), Failure> {
        // Also when the attempt is dropped: the thread may still block, and must not write into what others go on with.
        let shared = Abandoned(Arc::new(Shared::default()));
        let work = {
            let (this, from, partial, shared) = (self.clone(), from.clone(), partial.clone(), shared.0.clone());
            let (shown, furthest) = (shown(&self.from), furthest.clone());
            tokio::task::spawn_blocking(move || {
                let left = end.saturating_duration_since(Instant::now());
                let request = Request { url: &from, shown: &shown, logins: &this.logins, stall: this.stall, left };
                let (expected, partial, shared, furthest) = (&this.expected, &partial, &*shared, &*furthest);
                Transfer { request, expected, partial, shared, furthest }.run()
            })
        };
        tokio::pin!(work);
        let mut said = Said::default();
        let mut window = (Instant::now(), 0);
        loop {
            tokio::select! {
                result = &mut work => {
                    let (digest, bytes) = result.expect("a transfer does not panic")?;
                    return Ok((digest, bytes, shared.0.is_endless.load(Ordering::Relaxed)));
                }
                () = cancel.cancelled() => return Err(Failure::Cancelled),
                () = tokio::time::sleep(TICK) => {}
            }
            let bytes = shared.0.bytes.load(Ordering::Relaxed);
            said.say(url, bytes, shared.0.total.load(Ordering::Relaxed), events);
            if window.0.elapsed() >= self.stall {
                let least = SLOWEST * self.stall.as_secs();
                if bytes < window.1 + least {
                    let seconds = self.stall.as_secs();
                    return Err(Failure::passing(format!("the server has sent next to nothing for {seconds} s")));
                }
                window = (Instant::now(), bytes);
            }
        }
    }
}

struct Abandoned(Arc<Shared>);

impl Drop for Abandoned {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

/// What was told of a download so far.
#[derive(Default)]
struct Said {
    started: bool,
    bytes: u64,
}

impl Said {
    fn say(&mut self, url: &str, bytes: u64, total: u64, events: &Events) {
        let (url, total) = (url.to_owned(), Some(total).filter(|total| *total > 0));
        if !self.started {
            self.started = true;
            let _ = events.send(Event::DownloadStarted { url, total });
        } else if bytes > self.bytes {
            self.bytes = bytes;
            let _ = events.send(Event::DownloadProgress { url, bytes, total });
        }
    }
}
