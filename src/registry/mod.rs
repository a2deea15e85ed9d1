//! Registries (OCI Distribution), asked by f3s itself: one request for an image, all at once over few connections.
//!
//! Only the registries that a plan names are asked, and only they get the user's logins. HTTP is spoken with this machine, HTTPS with
//! all others. Where the way leads through what only an engine knows (a proxy, a name, a certificate, an insecure registry) f3s
//! gets no answer here, and whoever asks turns to the engine.

mod auth;
mod challenge;
mod client;
mod connection;
mod error;
mod manifest;
#[cfg(test)]
mod tests;
mod trust;

pub use client::{Patience, Registry};
pub use error::Error;
pub use trust::Trust;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio_util::task::AbortOnDropHandle;
use url::Url;

use crate::http::is_loopback;
use crate::recipe::ImageRef;
use crate::transport::credentials::Credentials;

/// An answer only spares a push, or proves one.
const PATIENCE: Patience = Patience { answer: Duration::from_secs(4), busy: Duration::from_secs(2) };

/// What a registry has under a reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    Nothing,
    /// A manifest with this digest.
    Manifest(String),
    /// The same, without all that it names.
    Incomplete,
}

/// Questions that are on their way; dropped, they are not asked any more.
#[derive(Debug, Default)]
pub struct Asked(BTreeMap<ImageRef, AbortOnDropHandle<Result<Found, Error>>>);

impl Asked {
    /// Waits for the answer; `None` where nobody was asked.
    pub fn answer(&mut self, reference: &ImageRef) -> impl Future<Output = Option<Result<Found, Error>>> + use<> {
        let question = self.0.remove(reference);
        async move {
            let answer = question?.await;
            Some(answer.unwrap_or_else(|error| Err(Error::Failed(format!("the question failed: {error}")))))
        }
    }
}

/// Asks for all these at once, with the user's logins. With `whole` the parts of each manifest are looked for, too.
///
/// Must be called within a runtime of tokio.
pub fn ask(references: BTreeSet<ImageRef>, whole: bool) -> Asked {
    ask_as(references, whole, &Credentials::of_user(), &Trust::of_system(), PATIENCE)
}

fn ask_as(
    references: BTreeSet<ImageRef>,
    whole: bool,
    credentials: &Credentials,
    trust: &Trust,
    patience: Patience,
) -> Asked {
    let mut repositories: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for reference in &references {
        repositories.entry(host(reference)).or_default().push(repository(reference));
    }
    let registries: BTreeMap<String, Arc<Registry>> = repositories
        .into_iter()
        .map(|(name, repositories)| {
            let registry = Registry::new(name, repositories, credentials.clone(), trust.clone(), patience);
            (name.to_owned(), Arc::new(registry))
        })
        .collect();
    let asked = references.into_iter().map(|reference| {
        let (registry, repository) = (registries[host(&reference)].clone(), repository(&reference));
        let wanted = reference.digest.clone().or(reference.tag.clone()).unwrap_or_else(|| "latest".to_owned());
        let question = async move {
            let Some(digest) = registry.digest(&repository, &wanted).await? else { return Ok(Found::Nothing) };
            match whole && !registry.is_whole(&repository, &digest).await? {
                true => Ok(Found::Incomplete),
                false => Ok(Found::Manifest(digest)),
            }
        };
        (reference, AbortOnDropHandle::new(tokio::spawn(question)))
    });
    Asked(asked.collect())
}

/// True for a registry of the machine that asks for it.
pub fn is_on_loopback(reference: &ImageRef) -> bool {
    Url::parse(&format!("http://{}/", host(reference))).is_ok_and(|url| is_loopback(&url))
}

/// Whose it is, as references write it.
pub fn host(reference: &ImageRef) -> &str {
    reference.registry.as_deref().unwrap_or("docker.io")
}

/// Docker Hub's own images have a longer name there.
fn repository(reference: &ImageRef) -> String {
    match &reference.registry {
        None if !reference.name.contains('/') => format!("library/{}", reference.name),
        _ => reference.name.clone(),
    }
}
