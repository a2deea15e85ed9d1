//! One image: artifacts, build, checks, tags.

use std::time::Instant;

use futures_util::StreamExt;
use tokio_util::sync::CancellationToken;

use super::Run;
use super::downloads::Downloads;
use crate::diagnostic::Origin;
use crate::engine::{ArtifactFiles, BuildOptions, Built, Engine, EngineError};
use crate::event::Event;
use crate::plan::{ContextEntry, PlannedImage};
use crate::recipe::{Artifact, Check, ImageRef};

/// Checks of one image that run at the same time.
const CHECKS_AT_ONCE: usize = 4;

/// The step that brings an artifact into the image.
fn user_of<'i>(image: &'i PlannedImage, artifact: &'i Artifact) -> &'i Origin {
    let user = image.steps.iter().find(|step| step.kind.artifact() == Some(artifact));
    user.map_or(&artifact.origin, |step| &step.origin)
}

impl<E: Engine> Run<'_, E> {
    pub(super) async fn build(&self, index: usize, downloads: &Downloads) -> Result<(), EngineError> {
        let (image, stop) = (&self.plan.images[index], &self.stops[index]);
        let artifacts = tokio::select! {
            artifacts = self.artifacts(image, downloads) => artifacts?,
            () = stop.cancelled() => return Err(EngineError::Cancelled),
        };
        let _place = tokio::select! {
            place = self.places.acquire() => place.expect("never closed"),
            () = stop.cancelled() => return Err(EngineError::Cancelled),
        };
        let start = Instant::now();
        let _ = self.events.send(Event::ImageStarted { image: image.name.clone(), reason: image.reason.clone() });
        let options = BuildOptions { no_cache: self.options.force && image.asked, ..self.options.build.clone() };
        let Built { size, cached } = self.engine.build(image, &artifacts, &options, self.events, stop).await?;
        self.check_and_tag(image, stop).await?;
        self.count(|summary| summary.built += 1);
        let _ = self.events.send(Event::ImageBuilt {
            image: image.name.clone(),
            reference: image.references[0].to_string(),
            size,
            seconds: start.elapsed().as_secs_f64(),
            cached,
        });
        Ok(())
    }

    /// The image is there: checks run, tags move.
    pub(super) async fn tag(&self, index: usize) -> Result<(), EngineError> {
        let (image, stop) = (&self.plan.images[index], &self.stops[index]);
        let _place = tokio::select! {
            place = self.places.acquire() => place.expect("never closed"),
            () = stop.cancelled() => return Err(EngineError::Cancelled),
        };
        self.check_and_tag(image, stop).await?;
        self.count(|summary| summary.tagged += 1);
        let references = image.references.iter().map(ToString::to_string).collect();
        let _ = self.events.send(Event::ImageTagged { image: image.name.clone(), references });
        Ok(())
    }

    /// Waits for the image's artifacts and packs them for its context.
    async fn artifacts(&self, image: &PlannedImage, downloads: &Downloads) -> Result<ArtifactFiles, EngineError> {
        let mut files = ArtifactFiles { project: self.options.project.clone(), ..ArtifactFiles::default() };
        for (path, entry) in &image.context.entries {
            let ContextEntry::Artifact { artifact, packed } = entry else { continue };
            if let Err(error) = downloads.wait(artifact).await {
                let cancelled = self.stop.is_cancelled();
                return Err(if cancelled { EngineError::Cancelled } else { EngineError::Failed((*error).clone()) });
            }
            let packed = self.store.pack(artifact, packed).await;
            let file = packed.map_err(|error| EngineError::Failed(error).located(user_of(image, artifact)))?;
            files.packed.insert(path.clone(), file);
        }
        Ok(files)
    }

    /// Final tags are set when all checks have passed, and not before.
    async fn check_and_tag(&self, image: &PlannedImage, stop: &CancellationToken) -> Result<(), EngineError> {
        let checks: Vec<_> = image.checks.iter().map(|check| self.check(image, check, stop)).collect();
        let results: Vec<Result<(), EngineError>> =
            futures_util::stream::iter(checks).buffered(CHECKS_AT_ONCE).collect().await;
        // The first is reported by the caller, the others beside it.
        let mut errors = results.into_iter().filter_map(Result::err);
        if let Some(first) = errors.next() {
            for error in errors.filter(|error| !matches!(error, EngineError::Cancelled)) {
                let diagnostic = Box::new(self.note(error));
                let _ = self.events.send(Event::ImageFailed { image: image.name.clone(), diagnostic });
            }
            return Err(first);
        }
        if stop.is_cancelled() {
            return Err(EngineError::Cancelled);
        }
        let targets: Vec<&ImageRef> = image.checked.iter().chain(&image.references).collect();
        for target in targets {
            self.engine.tag(&image.internal, target).await?;
        }
        Ok(())
    }

    async fn check(&self, image: &PlannedImage, check: &Check, stop: &CancellationToken) -> Result<(), EngineError> {
        let (name, check_name, place) = (image.name.clone(), check.name.clone(), check.origin.place.clone());
        let start = Instant::now();
        let _ = self.events.send(Event::CheckStarted { image: name.clone(), check: check_name.clone(), place });
        self.engine.check(&image.internal, check, stop).await.map_err(|error| error.located(&check.origin))?;
        let seconds = start.elapsed().as_secs_f64();
        let _ = self.events.send(Event::CheckPassed { image: name, check: check_name, seconds });
        Ok(())
    }
}
