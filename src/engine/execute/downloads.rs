//! The artifacts of a plan: fetched all at once, each once, in parallel with the builds.

use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::artifact::Store;
use crate::diagnostic::Diagnostic;
use crate::event::Events;
use crate::plan::{Action, Plan};
use crate::recipe::Artifact;

/// More connections at once would only share the same line.
const AT_ONCE: usize = 16;

type Fetched = Shared<BoxFuture<'static, Result<(), Arc<Diagnostic>>>>;

pub struct Downloads {
    all: Vec<(Artifact, Fetched)>,
    stop: CancellationToken,
}

impl Downloads {
    /// Starts to fetch what images that are to be built need.
    pub fn start(store: &Store, plan: &Plan, events: &Events, stop: &CancellationToken) -> Downloads {
        let places = Arc::new(Semaphore::new(AT_ONCE));
        let mut all: Vec<(Artifact, Fetched)> = Vec::new();
        let images = plan.images.iter().filter(|image| image.action == Action::Build);
        for artifact in images.flat_map(|image| &image.artifacts) {
            if all.iter().any(|(known, _)| known == artifact) {
                continue;
            }
            let (store, events, stop, wanted) = (store.clone(), events.clone(), stop.clone(), artifact.clone());
            let places = places.clone();
            let task = tokio::spawn(async move {
                let _place = places.acquire_owned().await;
                store.fetch(&wanted, &events, &stop).await.map_err(Arc::new)
            });
            let fetched = async move { task.await.expect("a download does not panic") };
            all.push((artifact.clone(), fetched.boxed().shared()));
        }
        Downloads { all, stop: stop.clone() }
    }

    /// Waits for an artifact.
    pub async fn wait(&self, artifact: &Artifact) -> Result<(), Arc<Diagnostic>> {
        match self.all.iter().find(|(known, _)| known == artifact) {
            Some((_, fetched)) => fetched.clone().await,
            None => Ok(()),
        }
    }

    /// Waits for downloads that nobody waits for any more: cancelled ones clean up after themselves.
    pub async fn end(self) {
        if self.stop.is_cancelled() {
            futures_util::future::join_all(self.all.into_iter().map(|(_, fetched)| fetched)).await;
        }
    }
}
