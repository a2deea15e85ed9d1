//! Images that are in the making: build, checks and tags of each are a task of their own, which several rounds of watch
//! mode may wait for. What no round wants any more is cancelled.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::downloads::Downloads;
use crate::engine::EngineError;
use crate::plan::{Plan, PlannedImage, Purpose};

/// What became of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    Built,
    Tagged,
}

pub type Landed = Result<Done, EngineError>;

/// Shared by everything that executes plans on one engine at the same time.
#[derive(Clone)]
pub struct Flights {
    /// Cancelled when all is to end.
    all: CancellationToken,
    jobs: usize,
    /// One place for every image that may be made at the same time.
    pub(super) places: Arc<Semaphore>,
    pub(super) downloads: Downloads,
    tasks: TaskTracker,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    flying: BTreeMap<Purpose, Flight>,
    /// How many have landed so far: another one may have moved tags.
    landed: usize,
}

struct Flight {
    stop: CancellationToken,
    landing: Shared<BoxFuture<'static, Landed>>,
}

impl Flights {
    /// At most `jobs` images at the same time; as many as there are processors when `None`.
    pub fn new(all: CancellationToken, jobs: Option<usize>) -> Flights {
        let processors = || std::thread::available_parallelism().ok().map(Into::into);
        let jobs = jobs.or_else(processors).unwrap_or(1).max(1);
        let tasks = TaskTracker::new();
        Flights {
            downloads: Downloads::new(all.clone(), tasks.clone()),
            all,
            jobs,
            places: Arc::new(Semaphore::new(jobs)),
            tasks,
            state: Arc::default(),
        }
    }

    pub fn all(&self) -> &CancellationToken {
        &self.all
    }

    pub(super) fn jobs(&self) -> usize {
        self.jobs
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Waits for the flight of this image, which starts unless it is in the air already.
    pub(super) async fn join<F>(&self, image: &PlannedImage, start: impl FnOnce(CancellationToken) -> F) -> Landed
    where
        F: Future<Output = Landed> + Send + 'static,
    {
        let purpose = image.purpose();
        let landing = {
            let mut state = self.lock();
            match state.flying.get(&purpose) {
                Some(flight) if !flight.stop.is_cancelled() && flight.landing.peek().is_none() => {
                    flight.landing.clone()
                }
                _ => {
                    let stop = self.all.child_token();
                    let (flight, shared) = (start(stop.clone()), self.state.clone());
                    let task = self.tasks.spawn(async move {
                        let landed = flight.await;
                        shared.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).landed += 1;
                        landed
                    });
                    let crashed = |_| Err(EngineError::crashed());
                    let landing = async move { task.await.unwrap_or_else(crashed) }.boxed().shared();
                    state.flying.insert(purpose, Flight { stop, landing: landing.clone() });
                    landing
                }
            }
        };
        landing.await
    }

    /// Cancels the images and downloads that this plan has no use for; all of them when `None`. What goes on joins the next
    /// execution of the plan.
    pub fn keep_only(&self, plan: Option<&Plan>) {
        let images = plan.map(|plan| &plan.images[..]).unwrap_or_default();
        let wanted: BTreeSet<Purpose> = images.iter().map(PlannedImage::purpose).collect();
        self.lock().flying.retain(|purpose, flight| {
            let kept = wanted.contains(purpose);
            if !kept {
                flight.stop.cancel();
            }
            kept
        });
        self.downloads.keep_only(images);
    }

    /// True while an image is in the making.
    pub fn are_flying(&self) -> bool {
        self.lock().flying.values().any(|flight| flight.landing.peek().is_none())
    }

    /// Counts what has landed: when it changes, tags may have moved.
    pub fn landed(&self) -> usize {
        self.lock().landed
    }

    /// Waits until nothing flies any more, also what was cancelled: it cleans up after itself.
    pub async fn settle(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }
}
