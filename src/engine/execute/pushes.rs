//! Pushes, after all builds and checks of the request succeeded.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures_util::StreamExt;

use super::Run;
use crate::engine::{Engine, EngineError};
use crate::event::Event;
use crate::plan::PlannedImage;
use crate::recipe::ImageRef;

/// Waits between attempts.
const BACK_OFF: [Duration; 3] = [Duration::from_millis(500), Duration::from_secs(1), Duration::from_secs(2)];

impl<E: Engine> Run<'_, E> {
    pub(super) async fn push_all(&self) {
        let mut skipped: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for image in &self.plan.images {
            if let Some(because) = &image.push_skipped {
                skipped.entry(because.clone()).or_default().push(image.name.clone());
            }
            if image.is_pushed {
                for reference in &image.pushes {
                    let (image, reference) = (image.name.clone(), reference.to_string());
                    let _ = self.events.send(Event::PushUpToDate { image, reference });
                }
            }
        }
        for (because, images) in skipped {
            let _ = self.events.send(Event::PushSkipped { images, because });
        }
        let waiting = self.plan.images.iter().filter(|image| !image.is_pushed);
        let pushes: Vec<_> = waiting.map(|image| self.push(image)).collect();
        futures_util::stream::iter(pushes).buffer_unordered(self.flights.jobs()).collect::<Vec<()>>().await;
    }

    /// Pushes all references of an image, then marks it as pushed.
    async fn push(&self, image: &PlannedImage) {
        for reference in &image.pushes {
            if let Err(error) = self.push_retried(image, reference).await {
                if matches!(error, EngineError::Cancelled) {
                    return;
                }
                let diagnostic = Box::new(self.note(error));
                self.count(|summary| summary.failed += 1);
                let (image, reference) = (image.name.clone(), reference.to_string());
                let _ = self.events.send(Event::PushFailed { image, reference, diagnostic });
                if !self.options.keep_going {
                    self.stop.cancel();
                }
                return;
            }
        }
        self.count(|summary| summary.pushed += 1);
        if let Some(marker) = &image.pushed
            && let Err(error) = self.engine.tag(&image.internal, marker).await
        {
            // It is pushed; the next run will only look again.
            tracing::warn!(?error, image = image.name, "the image could not be marked as pushed");
        }
    }

    async fn push_retried(&self, image: &PlannedImage, reference: &ImageRef) -> Result<(), EngineError> {
        let (name, shown) = (image.name.clone(), reference.to_string());
        let _ = self.events.send(Event::PushStarted { image: name.clone(), reference: shown.clone() });
        let start = Instant::now();
        let mut attempt = 0;
        loop {
            attempt += 1;
            // Another run may have moved the tag to its own version since: what is pushed is what this run checked.
            self.engine.tag(&image.internal, reference).await?;
            let error = match self.engine.push(&image.name, reference, self.events, &self.stop).await {
                Ok(digest) => {
                    let seconds = start.elapsed().as_secs_f64();
                    let _ = self.events.send(Event::Pushed { image: name, reference: shown, digest, seconds });
                    return Ok(());
                }
                Err(error) => error,
            };
            let because = match &error {
                EngineError::Failed(diagnostic) | EngineError::Unreachable(diagnostic) => diagnostic.message.clone(),
                EngineError::Refused(_) | EngineError::Cancelled => return Err(error),
            };
            let Some(wait) = BACK_OFF.get(attempt - 1) else { return Err(error) };
            let (image, reference) = (name.clone(), shown.clone());
            let _ = self.events.send(Event::PushRetried { image, reference, attempt: attempt as u32 + 1, because });
            tokio::select! {
                () = tokio::time::sleep(*wait) => {}
                () = self.stop.cancelled() => return Err(EngineError::Cancelled),
            }
        }
    }
}
