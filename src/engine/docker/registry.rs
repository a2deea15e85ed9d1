//! Pulls and pushes, past bollard: it would drop the digest and the progress of a push, and encode logins so that engines
//! ignore some of them.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use bollard::models::ImageInspect;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::body::{Bytes, Incoming};
use serde::Deserialize;

use crate::diagnostic::Diagnostic;
use crate::engine::EngineError;
use crate::event::{Event, Events};
use crate::plan::Present;
use crate::recipe::ImageRef;
use crate::transport::Address;
use crate::transport::credentials::{Credentials, Login};

/// A registry that says nothing for so long is gone.
const SILENCE: Duration = Duration::from_secs(60);

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

/// How long a registry says nothing before the user is told.
const SILENCE_TOLD: Duration = Duration::from_secs(10);

/// One image's way from or to its registry.
pub struct Transfer<'a> {
    pub address: &'a Address,
    pub events: Option<&'a Events>,
    pub credentials: &'a Credentials,
    pub reference: &'a ImageRef,
    /// How messages say that it did not work: `cannot be pulled`, `was not pushed`.
    pub failed: &'static str,
}

impl Transfer<'_> {
    /// Pulls the image.
    pub async fn pull(&self) -> Result<(), EngineError> {
        // A digest takes the place of the tag.
        let path = match &self.reference.digest {
            Some(digest) => format!("/images/create?fromImage={}@{digest}", self.reference.repository()),
            None => format!("/images/create?fromImage={}&tag={}", self.reference.repository(), self.tag()),
        };
        self.run(&path, |_| {}).await
    }

    /// Pushes the image and returns the manifest's digest, or `None` where the engine has no image of that name; `progress`
    /// hears bytes done and bytes in all.
    pub async fn push(&self, progress: impl Fn(u64, u64)) -> Result<Option<String>, EngineError> {
        let path = format!("/images/{}/push?tag={}", self.reference.repository(), self.tag());
        let mut sizes: BTreeMap<String, (u64, u64)> = BTreeMap::new();
        let mut digest = None;
        let hear = |message: Message| {
            if let Some(found) = message.aux.and_then(|aux| aux.digest) {
                digest = Some(found);
            } else if let Some(found) = digest_in(&message.status) {
                digest.get_or_insert(found);
            }
            if message.progress_detail.total > 0 {
                let Detail { current, total } = message.progress_detail;
                sizes.insert(message.id, (current.min(total), total));
                let (done, all) = sizes.values().fold((0, 0), |(a, b), (current, total)| (a + current, b + total));
                progress(done, all);
            }
        };
        match self.run(&path, hear).await {
            Err(EngineError::Failed(said) | EngineError::Refused(said)) if is_lacking(&said.message) => {
                return Ok(None);
            }
            result => result?,
        }
        match digest {
            Some(digest) => Ok(Some(digest)),
            None => Err(EngineError::Failed(Diagnostic::error("the engine pushed and named no digest"))),
        }
    }

    fn tag(&self) -> &str {
        self.reference.tag.as_deref().unwrap_or("latest")
    }

    pub fn registry(&self) -> &str {
        self.reference.registry.as_deref().unwrap_or("docker.io")
    }

    /// Sends the request and hears the engine's messages until the end, an error, or silence.
    async fn run(&self, path: &str, mut hear: impl FnMut(Message)) -> Result<(), EngineError> {
        let login = self.login().await?;
        let header = Self::header(login.as_ref(), self.registry());
        let request = Request::post(path)
            .header("Host", "docker")
            .header("X-Registry-Auth", header)
            .body(Full::<Bytes>::default())
            .map_err(|error| EngineError::Failed(Diagnostic::error(error.to_string())))?;
        let gone = |error: io::Error| EngineError::unreachable(&format!("the engine went away: {error}"));
        let response = self.patiently(self.address.send(request)).await?.map_err(gone)?;
        let status = response.status();
        let mut lines = Lines { body: response.into_body(), buffer: Vec::new() };
        if !status.is_success() {
            // Pulls say so with the status, pushes within the stream.
            let text = lines.rest().await.map_err(gone)?;
            return Err(self.refused(login.is_some(), &refusal(&text)));
        }
        loop {
            let line = self.patiently(lines.next()).await?.map_err(gone)?;
            let Some(line) = line else { return Ok(()) };
            let Ok(message) = serde_json::from_slice::<Message>(&line) else { continue };
            if let Some(error) = message.error {
                return Err(self.refused(login.is_some(), &error));
            }
            hear(message);
        }
    }

    /// The user's login for the registry.
    pub async fn login(&self) -> Result<Option<Login>, EngineError> {
        let registry = self.registry();
        let login = self.credentials.of_registry(registry).await;
        login.map_err(|error| EngineError::Refused(Diagnostic::error(format!("no login for `{registry}`: {error}"))))
    }

    /// The value of `X-Registry-Auth`, which engines want also without a login.
    pub fn header(login: Option<&Login>, registry: &str) -> String {
        login.map_or_else(|| "e30=".to_owned(), |login| login.header(registry))
    }

    /// Waits for the registry, tells the user when that takes long, and gives up in the end.
    async fn patiently<T>(&self, work: impl Future<Output = T>) -> Result<T, EngineError> {
        tokio::pin!(work);
        if let Ok(result) = tokio::time::timeout(SILENCE_TOLD, &mut work).await {
            return Ok(result);
        }
        if let Some(events) = self.events {
            let (reference, registry) = (self.reference, self.registry());
            let told = SILENCE_TOLD.as_secs();
            let message = format!("`{reference}`: the registry `{registry}` has said nothing for {told} s; waiting");
            let _ = events.send(Event::Note { message });
        }
        tokio::time::timeout(SILENCE - SILENCE_TOLD, work).await.map_err(|_| self.silent())
    }

    fn silent(&self) -> EngineError {
        self.unreachable("it has said nothing for a minute")
    }

    pub fn unreachable(&self, why: &str) -> EngineError {
        let (reference, registry) = (self.reference, self.registry());
        EngineError::Unreachable(
            Diagnostic::error(format!(
                "`{reference}` {}: the registry `{registry}` cannot be reached: {why}",
                self.failed
            ))
            .hint(format!("is `{registry}` right, running, and reachable from the engine?")),
        )
    }

    pub fn refused(&self, logged_in: bool, error: &str) -> EngineError {
        let (error, registry) = (error.trim(), self.registry());
        let lower = error.to_lowercase();
        let is = |words: &[&str]| words.iter().any(|word| lower.contains(word));
        if is(UNREACHABLE) {
            return self.unreachable(error);
        }
        let failed = Diagnostic::error(format!("`{}` {}: {error}", self.reference, self.failed));
        if is(&["http response to https client"]) {
            let hint = format!("`{registry}` speaks plain HTTP: add it to `insecure-registries` of the engine");
            return EngineError::Refused(failed.hint(hint));
        }
        if is(&["not found", "manifest unknown", "no such image"]) {
            return EngineError::Refused(failed.hint("is its name right, and its tag?"));
        }
        if is(REFUSED) {
            let hint = match logged_in {
                true => format!("the login for `{registry}` is refused: `docker login {registry}` sets another"),
                false => format!("there is no login for `{registry}`: run `docker login {registry}`"),
            };
            return EngineError::Refused(failed.hint(hint));
        }
        EngineError::Failed(failed)
    }
}

/// True when a push of `reference` that gave this digest brought the image with this id to the registry. What was pushed
/// may be another: the engine looks only then what has the reference.
pub fn is_of(digest: &str, id: &str, reference: &ImageRef, image: &ImageInspect) -> bool {
    // In containerd's store the id is the manifest's digest; elsewhere the engine notes what it pushed with the image.
    let noted = Present::familiar(&format!("{}@{digest}", reference.repository()));
    digest == id || image.repo_digests.iter().flatten().any(|known| Present::familiar(known) == noted)
}

/// Has the engine try the user's login at a registry; false when there is none for it.
///
/// Errors: a login that cannot be read, or that the registry refuses; a registry that cannot be reached.
pub async fn log_in(address: &Address, credentials: &Credentials, registry: &str) -> Result<bool, EngineError> {
    let failed = |error: String| EngineError::Failed(Diagnostic::error(error));
    let login = credentials.of_registry(registry).await.map_err(|error| failed(error.to_string()))?;
    let Some(login) = login else { return Ok(false) };
    let request = Request::post("/auth")
        .header("Host", "docker")
        .header("Content-Type", "application/json")
        .body(Full::from(login.json(registry)))
        .map_err(|error| failed(error.to_string()))?;
    let answer = async {
        let response = address.send(request).await?;
        let status = response.status();
        let lines = Lines { body: response.into_body(), buffer: Vec::new() };
        Ok::<_, io::Error>((status, lines.rest().await?))
    };
    let answer = tokio::time::timeout(SILENCE, answer).await;
    match answer.map_err(|_| failed("the registry has said nothing for a minute".to_owned()))? {
        Ok((status, _)) if status.is_success() => Ok(true),
        Ok((_, text)) => Err(failed(refusal(&text).trim().to_owned())),
        Err(error) => Err(EngineError::unreachable(&format!("the engine went away: {error}"))),
    }
}

/// What engines say of a push where they have no image of that name: none of that tag, or none of that repository.
const LACKING: [&str; 2] = ["tag does not exist: ", "an image does not exist locally with the tag: "];

fn is_lacking(said: &str) -> bool {
    let lower = said.to_lowercase();
    LACKING.iter().any(|words| lower.contains(words))
}

/// What engines say where a login is missing, wrong, or not enough.
const REFUSED: &[&str] = &[
    "unauthorized",
    "no basic auth",
    "denied",
    "403 forbidden",
    "authentication required",
    "authorization failed",
    "incorrect username",
    "insufficient_scope",
];

/// What engines say of a registry that is not there.
const UNREACHABLE: &[&str] = &[
    "connection refused",
    "no such host",
    "no route to host",
    "i/o timeout",
    "network is unreachable",
    "context deadline",
    "server misbehaving",
    "tls handshake timeout",
];

/// The body of an answer that is no success.
#[derive(Deserialize)]
pub struct Refusal {
    pub message: String,
}

/// What an answer that is no success says.
pub fn refusal(text: &str) -> String {
    serde_json::from_str::<Refusal>(text).map_or_else(|_| text.to_owned(), |refusal| refusal.message)
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
