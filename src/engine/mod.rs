//! Engines: what builds, checks, keeps and pushes images. `connect` finds one, `docker` speaks to it.

mod connect;
mod docker;

pub use connect::{Private, connect, is_here, reconnect};
pub use docker::{Docker, examine_secrets};

use std::collections::BTreeMap;
use std::future::Future;
use std::path::PathBuf;

use tokio_util::sync::CancellationToken;

use crate::artifact;
use crate::diagnostic::{Diagnostic, Origin};
use crate::event::Events;
use crate::plan::{PlannedImage, Present};
use crate::recipe::{Check, ImageRef};

/// Why an engine did not do what it was asked for.
#[derive(Clone, Debug, PartialEq)]
pub enum EngineError {
    /// The engine or the registry could not be reached: exit code 4.
    Unreachable(Diagnostic),
    /// It answered, and the answer is no: exit code 1. Trying again may help with what a registry says.
    Failed(Diagnostic),
    /// It answered no and will do so again: a wrong login.
    Refused(Diagnostic),
    /// The run was cancelled.
    Cancelled,
}

impl EngineError {
    pub fn unreachable(message: &str) -> EngineError {
        let hint = "`f3s doctor` looks for what is wrong";
        EngineError::Unreachable(Diagnostic::error(message).hint(hint))
    }

    /// A task of f3s's own ended in the middle.
    pub fn crashed() -> EngineError {
        EngineError::Failed(Diagnostic::error("f3s made a mistake: see above").hint("please report it"))
    }

    /// Points at the line that asked for it, unless it points elsewhere already.
    #[must_use]
    pub fn located(self, origin: &Origin) -> EngineError {
        let at = |diagnostic: Diagnostic| match diagnostic.origin {
            Some(_) => diagnostic,
            None => diagnostic.at(origin.clone()),
        };
        match self {
            EngineError::Unreachable(diagnostic) => EngineError::Unreachable(at(diagnostic)),
            EngineError::Failed(diagnostic) => EngineError::Failed(at(diagnostic)),
            EngineError::Refused(diagnostic) => EngineError::Refused(at(diagnostic)),
            EngineError::Cancelled => EngineError::Cancelled,
        }
    }
}

/// Where the files of a build context lie on disk.
#[derive(Clone, Debug, Default)]
pub struct ArtifactFiles {
    /// The project's root.
    pub project: PathBuf,
    /// Files that come from the artifact store, by their path in the context.
    pub packed: BTreeMap<String, artifact::Content>,
}

/// What an image hands on to those who build on it.
#[derive(Clone, Debug, Default)]
pub struct Inherited {
    /// `ONBUILD`
    pub triggers: Vec<String>,
    /// `SHELL`; empty for that of Docker.
    pub shell: Vec<String>,
}

/// A Docker-compatible engine; clones are the same one. All calls may run at the same time.
pub trait Engine: Clone + Send + Sync + 'static {
    /// One listing of all images.
    fn present(&self) -> impl Future<Output = Result<Present, EngineError>> + Send;

    /// Builds the image and tags it `image.internal`. Says steps and their output as events.
    fn build(
        &self,
        image: &PlannedImage,
        artifacts: &ArtifactFiles,
        options: &BuildOptions,
        events: &Events,
        cancel: &CancellationToken,
    ) -> impl Future<Output = Result<Built, EngineError>> + Send;

    /// Runs one check in a throw-away container of the image with this id.
    fn check(
        &self,
        id: &str,
        check: &Check,
        cancel: &CancellationToken,
    ) -> impl Future<Output = Result<(), EngineError>> + Send;

    /// Removes containers of checks whose process was killed.
    fn sweep(&self) -> impl Future<Output = Result<(), EngineError>> + Send;

    /// What an image hands on to those who build on it; nothing for one that is not there.
    fn inherited(&self, image: &ImageRef) -> impl Future<Output = Result<Inherited, EngineError>> + Send;

    /// Gives the image with this id a further reference.
    fn tag(&self, id: &str, to: &ImageRef) -> impl Future<Output = Result<(), EngineError>> + Send;

    /// Removes a reference, and the image when it was the last one. Missing is fine.
    fn remove(&self, reference: &str) -> impl Future<Output = Result<(), EngineError>> + Send;

    /// Fetches an image of a registry.
    fn pull(
        &self,
        reference: &ImageRef,
        events: &Events,
        cancel: &CancellationToken,
    ) -> impl Future<Output = Result<(), EngineError>> + Send;

    /// The digest of what the registry has under a reference; `None` when it has nothing.
    fn at_registry(&self, reference: &ImageRef) -> impl Future<Output = Result<Option<String>, EngineError>> + Send;

    /// Whether the engine is there at all.
    fn answers(&self) -> impl Future<Output = bool> + Send;

    /// Pushes once what has this reference, and tells whether that was the image with this id; the caller retries. `image`
    /// names it in events.
    fn push(
        &self,
        image: &str,
        id: &str,
        reference: &ImageRef,
        events: &Events,
        cancel: &CancellationToken,
    ) -> impl Future<Output = Result<Pushed, EngineError>> + Send;
}

/// How steps run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BuildOptions {
    /// `default`, `host` or `none`.
    pub network: Option<String>,
    /// Run every step anew (`--force`).
    pub no_cache: bool,
    pub source_date_epoch: Option<i64>,
    pub access: Access,
}

/// What the steps of a build may have of the machine, beyond the project: what the user allowed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Access {
    /// The files of secrets, by how recipes write them.
    pub files: BTreeMap<String, PathBuf>,
    /// The ssh agent.
    pub ssh: bool,
    /// The network of the engine's host.
    pub host_network: bool,
}

/// What a push brought to the registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// The image that was meant, whose manifest has this digest.
    Itself(String),
    /// Another one: somebody moved the reference meanwhile.
    Another,
    /// Nothing: somebody removed the reference meanwhile, if only to move it.
    Nothing,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Built {
    /// Of the image, as the engine calls it.
    pub id: String,
    /// Bytes, all layers.
    pub size: u64,
    /// The engine ran no step.
    pub cached: bool,
}
