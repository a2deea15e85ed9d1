//! The scheduler: downloads, builds, checks, tags and pushes a plan on an engine.

mod downloads;
mod image;
mod pushes;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

use super::{BuildOptions, Engine, EngineError};
use crate::artifact::Store;
use crate::diagnostic::Diagnostic;
use crate::event::{Event, Events, Summary};
use crate::plan::{Action, Fingerprint, Plan, PlannedImage};
use crate::recipe::ImageRef;
use downloads::Downloads;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExecuteOptions {
    /// The project's root, which files of the context are relative to.
    pub project: PathBuf,
    /// How many images are built at the same time; the number of processors when `None`.
    pub jobs: Option<usize>,
    /// Go on with images that do not rest on a failed one.
    pub keep_going: bool,
    pub push: bool,
    /// Run every step of what was asked for anew.
    pub force: bool,
    pub build: BuildOptions,
    /// Why images of registries are not there: what rests on them fails.
    pub missing: BTreeMap<ImageRef, EngineError>,
}

/// How a run ended. `unreachable` is set when an engine or a registry could not be reached (exit code 4).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    pub summary: Summary,
    pub errors: Vec<Diagnostic>,
    pub unreachable: bool,
}

/// How an image's turn ended, as those that rest on it need to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    Waiting,
    Ready,
    Failed,
}

/// How a run is ended: all of it, or images that are wanted no more.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    pub all: CancellationToken,
    images: Arc<Mutex<BTreeMap<Fingerprint, CancellationToken>>>,
}

impl Stop {
    pub fn new(all: CancellationToken) -> Stop {
        Stop { all, images: Arc::default() }
    }

    /// Ends the images with other fingerprints than these. What rests on them ends, too.
    pub fn all_but(&self, wanted: &BTreeSet<Fingerprint>) {
        let images = self.images.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        images.iter().filter(|(fingerprint, _)| !wanted.contains(fingerprint)).for_each(|(_, stop)| stop.cancel());
    }

    fn of(&self, fingerprint: &Fingerprint, parent: &CancellationToken) -> CancellationToken {
        let mut images = self.images.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        images.entry(fingerprint.clone()).or_insert_with(|| parent.child_token()).clone()
    }
}

/// What all images of a run share.
struct Run<'a, E> {
    engine: &'a E,
    store: &'a Store,
    plan: &'a Plan,
    options: &'a ExecuteOptions,
    events: &'a Events,
    /// Cancelled by the user, or by the first failure without `keep_going`.
    stop: CancellationToken,
    /// Of each image, a child of `stop`.
    stops: Vec<CancellationToken>,
    /// One place for every image that may be built at the same time.
    places: Semaphore,
    turns: Vec<watch::Sender<Turn>>,
    outcome: Mutex<Outcome>,
}

/// Executes the plan: all downloads start at once; an image starts when its parents and artifacts are there, at most
/// `jobs` at a time; its checks run before its final tags are set; pushes start after everything succeeded.
pub async fn execute<E: Engine>(
    engine: &E,
    store: &Store,
    plan: &Plan,
    options: &ExecuteOptions,
    events: &Events,
    stop: &Stop,
) -> Outcome {
    let cancel = &stop.all;
    let start = Instant::now();
    let jobs = options.jobs.or_else(|| std::thread::available_parallelism().ok().map(Into::into)).unwrap_or(1).max(1);
    let _ = events.send(Event::Started { images: plan.images.len(), to_build: plan.count(Action::Build) });
    let all = cancel.child_token();
    let run = Run {
        engine,
        store,
        plan,
        options,
        events,
        stops: plan.images.iter().map(|image| stop.of(&image.fingerprint, &all)).collect(),
        stop: all,
        places: Semaphore::new(jobs),
        turns: plan.images.iter().map(|_| watch::Sender::new(Turn::Waiting)).collect(),
        outcome: Mutex::default(),
    };
    let downloads = Downloads::start(store, plan, events, &run.stop);
    futures_util::future::join_all((0..plan.images.len()).map(|index| run.turn(index, &downloads))).await;
    downloads.end().await;

    if options.push && run.outcome.lock().unwrap().errors.is_empty() && !cancel.is_cancelled() {
        run.push_all(jobs).await;
    }
    let mut outcome = run.outcome.into_inner().unwrap();
    outcome.summary.interrupted = cancel.is_cancelled();
    outcome.summary.seconds = start.elapsed().as_secs_f64();
    let _ = events.send(Event::Finished(outcome.summary.clone()));
    outcome
}

impl<E: Engine> Run<'_, E> {
    /// Waits for an image's parents, does what the plan says, tells the children.
    async fn turn(&self, index: usize, downloads: &Downloads) {
        let image = &self.plan.images[index];
        for parent in &image.parents {
            let mut turn = self.turns[*parent].subscribe();
            let ended = turn.wait_for(|turn| *turn != Turn::Waiting).await.map_or(Turn::Failed, |turn| *turn);
            if ended == Turn::Failed {
                let because = format!("{} is not there", self.plan.images[*parent].name);
                return self.skip(index, because);
            }
        }
        let missing = image.external.iter().find_map(|external| self.options.missing.get(external));
        let result = match (missing, image.action) {
            (Some(error), _) => Err(error.clone()),
            (None, Action::UpToDate) => {
                self.count(|summary| summary.up_to_date += 1);
                let _ = self.events.send(Event::ImageUpToDate { image: image.name.clone() });
                Ok(())
            }
            (None, Action::Build) => self.build(index, downloads).await,
            (None, Action::Tag) => self.tag(index).await,
        };
        match result {
            Ok(()) => _ = self.turns[index].send_replace(Turn::Ready),
            Err(EngineError::Cancelled) => self.skip(index, "the run was ended".to_owned()),
            Err(error) => self.fail(index, image, error),
        }
    }

    fn skip(&self, index: usize, because: String) {
        self.turns[index].send_replace(Turn::Failed);
        self.count(|summary| summary.skipped += 1);
        let image = self.plan.images[index].name.clone();
        let _ = self.events.send(Event::ImageSkipped { image, because });
    }

    fn fail(&self, index: usize, image: &PlannedImage, error: EngineError) {
        let diagnostic = self.note(error);
        self.count(|summary| summary.failed += 1);
        let _ = self.events.send(Event::ImageFailed { image: image.name.clone(), diagnostic: Box::new(diagnostic) });
        if !self.options.keep_going {
            self.stop.cancel();
        }
        self.turns[index].send_replace(Turn::Failed);
    }

    /// Keeps an error for the outcome.
    fn note(&self, error: EngineError) -> Diagnostic {
        let mut outcome = self.outcome.lock().unwrap();
        let diagnostic = match error {
            EngineError::Unreachable(diagnostic) => {
                outcome.unreachable = true;
                diagnostic
            }
            EngineError::Failed(diagnostic) | EngineError::Refused(diagnostic) => diagnostic,
            EngineError::Cancelled => Diagnostic::error("the run was ended"),
        };
        outcome.errors.push(diagnostic.clone());
        diagnostic
    }

    fn count(&self, change: impl FnOnce(&mut Summary)) {
        change(&mut self.outcome.lock().unwrap().summary);
    }
}
