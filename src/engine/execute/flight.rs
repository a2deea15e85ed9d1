//! Images that are in the making: build, checks and tags of each are a task of their own, which several rounds of watch
//! mode may wait for. What no round wants any more is cancelled.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use tokio::sync::Semaphore;
use tokio::task::AbortHandle;
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

/// An image that is there now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    pub done: Done,
    /// As the engine calls it.
    pub id: String,
}

pub type Landed = Result<Made, EngineError>;

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
    course: Course,
    /// Tells whether it has ended, also when nobody waited for it.
    task: AbortHandle,
    landing: Shared<BoxFuture<'static, Landed>>,
}

/// What a flight and those who watch it share.
#[derive(Clone)]
pub struct Course {
    pub stop: CancellationToken,
    /// Set before its first tag is: from then on tags may move.
    pub tags: Arc<AtomicBool>,
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
    pub(super) async fn join<F>(&self, image: &PlannedImage, start: impl FnOnce(Course) -> F) -> Landed
    where
        F: Future<Output = Landed> + Send + 'static,
    {
        let purpose = image.purpose();
        let landing = {
            let mut state = self.lock();
            match state.flying.get(&purpose) {
                Some(flight) if !flight.course.stop.is_cancelled() && !flight.task.is_finished() => {
                    flight.landing.clone()
                }
                _ => {
                    let course = Course { stop: self.all.child_token(), tags: Arc::default() };
                    let (flight, shared) = (start(course.clone()), self.state.clone());
                    let task = self.tasks.spawn(async move {
                        let landed = flight.await;
                        shared.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).landed += 1;
                        landed
                    });
                    let crashed = |_| Err(EngineError::crashed());
                    let handle = task.abort_handle();
                    let landing = async move { task.await.unwrap_or_else(crashed) }.boxed().shared();
                    state.flying.insert(purpose, Flight { course, task: handle, landing: landing.clone() });
                    landing
                }
            }
        };
        landing.await
    }

    /// Cancels the images and downloads that this plan has no use for; all of them when `None`. What goes on joins the next
    /// execution of the plan. True when one of the cancelled may have moved tags, or may still do so.
    pub fn keep_only(&self, plan: Option<&Plan>) -> bool {
        let images = plan.map(|plan| &plan.images[..]).unwrap_or_default();
        let wanted: BTreeSet<Purpose> = images.iter().map(PlannedImage::purpose).collect();
        let mut tags = false;
        self.lock().flying.retain(|purpose, flight| {
            let kept = wanted.contains(purpose);
            if !kept {
                flight.course.stop.cancel();
                tags |= !flight.task.is_finished() && flight.course.tags.load(Ordering::SeqCst);
            }
            kept
        });
        self.downloads.keep_only(images);
        tags
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
