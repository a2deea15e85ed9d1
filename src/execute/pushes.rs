//! Pushes, after all builds and checks of the request succeeded.

use std::collections::BTreeMap;
use std::time::Instant;

use futures_util::StreamExt;

use super::Run;
use super::attempts::{Attempts, within};
use crate::diagnostic::Diagnostic;
use crate::engine::{Engine, EngineError, Pushed};
use crate::event::Event;
use crate::plan::{Mark, PlannedImage};
use crate::recipe::ImageRef;

/// So often somebody else moves the reference before f3s gives up. Each try is short: the layers are there.
const MOVED: u32 = 8;

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
        let waiting = self.plan.images.iter().zip(&self.ids).filter(|(image, _)| !image.is_pushed);
        let pushes: Vec<_> = waiting.filter_map(|(image, id)| Some(self.push(image, id.get()?))).collect();
        futures_util::stream::iter(pushes).buffer_unordered(self.jobs.limit()).collect::<Vec<()>>().await;
    }

    /// Pushes all references of an image, then marks it as pushed.
    async fn push(&self, image: &PlannedImage, id: &str) {
        for reference in &image.pushes {
            let what = || format!("`{reference}` was not pushed");
            let push = self.push_retried(image, id, reference);
            if let Err(error) = within(self.options.transfers.timeout(), what, push).await {
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
        if let Some(mark) = image.marks.reference(Mark::Pushed, id)
            && let Err(error) = self.engine.tag(id, &mark).await
        {
            // It is pushed; the next run will only look again.
            tracing::warn!(?error, image = image.name, "the image could not be marked as pushed");
        }
    }

    async fn push_retried(&self, image: &PlannedImage, id: &str, reference: &ImageRef) -> Result<(), EngineError> {
        let (name, shown) = (image.name.clone(), reference.to_string());
        let _ = self.events.send(Event::PushStarted { image: name.clone(), reference: shown.clone() });
        let start = Instant::now();
        let (mut attempt, mut attempts, mut moved) = (1, Attempts::default(), 0);
        let again = |attempt: u32, because: String| {
            let (image, reference) = (name.clone(), shown.clone());
            let _ = self.events.send(Event::PushRetried { image, reference, attempt, because });
        };
        loop {
            let pushed = self.push_once(image, id, reference).await;
            attempt += 1;
            match pushed {
                Ok(Pushed::Itself(digest)) => {
                    let seconds = start.elapsed().as_secs_f64();
                    let _ = self.events.send(Event::Pushed { image: name, reference: shown, digest, seconds });
                    return Ok(());
                }
                Ok(Pushed::Another | Pushed::Nothing) if moved + 1 == MOVED => {
                    return Err(EngineError::Failed(moved_away(reference)));
                }
                Ok(Pushed::Another) => {
                    moved += 1;
                    again(attempt, "somebody gave its tag to another image, which was pushed instead".to_owned());
                }
                Ok(Pushed::Nothing) => {
                    moved += 1;
                    again(attempt, "somebody removed its tag before it was pushed".to_owned());
                }
                Err(error) => {
                    attempts.wait(self.engine, error, &self.stop, |because| again(attempt, because)).await?;
                }
            }
        }
    }

    /// One push, of which the registry says afterwards that it has what it took.
    async fn push_once(&self, image: &PlannedImage, id: &str, reference: &ImageRef) -> Result<Pushed, EngineError> {
        // Another run may have moved the tag to its own version since: what is pushed is what this run checked.
        self.engine.tag(id, reference).await?;
        let pushed = self.engine.push(&image.name, id, reference, self.events, &self.stop).await?;
        // Whoever pushes and may not pull learns nothing here.
        if matches!(pushed, Pushed::Itself(_)) && matches!(self.engine.at_registry(reference).await, Ok(None)) {
            let error = format!("`{reference}` was not pushed: the registry took it, and does not have it");
            return Err(EngineError::Failed(Diagnostic::error(error).hint("its storage may be broken, or full")));
        }
        Ok(pushed)
    }
}

fn moved_away(reference: &ImageRef) -> Diagnostic {
    let error = format!(
        "`{reference}` was not pushed: somebody gives that tag to another image or removes it, again and again"
    );
    Diagnostic::error(error)
        .note("the registry may hold the other image under that tag now")
        .hint("end what tags or removes images so on this engine, and run f3s again")
}
