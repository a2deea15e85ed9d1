//! The scheduler: downloads, builds, checks, tags and pushes a plan on an engine.

mod attempts;
mod bases;
mod downloads;
#[cfg(test)]
mod fake;
mod image;
mod jobs;
mod lost;
mod options;
mod pushes;
mod resolved;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Mutex, OnceLock};
use std::time::Instant;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::artifact::Store;
use crate::diagnostic::{Diagnostic, Origin};
use crate::engine::{Engine, EngineError};
use crate::event::{Event, Events, Summary};
use crate::plan::{Action, Plan, PlannedImage};
use crate::recipe::ImageRef;
use image::Maker;
use jobs::Done;
use resolved::Resolved;

pub use attempts::{Attempts, within};
pub use jobs::Jobs;
pub use lost::lost;
pub use options::{ExecuteOptions, Outcome};

/// How an image's turn ended, as those that rest on it need to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    Waiting,
    Ready,
    Failed,
    Skipped,
}

/// What all images of a run share.
struct Run<'a, E> {
    engine: &'a E,
    store: &'a Store,
    plan: &'a Plan,
    options: &'a ExecuteOptions,
    events: &'a Events,
    jobs: &'a Jobs,
    /// Cancelled by the user, or by the first failure without `keep_going`.
    stop: CancellationToken,
    turns: Vec<watch::Sender<Turn>>,
    /// The ids of the images that are there.
    ids: Vec<OnceLock<String>>,
    /// Images of registries on which none can be built, and why.
    refused: BTreeMap<ImageRef, EngineError>,
    outcome: Mutex<Outcome>,
}

/// Executes the plan: all downloads start at once; an image starts when its parents and artifacts are there, at most
/// as many at a time as `jobs` allow; its checks run before its final tags are set; pushes start after everything
/// succeeded.
///
/// Dropping it leaves running what has started: `jobs` end it, or hand it on to the next execution.
pub async fn execute<E: Engine>(
    engine: &E,
    store: &Store,
    plan: &Plan,
    options: &ExecuteOptions,
    events: &Events,
    jobs: &Jobs,
) -> Outcome {
    let cancel = jobs.all();
    let start = Instant::now();
    let _ = events.send(Event::Started { images: plan.images.len(), to_build: plan.count(Action::Build) });
    let run = Run {
        engine,
        store,
        plan,
        options,
        events,
        jobs,
        stop: cancel.child_token(),
        turns: plan.images.iter().map(|_| watch::Sender::new(Turn::Waiting)).collect(),
        ids: plan.images.iter().map(|image| image.id.clone().map(OnceLock::from).unwrap_or_default()).collect(),
        refused: bases::refused(engine, plan).await,
        outcome: Mutex::default(),
    };
    jobs.downloads.start(store, &plan.images, events);
    futures_util::future::join_all((0..plan.images.len()).map(|index| run.turn(index))).await;

    if options.push && run.is_complete() && !cancel.is_cancelled() {
        run.push_all().await;
    }
    let mut outcome = run.outcome.into_inner().unwrap();
    outcome.summary.interrupted = cancel.is_cancelled();
    outcome.summary.seconds = start.elapsed().as_secs_f64();
    let _ = events.send(Event::Finished(outcome.summary.clone()));
    outcome
}

impl<E: Engine> Run<'_, E> {
    /// Waits for an image's parents, does what the plan says, tells the children.
    async fn turn(&self, index: usize) {
        let image = &self.plan.images[index];
        for parent in &image.parents {
            let mut turn = self.turns[*parent].subscribe();
            let ended = turn.wait_for(|turn| *turn != Turn::Waiting).await.map_or(Turn::Failed, |turn| *turn);
            let parent = &self.plan.images[*parent].name;
            match ended {
                Turn::Waiting | Turn::Ready => {}
                Turn::Failed => return self.skip(index, format!("{parent} failed")),
                Turn::Skipped => return self.skip(index, format!("{parent} was skipped")),
            }
        }
        match self.make(index, image).await {
            Ok(()) => _ = self.turns[index].send_replace(Turn::Ready),
            Err(EngineError::Cancelled) => {
                let by_user = self.jobs.all().is_cancelled();
                let because = if by_user { "the run was ended" } else { "another image failed; --keep-going goes on" };
                self.skip(index, because.to_owned());
            }
            Err(error) => self.fail(index, image, error),
        }
    }

    async fn make(&self, index: usize, image: &PlannedImage) -> Result<(), EngineError> {
        if let Some(error) = image.external.iter().find_map(|external| self.options.missing.get(external)) {
            return Err(error.clone());
        }
        let refused = |(base, origin): &(ImageRef, Origin)| Some(self.refused.get(base)?.clone().located(origin));
        if image.action == Action::Build
            && let Some(error) = image.bases.iter().find_map(refused)
        {
            return Err(error);
        }
        if image.action == Action::UpToDate {
            self.count(|summary| summary.up_to_date += 1);
            let _ = self.events.send(Event::ImageUpToDate { image: image.name.clone() });
            return Ok(());
        }
        if self.stop.is_cancelled() {
            return Err(EngineError::Cancelled);
        }
        let start = |control| {
            let (engine, store, options) = (self.engine.clone(), self.store.clone(), self.options.clone());
            let (events, jobs, image, resolved) =
                (self.events.clone(), self.jobs.clone(), image.clone(), self.resolved(image));
            Maker { engine, store, options, events, jobs, image, resolved, control }.make()
        };
        let made = self.jobs.join(image, start).await?;
        let _ = self.ids[index].set(made.id);
        match made.done {
            Done::Built => self.count(|summary| summary.built += 1),
            Done::Tagged => self.count(|summary| summary.tagged += 1),
        }
        Ok(())
    }

    /// What an image is built on, when all of that is there.
    fn resolved(&self, image: &PlannedImage) -> Resolved {
        let parent = |index: &usize| Some((&self.plan.images[*index], self.ids[*index].get()?.clone()));
        Resolved::of(image, image.parents.iter().filter_map(parent))
    }

    /// True when every image that was asked for is there.
    fn is_complete(&self) -> bool {
        let outcome = self.outcome.lock().unwrap();
        outcome.errors.is_empty() && outcome.summary.skipped == 0
    }

    fn skip(&self, index: usize, because: String) {
        self.turns[index].send_replace(Turn::Skipped);
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
            let _ = self.jobs.keep_only(None);
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
