//! Fetching one file: retried, verified, told as events.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;
use ureq::tls::{RootCerts, TlsConfig};

use super::retry::{Failure, retried};
use crate::diagnostic::Diagnostic;
use crate::digest;
use crate::event::{Event, Events};
use crate::recipe::address::shown;

/// A server that sends nothing for so long is gone.
const SILENCE: Duration = Duration::from_secs(60);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
/// How often progress is told.
const TICK: Duration = Duration::from_millis(200);

pub struct Download<'a> {
    /// As the recipe wrote it.
    pub url: &'a str,
    /// Where mirrors lead.
    pub from: &'a str,
    pub sha256: Option<&'a str>,
}

/// What the blocking half tells the waiting half.
#[derive(Default)]
struct Shared {
    bytes: AtomicU64,
    /// 0: unknown.
    total: AtomicU64,
    abandoned: AtomicBool,
}

impl Download<'_> {
    /// Writes the file to `target` and returns its SHA-256.
    pub async fn run(&self, target: &Path, events: &Events, cancel: &CancellationToken) -> Result<String, Diagnostic> {
        let start = Instant::now();
        let attempt = || self.attempt(target, events, cancel);
        let fetched = retried(&shown(self.url), events, cancel, attempt).await;
        let (digest, bytes) = fetched.map_err(|diagnostic| self.mirrored(diagnostic))?;
        let seconds = start.elapsed().as_secs_f64();
        let _ = events.send(Event::DownloadFinished { url: shown(self.url), bytes, seconds });
        Ok(digest)
    }

    fn mirrored(&self, diagnostic: Diagnostic) -> Diagnostic {
        if self.from == self.url {
            diagnostic
        } else {
            diagnostic.note(format!("`[mirrors]` lead to {}", shown(self.from)))
        }
    }

    async fn attempt(
        &self,
        target: &Path,
        events: &Events,
        cancel: &CancellationToken,
    ) -> Result<(String, u64), Failure> {
        let shared = Arc::new(Shared::default());
        let work = {
            let (from, target, shared) = (self.from.to_owned(), target.to_owned(), shared.clone());
            let sha256 = self.sha256.map(str::to_owned);
            tokio::task::spawn_blocking(move || transfer(&from, &target, sha256.as_deref(), &shared))
        };
        tokio::pin!(work);
        let (mut said, mut last, mut moved) = (false, 0, Instant::now());
        loop {
            tokio::select! {
                result = &mut work => return result.expect("a transfer does not panic"),
                () = cancel.cancelled() => {
                    shared.abandoned.store(true, Ordering::Relaxed);
                    return Err(Failure::Cancelled);
                }
                () = tokio::time::sleep(TICK) => {}
            }
            let bytes = shared.bytes.load(Ordering::Relaxed);
            let total = Some(shared.total.load(Ordering::Relaxed)).filter(|total| *total > 0);
            let url = shown(self.url);
            if !said {
                said = true;
                let _ = events.send(Event::DownloadStarted { url, total });
            } else if bytes > last {
                let _ = events.send(Event::DownloadProgress { url, bytes, total });
            }
            if bytes > last {
                (last, moved) = (bytes, Instant::now());
            } else if moved.elapsed() > SILENCE {
                // The blocked read cannot be interrupted: its thread ends when the system gives the connection up.
                shared.abandoned.store(true, Ordering::Relaxed);
                return Err(Failure::Passing("the server has sent nothing for 60 seconds".to_owned()));
            }
        }
    }
}

fn transfer(url: &str, target: &Path, sha256: Option<&str>, shared: &Shared) -> Result<(String, u64), Failure> {
    let local = |error: std::io::Error| {
        Failure::Final(Diagnostic::error(format!("the artifact store cannot be written: {error}")))
    };
    let tls = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build();
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .tls_config(tls)
        .timeout_connect(Some(CONNECT_TIMEOUT))
        .timeout_recv_response(Some(SILENCE))
        .user_agent(concat!("f3s/", env!("CARGO_PKG_VERSION")))
        .build()
        .into();
    let shown = &shown(url)[..];
    let response = agent.get(url).call().map_err(|error| request_failed(shown, error))?;
    let length = response.headers().get("content-length").and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    shared.total.store(length.unwrap_or(0), Ordering::Relaxed);
    let mut body = response.into_body().into_reader();
    let mut file = File::create(target).map_err(local)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 128 * 1024];
    let mut bytes = 0;
    loop {
        let read = body
            .read(&mut buffer)
            .map_err(|error| Failure::Passing(format!("cut off after {bytes} bytes: {error}")))?;
        if shared.abandoned.load(Ordering::Relaxed) {
            return Err(Failure::Cancelled);
        }
        if read == 0 {
            break;
        }
        hasher.update(&buffer[..read]);
        file.write_all(&buffer[..read]).map_err(local)?;
        bytes += read as u64;
        shared.bytes.store(bytes, Ordering::Relaxed);
    }
    if let Some(length) = length.filter(|length| *length != bytes) {
        return Err(Failure::Passing(format!("cut off after {bytes} of {length} bytes")));
    }
    let digest = digest::hex(hasher.finalize());
    if let Some(expected) = sha256.filter(|expected| *expected != digest) {
        let error = Diagnostic::error(format!("the checksum of `{shown}` is wrong"));
        let error = error.note(format!("expected sha256 {expected}\n     got sha256 {digest}"));
        return Err(Failure::Final(
            error.hint("if the file was meant to change, write the new checksum into the recipe"),
        ));
    }
    Ok((digest, bytes))
}

fn request_failed(url: &str, error: ureq::Error) -> Failure {
    match error {
        ureq::Error::StatusCode(code @ (408 | 425 | 429 | 500..=599)) => {
            Failure::Passing(format!("the server answered {code}"))
        }
        ureq::Error::StatusCode(code) => {
            let error = Diagnostic::error(format!("`{url}` cannot be downloaded: the server answered {code}"));
            Failure::Final(if code == 404 {
                error.hint("is the version right? Open the URL's folder to see what there is")
            } else {
                error
            })
        }
        ureq::Error::BadUri(why) => Failure::Final(Diagnostic::error(format!("`{url}` is no URL: {why}"))),
        error => Failure::Passing(error.to_string()),
    }
}
