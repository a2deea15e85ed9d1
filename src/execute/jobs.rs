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

pub type JobResult = Result<Made, EngineError>;

/// Shared by everything that executes plans on one engine at the same time.
#[derive(Clone)]
pub struct Jobs {
    /// Cancelled when all is to end.
    all: CancellationToken,
    limit: usize,
    /// One slot for every image that may be made at the same time.
    pub(super) slots: Arc<Semaphore>,
    pub(super) downloads: Downloads,
    tasks: TaskTracker,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    running: BTreeMap<Purpose, Job>,
    /// How many have ended so far: another one may have moved tags.
    ended: usize,
}

struct Job {
    control: Control,
    /// Tells whether it has ended, also when nobody waited for it.
    task: AbortHandle,
    result: Shared<BoxFuture<'static, JobResult>>,
}

/// What a job and those who watch it share.
#[derive(Clone)]
pub struct Control {
    pub stop: CancellationToken,
    /// Set before its first tag is: from then on tags may move.
    pub tags: Arc<AtomicBool>,
}

impl Jobs {
    /// At most `limit` images at the same time; as many as there are processors when `None`.
    pub fn new(all: CancellationToken, limit: Option<usize>) -> Jobs {
        let processors = || std::thread::available_parallelism().ok().map(Into::into);
        let limit = limit.or_else(processors).unwrap_or(1).max(1);
        let tasks = TaskTracker::new();
        Jobs {
            downloads: Downloads::new(all.clone(), tasks.clone()),
            all,
            limit,
            slots: Arc::new(Semaphore::new(limit)),
            tasks,
            state: Arc::default(),
        }
    }

    pub fn all(&self) -> &CancellationToken {
        &self.all
    }

    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Waits for the job of this image, which starts unless it runs already.
    pub(super) async fn join<F>(&self, image: &PlannedImage, start: impl FnOnce(Control) -> F) -> JobResult
    where
        F: Future<Output = JobResult> + Send + 'static,
    {
        let purpose = image.purpose();
        let result = {
            let mut state = self.lock();
            match state.running.get(&purpose) {
                Some(job) if !job.control.stop.is_cancelled() && !job.task.is_finished() => job.result.clone(),
                _ => {
                    let control = Control { stop: self.all.child_token(), tags: Arc::default() };
                    let (job, shared) = (start(control.clone()), self.state.clone());
                    let task = self.tasks.spawn(async move {
                        let result = job.await;
                        shared.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).ended += 1;
                        result
                    });
                    let crashed = |_| Err(EngineError::crashed());
                    let handle = task.abort_handle();
                    let result = async move { task.await.unwrap_or_else(crashed) }.boxed().shared();
                    state.running.insert(purpose, Job { control, task: handle, result: result.clone() });
                    result
                }
            }
        };
        result.await
    }

    /// Cancels the images and downloads that this plan has no use for; all of them when `None`. What goes on joins the next
    /// execution of the plan. True when one of the cancelled may have moved tags, or may still do so.
    pub fn keep_only(&self, plan: Option<&Plan>) -> bool {
        let images = plan.map(|plan| &plan.images[..]).unwrap_or_default();
        let wanted: BTreeSet<Purpose> = images.iter().map(PlannedImage::purpose).collect();
        let mut tags = false;
        self.lock().running.retain(|purpose, job| {
            let kept = wanted.contains(purpose);
            if !kept {
                job.control.stop.cancel();
                tags |= !job.task.is_finished() && job.control.tags.load(Ordering::SeqCst);
            }
            kept
        });
        self.downloads.keep_only(images);
        tags
    }

    /// Counts what has ended: when it changes, tags may have moved.
    pub fn ended(&self) -> usize {
        self.lock().ended
    }

    /// Waits until nothing runs any more, also what was cancelled: it cleans up after itself.
    pub async fn settle(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }
}
