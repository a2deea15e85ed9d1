//! Pushing, past bollard: it would drop the digest and the progress, and encode logins so that engines ignore them.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::body::{Bytes, Incoming};
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use super::EngineError;
use super::credentials::Credentials;
use super::transport::Address;
use crate::diagnostic::Diagnostic;
use crate::event::{Event, Events};
use crate::recipe::ImageRef;

/// A registry that says nothing for so long is gone.
const SILENCE: Duration = Duration::from_secs(90);

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Message {
    id: String,
    progress_detail: Detail,
    error: Option<String>,
    aux: Option<Aux>,
    status: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Detail {
    current: u64,
    total: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Aux {
    digest: Option<String>,
}

pub struct Push<'a> {
    pub address: &'a Address,
    pub credentials: &'a Credentials,
    /// The image's name in events.
    pub image: &'a str,
    pub reference: &'a ImageRef,
}

impl Push<'_> {
    /// Pushes once and returns the manifest's digest.
    pub async fn run(&self, events: &Events, cancel: &CancellationToken) -> Result<String, EngineError> {
        tokio::select! {
            result = self.transfer(events) => result,
            () = cancel.cancelled() => Err(EngineError::Cancelled),
        }
    }

    async fn transfer(&self, events: &Events) -> Result<String, EngineError> {
        let registry = self.reference.registry.as_deref().unwrap_or("docker.io");
        let login =
            self.credentials.of_registry(registry).await.map_err(|error| {
                EngineError::Failed(Diagnostic::error(format!("no login for `{registry}`: {error}")))
            })?;
        // Without a login engines want the header all the same.
        let header = login.as_ref().map_or_else(|| "e30=".to_owned(), |login| login.header(registry));
        let tag = self.reference.tag.as_deref().unwrap_or("latest");
        let request = Request::post(format!("/images/{}/push?tag={tag}", self.reference.repository()))
            .header("Host", "docker")
            .header("X-Registry-Auth", header)
            .body(Full::<Bytes>::default())
            .map_err(|error| EngineError::Failed(Diagnostic::error(error.to_string())))?;
        let gone = |error: io::Error| EngineError::unreachable(&format!("the engine went away: {error}"));
        let response = self.address.send(request).await.map_err(gone)?;
        let status = response.status();
        let mut lines = Lines { body: response.into_body(), buffer: Vec::new() };
        if !status.is_success() {
            let text = lines.rest().await.map_err(gone)?;
            return Err(EngineError::Failed(Diagnostic::error(format!("the engine refuses to push: {}", text.trim()))));
        }
        let mut sizes: BTreeMap<String, (u64, u64)> = BTreeMap::new();
        let mut digest = None;
        loop {
            let line = match tokio::time::timeout(SILENCE, lines.next()).await {
                Ok(line) => line.map_err(gone)?,
                Err(_) => return Err(self.unreachable(registry, "it has said nothing for 90 seconds")),
            };
            let Some(line) = line else { break };
            let Ok(message) = serde_json::from_slice::<Message>(&line) else { continue };
            if let Some(error) = message.error {
                return Err(self.refused(registry, login.is_some(), &error));
            }
            if let Some(found) = message.aux.and_then(|aux| aux.digest) {
                digest = Some(found);
            } else if let Some(found) = digest_in(&message.status) {
                digest = digest.or(Some(found));
            }
            if message.progress_detail.total > 0 {
                let detail = &message.progress_detail;
                sizes.insert(message.id, (detail.current.min(detail.total), detail.total));
                let (bytes, total) = sizes.values().fold((0, 0), |(a, b), (current, total)| (a + current, b + total));
                let (image, reference) = (self.image.to_owned(), self.reference.to_string());
                let _ = events.send(Event::PushProgress { image, reference, bytes, total });
            }
        }
        digest.ok_or_else(|| EngineError::Failed(Diagnostic::error("the engine pushed and named no digest")))
    }

    fn unreachable(&self, registry: &str, why: &str) -> EngineError {
        EngineError::Unreachable(
            Diagnostic::error(format!("the registry `{registry}` cannot be reached: {why}"))
                .hint("is it running, and is `registry` in `f3s.toml` right?"),
        )
    }

    fn refused(&self, registry: &str, logged_in: bool, error: &str) -> EngineError {
        let error = error.trim();
        let lower = error.to_lowercase();
        let is = |words: &[&str]| words.iter().any(|word| lower.contains(word));
        if is(&[
            "connection refused",
            "no such host",
            "no route to host",
            "i/o timeout",
            "network is unreachable",
            "context deadline",
            "server misbehaving",
        ]) {
            return self.unreachable(registry, error);
        }
        let failed = Diagnostic::error(format!("`{}` was not pushed: {error}", self.reference));
        if is(&["unauthorized", "no basic auth", "denied", "authentication required", "incorrect username"]) {
            let hint = match logged_in {
                true => format!("the login for `{registry}` is refused: `docker login {registry}` sets another"),
                false => format!("there is no login for `{registry}`: run `docker login {registry}`"),
            };
            return EngineError::Refused(failed.hint(hint));
        }
        if is(&["http response to https client"]) {
            return EngineError::Refused(
                failed.hint(format!("`{registry}` speaks plain HTTP: add it to `insecure-registries` of the engine")),
            );
        }
        EngineError::Failed(failed)
    }
}

/// `v1: digest: sha256:... size: 1356`.
fn digest_in(status: &str) -> Option<String> {
    let (_, rest) = status.split_once("digest: ")?;
    rest.split(' ').next().map(str::to_owned)
}

/// A body of one JSON object per line.
struct Lines {
    body: Incoming,
    buffer: Vec<u8>,
}

impl Lines {
    async fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let rest = self.buffer.split_off(end + 1);
                return Ok(Some(std::mem::replace(&mut self.buffer, rest)));
            }
            match self.body.frame().await {
                Some(frame) => {
                    if let Ok(data) = frame.map_err(io::Error::other)?.into_data() {
                        self.buffer.extend_from_slice(&data);
                    }
                }
                None if self.buffer.is_empty() => return Ok(None),
                None => return Ok(Some(std::mem::take(&mut self.buffer))),
            }
        }
    }

    async fn rest(mut self) -> io::Result<String> {
        let mut text = String::new();
        while let Some(line) = self.next().await? {
            text.push_str(&String::from_utf8_lossy(&line));
        }
        Ok(text)
    }
}
