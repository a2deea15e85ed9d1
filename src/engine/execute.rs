//! The scheduler: downloads, builds, checks, tags and pushes a plan on an engine.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::{BuildOptions, Engine};
use crate::artifact::Store;
use crate::diagnostic::Diagnostic;
use crate::event::{Events, Summary};
use crate::plan::Plan;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExecuteOptions {
    /// How many images are built at the same time; the number of processors when `None`.
    pub jobs: Option<usize>,
    /// Go on with images that do not rest on a failed one.
    pub keep_going: bool,
    pub push: bool,
    pub build: BuildOptions,
}

/// How a run ended. `unreachable` is set when an engine or a registry could not be reached (exit code 4).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    pub summary: Summary,
    pub errors: Vec<Diagnostic>,
    pub unreachable: bool,
}

/// Executes the plan: all downloads start at once; an image starts when its parents and artifacts are there, at most
/// `jobs` at a time; its checks run before its final tags are set; pushes start after everything succeeded.
pub async fn execute<E: Engine>(
    engine: Arc<E>,
    store: Store,
    plan: &Plan,
    options: &ExecuteOptions,
    events: &Events,
    cancel: &CancellationToken,
) -> Outcome {
    let _ = (engine, store, plan, options, events, cancel);
    todo!()
}
