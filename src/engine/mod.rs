//! Engines: what executes a plan. `docker` speaks to a daemon, `fake` serves tests of the scheduler.

pub mod execute;

use std::collections::BTreeMap;
use std::future::Future;
use std::path::PathBuf;

use tokio_util::sync::CancellationToken;

use crate::diagnostic::Diagnostic;
use crate::event::Events;
use crate::plan::{PlannedImage, Present};
use crate::recipe::{Check, ImageRef};

/// Why an engine did not do what it was asked for.
#[derive(Debug)]
pub enum EngineError {
    /// The engine or the registry could not be reached: exit code 4.
    Unreachable(Diagnostic),
    /// It answered, and the answer is no: exit code 1.
    Failed(Diagnostic),
    /// The run was cancelled.
    Cancelled,
}

/// Files of the build context that come from the artifact store, by their path in the context.
pub type ArtifactFiles = BTreeMap<String, PathBuf>;

/// A Docker-compatible engine. All calls may run at the same time.
pub trait Engine: Send + Sync + 'static {
    /// One listing of all images.
    fn present(&self) -> impl Future<Output = Result<Present, EngineError>> + Send;

    /// Builds the image and tags it `image.internal`. Says steps and their output as events. Returns the size in bytes and
    /// whether every step came from the cache.
    fn build(
        &self,
        image: &PlannedImage,
        artifacts: &ArtifactFiles,
        options: &BuildOptions,
        events: &Events,
        cancel: &CancellationToken,
    ) -> impl Future<Output = Result<Built, EngineError>> + Send;

    /// Runs one check in a throw-away container of `image`.
    fn check(
        &self,
        image: &ImageRef,
        check: &Check,
        cancel: &CancellationToken,
    ) -> impl Future<Output = Result<(), EngineError>> + Send;

    /// Gives the image `from` the further reference `to`.
    fn tag(&self, from: &ImageRef, to: &ImageRef) -> impl Future<Output = Result<(), EngineError>> + Send;

    /// Removes a reference, and the image when it was the last one. Missing is fine.
    fn remove(&self, reference: &str) -> impl Future<Output = Result<(), EngineError>> + Send;

    /// Fetches an image of a registry.
    fn pull(
        &self,
        reference: &ImageRef,
        events: &Events,
        cancel: &CancellationToken,
    ) -> impl Future<Output = Result<(), EngineError>> + Send;

    /// Pushes once; the caller retries. Returns the manifest's digest. `image` names it in events.
    fn push(
        &self,
        image: &str,
        reference: &ImageRef,
        events: &Events,
        cancel: &CancellationToken,
    ) -> impl Future<Output = Result<String, EngineError>> + Send;
}

/// How steps run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BuildOptions {
    /// `default`, `host` or `none`.
    pub network: Option<String>,
    /// Run every step anew (`--force`).
    pub no_cache: bool,
    pub source_date_epoch: Option<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Built {
    /// Bytes, all layers.
    pub size: u64,
    /// The engine ran no step.
    pub cached: bool,
}
