//! The artifacts of plans: fetched all at once, each once, in parallel with the builds.

use std::sync::{Arc, Mutex, MutexGuard};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use tokio::sync::Semaphore;
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::artifact::Store;
use crate::diagnostic::Diagnostic;
use crate::event::Events;
use crate::plan::{Action, PlannedImage};
use crate::recipe::Artifact;

/// More connections at once would only share the same line.
const AT_ONCE: usize = 16;

#[derive(Clone)]
pub struct Downloads {
    all: CancellationToken,
    tasks: TaskTracker,
    places: Arc<Semaphore>,
    running: Arc<Mutex<Vec<Download>>>,
}

struct Download {
    artifact: Artifact,
    stop: CancellationToken,
    /// Tells whether it has ended, also when nobody waited for it.
    task: AbortHandle,
    fetched: Shared<BoxFuture<'static, Result<(), Arc<Diagnostic>>>>,
}

impl Downloads {
    pub fn new(all: CancellationToken, tasks: TaskTracker) -> Downloads {
        Downloads { all, tasks, places: Arc::new(Semaphore::new(AT_ONCE)), running: Arc::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Download>> {
        self.running.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Starts to fetch what images that are to be built need, unless it is on its way already.
    pub fn start(&self, store: &Store, images: &[PlannedImage], events: &Events) {
        let mut running = self.lock();
        running.retain(|download| !download.stop.is_cancelled() && !download.task.is_finished());
        let built = images.iter().filter(|image| image.action == Action::Build);
        for artifact in built.flat_map(|image| &image.artifacts) {
            if running.iter().all(|download| download.artifact != *artifact) {
                running.push(self.fetch(store, artifact, events));
            }
        }
    }

    fn fetch(&self, store: &Store, artifact: &Artifact, events: &Events) -> Download {
        let stop = self.all.child_token();
        let (store, events, cancel, wanted) = (store.clone(), events.clone(), stop.clone(), artifact.clone());
        let places = self.places.clone();
        let task = self.tasks.spawn(async move {
            let _place = places.acquire_owned().await;
            store.fetch(&wanted, &events, &cancel).await.map_err(Arc::new)
        });
        let handle = task.abort_handle();
        let fetched = async move { task.await.expect("a download does not panic") };
        Download { artifact: artifact.clone(), stop, task: handle, fetched: fetched.boxed().shared() }
    }

    /// Waits for an artifact.
    pub async fn wait(&self, artifact: &Artifact) -> Result<(), Arc<Diagnostic>> {
        let fetched =
            self.lock().iter().find(|download| download.artifact == *artifact).map(|found| found.fetched.clone());
        match fetched {
            Some(fetched) => fetched.await,
            None => Ok(()),
        }
    }

    /// Cancels what none of these images needs.
    pub fn keep_only(&self, images: &[PlannedImage]) {
        let is_wanted = |artifact: &Artifact| images.iter().any(|image| image.artifacts.contains(artifact));
        self.lock()
            .iter()
            .filter(|download| !is_wanted(&download.artifact))
            .for_each(|download| download.stop.cancel());
    }
}
