//! A Docker-compatible daemon, by the Engine API (bollard) and BuildKit.

mod buildkit;
mod checks;
mod classic;
mod client;
mod context;
mod distribution;
mod leftovers;
mod output;
mod registry;
mod secrets;
mod tarball;
mod usage;

pub use secrets::examine as examine_secrets;

use std::collections::BTreeSet;
use std::io;

use bollard::errors::Error;
use bollard::models::SystemVersion;
use bollard::query_parameters::{ListImagesOptionsBuilder, RemoveImageOptionsBuilder, TagImageOptionsBuilder};
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

use super::{ArtifactFiles, BuildOptions, Built, Engine, EngineError, Inherited, Pushed};
use crate::event::{Event, Events};
use crate::plan::{PlannedImage, Present, PresentImage};
use crate::recipe::{Check, ImageRef, RESERVED_HOST};
use crate::transport::Address;
use crate::transport::credentials::Credentials;
use buildkit::{Builder, Files, Offer, Request};
use client::{Client, failed, message};
use registry::Transfer;

#[derive(Clone)]
pub struct Docker {
    address: Address,
    client: Client,
    credentials: Credentials,
    builder: std::sync::Arc<OnceCell<Option<Builder>>>,
    identity: std::sync::Arc<OnceCell<String>>,
    about: std::sync::Arc<OnceCell<SystemVersion>>,
}

impl Docker {
    /// Errors: nobody answers there, or what answers is no engine.
    pub async fn connect(address: Address) -> io::Result<Docker> {
        let client = client::over(&address).map_err(|error| io::Error::other(message(&error)))?;
        let client = tokio::time::timeout(address.patience(), client.negotiate_version())
            .await
            .map_err(|_| address.is_silent())?
            .map_err(|error| io::Error::other(message(&error)))?;
        Ok(Docker {
            address,
            client,
            credentials: Credentials::of_user(),
            builder: Default::default(),
            identity: Default::default(),
            about: Default::default(),
        })
    }

    /// What the engine says of itself; asked once, and only where it matters.
    async fn about(&self) -> &SystemVersion {
        self.about.get_or_init(|| async { self.client.version().await.unwrap_or_default() }).await
    }

    pub async fn version(&self) -> &str {
        self.about().await.version.as_deref().unwrap_or_default()
    }

    /// Podman keeps no note of what it pushed, and has no name of its own.
    async fn is_podman(&self) -> bool {
        let components = self.about().await.components.iter().flatten();
        components.into_iter().any(|component| component.name.starts_with("Podman"))
    }

    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Where the engine keeps its data, if it says so.
    pub async fn data_root(&self) -> Option<String> {
        self.client.info().await.ok()?.docker_root_dir
    }

    /// What tells the engine from others, by whatever way it is reached.
    pub async fn identity(&self) -> &str {
        let ask = || async {
            let info = self.client.info().await.unwrap_or_default();
            let place = || Some(format!("{} {}", info.name?, info.docker_root_dir?));
            let identity = if self.is_podman().await { place() } else { info.id };
            identity.unwrap_or_else(|| self.address.to_string())
        };
        self.identity.get_or_init(ask).await
    }

    /// Logs in to a registry (`host[:port]`) as pushes will; false when the user has no login for it.
    pub async fn log_in(&self, registry: &str) -> Result<bool, EngineError> {
        registry::log_in(&self.address, &self.credentials, registry).await
    }

    /// The channel to BuildKit; `None` when the engine has none.
    pub async fn builder(&self) -> Result<Option<&Builder>, EngineError> {
        let connect = || async {
            match Builder::connect(self.address.clone(), self.credentials.clone()).await {
                Ok(builder) => Ok(Some(builder)),
                Err(error) if error.kind() == io::ErrorKind::Unsupported => Ok(None),
                Err(error) => Err(EngineError::unreachable(&format!("the engine went away: {error}"))),
            }
        };
        Ok(self.builder.get_or_try_init(connect).await?.as_ref())
    }

    fn transfer<'a>(
        &'a self,
        reference: &'a ImageRef,
        events: Option<&'a Events>,
        failed: &'static str,
    ) -> Transfer<'a> {
        Transfer { address: &self.address, credentials: &self.credentials, reference, events, failed }
    }
}

/// The registries that an image's bases, copies and pushes name.
fn registries_of(image: &PlannedImage) -> BTreeSet<String> {
    let named = image.external.iter().chain(&image.pushes);
    named.map(|image| image.registry.clone().unwrap_or_else(|| "docker.io".to_owned())).collect()
}

/// What engines answer when a reference is removed that they do not have. Podman lists digests under names that it does not know.
fn is_gone(error: &Error) -> bool {
    match error {
        Error::DockerResponseServerError { status_code: 404, .. } => true,
        Error::DockerResponseServerError { message, .. } => message.trim_end().ends_with(": tag not known"),
        _ => false,
    }
}

impl Engine for Docker {
    async fn present(&self) -> Result<Present, EngineError> {
        let options = ListImagesOptionsBuilder::new().all(false).build();
        let list = || self.client.list_images(Some(options.clone()));
        let images = client::again_after("not found", list).await.map_err(failed)?;
        let mut present = Present::default();
        for image in images {
            let found = PresentImage { id: image.id, digests: image.repo_digests, size: image.size.max(0) as u64 };
            // An image may be asked for by its digest, too.
            for name in image.repo_tags.iter().chain(&found.digests) {
                present.insert(name, found.clone());
                // Podman's name for what has no registry.
                if let Some(short) = name.strip_prefix("localhost/").filter(|short| present.get(short).is_none()) {
                    present.insert(short, found.clone());
                }
            }
        }
        Ok(present)
    }

    async fn build(
        &self,
        image: &PlannedImage,
        artifacts: &ArtifactFiles,
        options: &BuildOptions,
        events: &Events,
        cancel: &CancellationToken,
    ) -> Result<Built, EngineError> {
        let secrets = secrets::read(image, &options.access).map_err(EngineError::Failed)?;
        let ssh = secrets::agent(image, &options.access).map_err(EngineError::Failed)?;
        let files = context::files(image, artifacts, options.source_date_epoch)?;
        let builder = tokio::select! {
            builder = self.builder() => builder?,
            () = cancel.cancelled() => return Err(EngineError::Cancelled),
        };
        let (id, cached) = match builder {
            Some(builder) => {
                let mut dockerfile = Files::new(0).salted(image.marks.salt());
                dockerfile.text("Dockerfile", &image.dockerfile.text, 0o644);
                let shared_key = image.internal.repository();
                let registries = registries_of(image);
                let offer = Offer { context: files, dockerfile, secrets, ssh, registries, shared_key, listing: None };
                let built = builder.build(Request { image, offer, options, cancel }, events).await;
                built.map_err(name_missing_base)?
            }
            None => {
                let id = tokio::select! {
                    result = classic::build(&self.client, image, files, options, events) => {
                        result.map_err(name_missing_base)?
                    }
                    () = cancel.cancelled() => return Err(EngineError::Cancelled),
                };
                (id, false)
            }
        };
        let size = self.client.inspect_image(&id).await.map_err(failed)?.size.unwrap_or(0);
        Ok(Built { id, size: size.max(0) as u64, cached })
    }

    async fn check(&self, id: &str, check: &Check, cancel: &CancellationToken) -> Result<(), EngineError> {
        checks::run(&self.client, id, check, cancel).await
    }

    async fn sweep(&self) -> Result<(), EngineError> {
        leftovers::remove(&self.client).await
    }

    async fn inherited(&self, image: &ImageRef) -> Result<Inherited, EngineError> {
        match self.client.inspect_image(&image.to_string()).await {
            Ok(found) => {
                let config = found.config.unwrap_or_default();
                let (triggers, shell) = (config.on_build.unwrap_or_default(), config.shell.unwrap_or_default());
                Ok(Inherited { triggers, shell })
            }
            Err(Error::DockerResponseServerError { status_code: 404, .. }) => Ok(Inherited::default()),
            Err(error) => Err(failed(error)),
        }
    }

    async fn tag(&self, id: &str, to: &ImageRef) -> Result<(), EngineError> {
        let tag = to.tag.as_deref().unwrap_or("latest");
        let options = TagImageOptionsBuilder::new().repo(&to.repository()).tag(tag).build();
        let tag = || self.client.tag_image(id, Some(options.clone()));
        client::again_after("already exists", tag).await.map_err(failed)
    }

    async fn remove(&self, reference: &str) -> Result<(), EngineError> {
        let options = RemoveImageOptionsBuilder::new().build();
        match self.client.remove_image(reference, Some(options), None).await {
            Err(error) if !is_gone(&error) => Err(failed(error)),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    async fn pull(&self, reference: &ImageRef, events: &Events, cancel: &CancellationToken) -> Result<(), EngineError> {
        let _ = events.send(Event::PullStarted { reference: reference.to_string() });
        // Watch mode drops it when something changes meanwhile.
        let mut unfinished = Unfinished { reference: Some(reference.to_string()), events };
        let start = std::time::Instant::now();
        let transfer = self.transfer(reference, Some(events), "cannot be pulled");
        let result = tokio::select! {
            result = transfer.pull() => result,
            () = cancel.cancelled() => Err(EngineError::Cancelled),
        };
        let (reference, seconds) = (unfinished.reference.take().unwrap_or_default(), start.elapsed().as_secs_f64());
        let _ = events.send(match &result {
            Ok(()) => Event::PullFinished { reference, seconds },
            Err(_) => Event::PullFailed { reference },
        });
        result
    }

    async fn at_registry(&self, reference: &ImageRef) -> Result<Option<String>, EngineError> {
        self.transfer(reference, None, "is not known").at_registry().await
    }

    async fn answers(&self) -> bool {
        self.client.ping().await.is_ok()
    }

    async fn push(
        &self,
        image: &str,
        id: &str,
        reference: &ImageRef,
        events: &Events,
        cancel: &CancellationToken,
    ) -> Result<Pushed, EngineError> {
        let progress = |bytes, total| {
            let (image, reference) = (image.to_owned(), reference.to_string());
            let _ = events.send(Event::PushProgress { image, reference, bytes, total });
        };
        let transfer = self.transfer(reference, Some(events), "was not pushed");
        let pushed = async {
            let Some(digest) = transfer.push(progress).await? else { return Ok(Pushed::Nothing) };
            let image = self.client.inspect_image(id).await.map_err(failed)?;
            let is_itself = match self.is_podman().await {
                true => self.client.inspect_image(&reference.to_string()).await.map_err(failed)?.id == image.id,
                false => registry::is_of(&digest, id, reference, &image),
            };
            Ok(if is_itself { Pushed::Itself(digest) } else { Pushed::Another })
        };
        tokio::select! {
            result = pushed => result,
            () = cancel.cancelled() => Err(EngineError::Cancelled),
        }
    }
}

/// An engine that lacks a parent asks the registry that its name stands for, which nobody can be: says what is behind it.
fn name_missing_base(error: EngineError) -> EngineError {
    let EngineError::Failed(mut said) = error else { return error };
    if let Some(name) = missing_base(&said.message) {
        let message = format!("`{name}`, which it rests on, is gone from the engine");
        let of_engine = std::mem::replace(&mut said.message, message);
        said =
            said.note(of_engine).hint("something removed it while f3s ran: run f3s again, it builds what is missing");
    }
    EngineError::Failed(said)
}

/// `.. f3s.invalid/NAME:FINGERPRINT ..`, `.. https://f3s.invalid/v2/NAME/manifests/FINGERPRINT ..`.
fn missing_base(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once(&format!("{RESERVED_HOST}/"))?;
    match rest.strip_prefix("v2/") {
        Some(request) => request.split_once("/manifests/"),
        None => rest.split_once(':'),
    }
    .map(|(name, _)| name)
}

/// Says of a pull that is dropped that it ended.
struct Unfinished<'e> {
    reference: Option<String>,
    events: &'e Events,
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        if let Some(reference) = self.reference.take() {
            let _ = self.events.send(Event::PullFailed { reference });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_that_is_not_there_is_removed() {
        let answer =
            |status_code, message: &str| Error::DockerResponseServerError { status_code, message: message.into() };
        assert!(is_gone(&answer(404, "No such image: a:1")));
        assert!(is_gone(&answer(500, "docker.io/library/a@sha256:8d08: tag not known")));
        assert!(!is_gone(&answer(409, "conflict: unable to remove repository reference")));
        assert!(!is_gone(&answer(500, "tag not known to me")));
    }
}
