//! One registry (OCI Distribution 1.1): its scheme and its kind of login are learned from the first question, all others follow
//! at once. What fails in passing is tried again, when the registry wants it to be.

use std::collections::BTreeSet;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use hyper::Method;
use hyper::header::{ACCEPT, AUTHORIZATION, HeaderValue, RETRY_AFTER};
use tokio::sync::OnceCell;
use tokio::time::Instant;
use url::Url;

use super::auth::{Auth, Scope, Sent};
use super::connection::{Answer, Connections, Question};
use super::error::Error;
use super::manifest::{KINDS, Parts};
use super::trust::Trust;
use crate::digest;
use crate::http::{is_loopback, retry_after};
use crate::transport::credentials::Credentials;

/// Where references of Docker Hub lead.
const HUB: &str = "docker.io";
const HUB_HOST: &str = "registry-1.docker.io";

/// What says which content an answer is.
const DIGEST: &str = "docker-content-digest";

/// Waits before what failed in passing is tried again.
const BACK_OFF: [Duration; 2] = [Duration::from_millis(200), Duration::from_millis(500)];

/// What is longer is for ever, and past what clocks count.
const LONGEST_REST: Duration = Duration::from_secs(24 * 60 * 60);

/// Manifests that an image may name, with those that they name: an index has one for each of some platforms.
const MOST_MANIFESTS: usize = 256;

/// What a question is worth.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// How long one answer may take.
    pub answer: Duration,
    /// How long f3s waits in all for a registry that asks to be left alone.
    pub busy: Duration,
}

pub struct Registry {
    /// `host[:port]`, as references write it.
    name: String,
    connections: Connections,
    auth: Auth,
    /// `http://127.0.0.1:5000/`, or why nobody can be asked.
    base: OnceCell<Result<Url, Error>>,
    /// Why it is not asked any more.
    silent: OnceLock<Error>,
    /// Until when it wants to be left alone.
    resting: Mutex<Option<Instant>>,
    patience: Patience,
}

/// What is asked for within a repository.
struct Call<'a> {
    method: Method,
    repository: &'a str,
    /// `manifests/latest`, `blobs/sha256:..`.
    path: String,
}

impl Registry {
    /// `repositories`: those that will probably be asked for.
    pub fn new(
        name: &str,
        repositories: impl IntoIterator<Item = String>,
        credentials: Credentials,
        trust: Trust,
        patience: Patience,
    ) -> Registry {
        let scopes = repositories.into_iter().map(|repository| Scope::pull(&repository)).collect();
        Registry {
            name: name.to_owned(),
            connections: Connections::new(name, trust, patience.answer),
            auth: Auth::new(name, credentials, scopes),
            base: OnceCell::new(),
            silent: OnceLock::new(),
            resting: Mutex::default(),
            patience,
        }
    }

    /// The digest of the manifest under a tag or a digest; `None` when there is none.
    pub async fn digest(&self, repository: &str, reference: &str) -> Result<Option<String>, Error> {
        let path = format!("manifests/{reference}");
        let answer = self.ask(&Call { method: Method::HEAD, repository, path }).await?;
        match (answer.status.as_u16(), answer.header(DIGEST)) {
            (200, Some(digest)) => Ok(Some(digest.to_owned())),
            // The header is no duty, nor is HEAD of old.
            (200, None) | (405, _) => Ok(self.manifest(repository, reference).await?.map(|(digest, _)| digest)),
            (404, _) => Ok(None),
            _ => Err(self.unexpected(&answer)),
        }
    }

    /// The manifest under a tag or a digest, and its own digest, which is compared with what was asked for.
    async fn manifest(&self, repository: &str, reference: &str) -> Result<Option<(String, Answer)>, Error> {
        let path = format!("manifests/{reference}");
        let answer = self.ask(&Call { method: Method::GET, repository, path }).await?;
        match answer.status.as_u16() {
            200 => {}
            404 => return Ok(None),
            _ => return Err(self.unexpected(&answer)),
        }
        let found = format!("sha256:{}", digest::of(&answer.body));
        let named = [Some(reference), answer.header(DIGEST)];
        let is_wrong = |named: &&str| named.starts_with("sha256:") && **named != found;
        let wrong = named.into_iter().flatten().find(is_wrong).map(str::to_owned);
        match wrong {
            Some(named) => Err(Error::Failed(format!("`{}` gave other content for `{named}`: `{found}`", self.name))),
            None => Ok(Some((found, answer))),
        }
    }

    /// Whether all is there that a manifest names.
    pub async fn is_whole(&self, repository: &str, digest: &str) -> Result<bool, Error> {
        let mut known = BTreeSet::from([digest.to_owned()]);
        let mut manifests = vec![digest.to_owned()];
        while let Some(digest) = manifests.pop() {
            let Some((_, answer)) = self.manifest(repository, &digest).await? else { return Ok(false) };
            let wrong = |why: String| Error::Failed(format!("`{digest}` is no manifest: {why}"));
            let parts: Parts = serde_json::from_slice(&answer.body).map_err(|error| wrong(error.to_string()))?;
            manifests.extend(
                parts.manifests.iter().map(|inner| inner.digest.clone()).filter(|one| known.insert(one.clone())),
            );
            if known.len() > MOST_MANIFESTS {
                return Err(wrong(format!("it names more than {MOST_MANIFESTS}")));
            }
            let there =
                parts.blobs().into_iter().map(|blob| async move { self.has_blob(repository, &blob.digest).await });
            let there: Vec<bool> = futures_util::future::try_join_all(there).await?;
            if there.contains(&false) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn has_blob(&self, repository: &str, digest: &str) -> Result<bool, Error> {
        let answer = self.ask(&Call { method: Method::HEAD, repository, path: format!("blobs/{digest}") }).await?;
        match answer.status.as_u16() {
            200 => Ok(true),
            404 => Ok(false),
            _ => Err(self.unexpected(&answer)),
        }
    }

    /// Asks until there is an answer that trying again does not change.
    async fn ask(&self, call: &Call<'_>) -> Result<Answer, Error> {
        let end = Instant::now() + self.patience.busy;
        let mut failures = BACK_OFF.into_iter();
        loop {
            self.rest(end).await?;
            if let Some(error) = self.silent.get() {
                return Err(error.clone());
            }
            let (error, after) = match self.ask_once(call).await {
                Ok(answer) => {
                    let after = answer.header(RETRY_AFTER.as_str()).and_then(retry_after);
                    match answer.status.as_u16() {
                        429 => (Error::Busy(format!("`{}` is asked too much", self.name)), after.or(Some(BACK_OFF[1]))),
                        503 if after.is_some() => (Error::Busy(format!("`{}` is too busy", self.name)), after),
                        500..=599 => (self.unexpected(&answer), None),
                        _ => return Ok(answer),
                    }
                }
                Err(error @ Error::Unreachable(_)) if matches!(self.base.get(), Some(Ok(_))) => (error, None),
                Err(error @ Error::Silent(_)) => return Err(self.silent.get_or_init(|| error).clone()),
                Err(error) => return Err(error),
            };
            match after {
                // Whoever else asks leaves it alone, too. One that wants no time at all would be asked without end.
                Some(after) => {
                    let until = Instant::now() + after.clamp(BACK_OFF[0], LONGEST_REST);
                    let mut resting = self.resting.lock().unwrap_or_else(PoisonError::into_inner);
                    *resting = (*resting).max(Some(until));
                }
                None => match failures.next() {
                    Some(wait) => tokio::time::sleep(wait).await,
                    None => return Err(error),
                },
            }
        }
    }

    /// Leaves the registry alone for as long as it wants, if that is before `end`.
    async fn rest(&self, end: Instant) -> Result<(), Error> {
        loop {
            let until = *self.resting.lock().unwrap_or_else(PoisonError::into_inner);
            match until.filter(|until| *until > Instant::now()) {
                None => return Ok(()),
                Some(until) if until > end => {
                    return Err(Error::Busy(format!("`{}` is asked too much, and wants to be left alone", self.name)));
                }
                Some(until) => tokio::time::sleep_until(until).await,
            }
        }
    }

    /// Asks, with a login where one is wanted.
    async fn ask_once(&self, call: &Call<'_>) -> Result<Answer, Error> {
        let scope = Scope::pull(call.repository);
        let mut first = None;
        let base = self.base.get_or_init(|| self.open(call, &mut first)).await.as_ref().map_err(Error::clone)?;
        let mut narrow = false;
        loop {
            let (answer, sent) = match first.take() {
                Some(answer) => (answer, Sent::Nothing),
                None => {
                    let (login, sent) = self.auth.header(&self.connections, base, &scope, narrow).await?;
                    (self.connections.ask(&call.question(base, login)).await?, sent)
                }
            };
            match answer.status.as_u16() {
                // Where the registry led to is no place for its login.
                401 if answer.is_of_another => {
                    return Err(Error::Refused(format!("`{}` leads to where a login is wanted", self.name)));
                }
                401 => self.auth.challenged(&answer, sent)?,
                403 => return Err(Error::Refused(format!("`{}` does not allow it", self.name))),
                _ => return Ok(answer),
            }
            narrow = sent == Sent::Broad;
        }
    }

    /// Finds out how the registry is spoken to, by the first question, whose answer counts.
    async fn open(&self, call: &Call<'_>, first: &mut Option<Answer>) -> Result<Url, Error> {
        let host = if self.name == HUB { HUB_HOST } else { &self.name };
        let base = |scheme: &str| Url::parse(&format!("{scheme}://{host}/"));
        let invalid = |_| Error::Failed(format!("`{}` is no host", self.name));
        let secure = base("https").map_err(invalid)?;
        if is_loopback(&secure) {
            let plain = base("http").map_err(invalid)?;
            match self.connections.ask(&call.question(&plain, None)).await {
                // What servers say to HTTP where they expect TLS.
                Ok(answer) if answer.status == 400 => {}
                Ok(answer) => {
                    *first = Some(answer);
                    return Ok(plain);
                }
                // As others hang up on it.
                Err(Error::Unreachable(_)) => {}
                Err(error) => return Err(error),
            }
        }
        *first = Some(self.connections.ask(&call.question(&secure, None)).await?);
        Ok(secure)
    }

    fn unexpected(&self, answer: &Answer) -> Error {
        Error::Failed(format!("`{}` answered {}", self.name, answer.status.as_u16()))
    }
}

impl Call<'_> {
    fn question(&self, base: &Url, login: Option<HeaderValue>) -> Question {
        let mut url = base.clone();
        url.set_path(&format!("/v2/{}/{}", self.repository, self.path));
        let question = Question::new(self.method.clone(), url).header(ACCEPT, HeaderValue::from_static(KINDS));
        match login {
            Some(login) => question.header(AUTHORIZATION, login),
            None => question,
        }
    }
}
