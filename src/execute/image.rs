//! One image: artifacts, build, checks, tags.

use std::sync::atomic::Ordering;
use std::time::Instant;

use futures_util::StreamExt;

use super::jobs::{Control, Done, JobResult, Jobs, Made};
use super::options::ExecuteOptions;
use super::resolved::Resolved;
use crate::artifact::Store;
use crate::diagnostic::Origin;
use crate::engine::{ArtifactFiles, BuildOptions, Built, Engine, EngineError};
use crate::event::{Event, Events};
use crate::lower::ContextEntry;
use crate::plan::{Action, Mark, PlannedImage};
use crate::recipe::{Artifact, Check, ImageRef};

/// Checks of one image that run at the same time.
const CHECKS_AT_ONCE: usize = 4;

/// Makes one image. Owns all it needs: the round that started it may be over before it is done.
pub struct Maker<E> {
    pub engine: E,
    pub store: Store,
    pub options: ExecuteOptions,
    pub events: Events,
    pub jobs: Jobs,
    pub image: PlannedImage,
    pub resolved: Resolved,
    pub control: Control,
}

impl<E: Engine> Maker<E> {
    pub async fn make(self) -> JobResult {
        let result = self.run().await;
        if matches!(result, Err(EngineError::Cancelled)) {
            // The round that wanted it may be over: nobody else says so.
            let _ = self.events.send(Event::ImageCancelled { image: self.image.name.clone() });
        }
        result
    }

    async fn run(&self) -> JobResult {
        let builds = self.image.action == Action::Build;
        // Downloads go on while others are built.
        let artifacts = if builds { self.until_stopped(self.artifacts()).await?? } else { ArtifactFiles::default() };
        let _slot = self.until_stopped(self.jobs.slots.acquire()).await?.expect("never closed");
        let start = Instant::now();
        let (name, reason) = (self.image.name.clone(), self.image.reason.clone());
        let _ = self.events.send(Event::ImageStarted { image: name.clone(), reason, builds });
        let built = if builds { Some(self.build(&artifacts).await?) } else { None };
        let id = built.as_ref().map(|built| &built.id).or(self.image.id.as_ref());
        let id = id.expect("what is not built is there").clone();
        // Also what fails its checks is the project's, to be pruned.
        for mark in [Mark::Of, Mark::Built] {
            self.mark(mark, &id).await?;
        }
        self.check_and_tag(&id).await?;
        let references = || self.image.references.iter().map(ToString::to_string);
        let (event, done) = match built {
            Some(Built { id: _, size, cached }) => {
                let (reference, seconds) = (references().next().unwrap_or_default(), start.elapsed().as_secs_f64());
                (Event::ImageBuilt { image: name, reference, size, seconds, cached }, Done::Built)
            }
            None => (Event::ImageTagged { image: name, references: references().collect() }, Done::Tagged),
        };
        let _ = self.events.send(event);
        Ok(Made { done, id })
    }

    async fn mark(&self, mark: Mark, id: &str) -> Result<(), EngineError> {
        match self.image.marks.reference(mark, id) {
            Some(reference) => self.engine.tag(id, &reference).await,
            None => Ok(()),
        }
    }

    async fn until_stopped<T>(&self, work: impl Future<Output = T>) -> Result<T, EngineError> {
        tokio::select! {
            result = work => Ok(result),
            () = self.control.stop.cancelled() => Err(EngineError::Cancelled),
        }
    }

    async fn build(&self, artifacts: &ArtifactFiles) -> Result<Built, EngineError> {
        let no_cache = self.options.force && self.image.requested;
        let options = BuildOptions { no_cache, ..self.options.build.clone() };
        let built = self.engine.build(&self.image, artifacts, &options, &self.events, &self.control.stop).await?;
        self.resolved.confirm(&self.engine, &self.image).await?;
        Ok(built)
    }

    /// Waits for the image's artifacts and packs them for its context.
    async fn artifacts(&self) -> Result<ArtifactFiles, EngineError> {
        let image = &self.image;
        let mut files = ArtifactFiles { project: self.options.project.clone(), ..ArtifactFiles::default() };
        for (path, entry) in &image.context.entries {
            let ContextEntry::Artifact { artifact, packed } = entry else { continue };
            if let Err(error) = self.jobs.downloads.wait(artifact).await {
                let cancelled = self.control.stop.is_cancelled();
                return Err(if cancelled { EngineError::Cancelled } else { EngineError::Failed((*error).clone()) });
            }
            let packed = self.store.pack(artifact, packed).await;
            let file = packed.map_err(|error| EngineError::Failed(error).located(user_of(image, artifact)))?;
            files.packed.insert(path.clone(), file);
        }
        Ok(files)
    }

    /// Final tags are set when all checks have passed, and not before; and only while the image is wanted.
    async fn check_and_tag(&self, id: &str) -> Result<(), EngineError> {
        let image = &self.image;
        let checks: Vec<_> = image.checks.iter().map(|check| self.check(id, check)).collect();
        let results: Vec<Result<(), EngineError>> =
            futures_util::stream::iter(checks).buffered(CHECKS_AT_ONCE).collect().await;
        // The first is reported by the caller, the others beside it.
        let mut errors = results.into_iter().filter_map(Result::err);
        if let Some(first) = errors.next() {
            for error in errors {
                if let EngineError::Failed(diagnostic) | EngineError::Refused(diagnostic) = error {
                    let (image, diagnostic) = (image.name.clone(), Box::new(diagnostic));
                    let _ = self.events.send(Event::ImageFailed { image, diagnostic });
                }
            }
            return Err(first);
        }
        let checked = image.marks.reference(Mark::Checked, id);
        let targets: Vec<&ImageRef> = checked.iter().chain(&image.references).collect();
        for target in targets {
            self.control.tags.store(true, Ordering::SeqCst);
            if self.control.stop.is_cancelled() {
                return Err(EngineError::Cancelled);
            }
            self.engine.tag(id, target).await?;
        }
        Ok(())
    }

    async fn check(&self, id: &str, check: &Check) -> Result<(), EngineError> {
        let image = &self.image;
        let (name, check_name, place) = (image.name.clone(), check.name.clone(), check.origin.place.clone());
        let start = Instant::now();
        let _ = self.events.send(Event::CheckStarted { image: name.clone(), check: check_name.clone(), place });
        let checked = self.engine.check(id, check, &self.control.stop).await;
        checked.map_err(|error| error.located(&check.origin))?;
        let seconds = start.elapsed().as_secs_f64();
        let _ = self.events.send(Event::CheckPassed { image: name, check: check_name, seconds });
        Ok(())
    }
}

/// The step that brings an artifact into the image.
fn user_of<'i>(image: &'i PlannedImage, artifact: &'i Artifact) -> &'i Origin {
    let user = image.steps.iter().find(|step| step.kind.artifact() == Some(artifact));
    user.map_or(&artifact.origin, |step| &step.origin)
}
