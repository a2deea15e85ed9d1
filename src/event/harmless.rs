//! An event with nothing in it that could do harm where it is shown: whoever adds a text to an event, adds it here.

use super::Event;
use crate::diagnostic::{Diagnostic, Place};
use crate::harmless::{line, text};

impl Event {
    /// The same, safe to show. Its texts have one line each, but for notes and diagnostics.
    #[must_use]
    pub fn harmless(&self) -> Event {
        let mut event = self.clone();
        match &mut event {
            Event::ImageStarted { image, reason, builds: _ } => clean([image, reason]),
            Event::StepStarted { image, step, place, cached: _ } => {
                clean([image, step]);
                clean_place(place);
            }
            Event::StepOutput { image, line } | Event::StepProgress { image, line } => clean([image, line]),
            Event::StepFinished { image, step, seconds: _ } => clean([image, step]),
            Event::CheckStarted { image, check, place } => {
                clean([image, check]);
                clean_place(place);
            }
            Event::CheckPassed { image, check, seconds: _ } => clean([image, check]),
            Event::ImageBuilt { image, reference, size: _, seconds: _, cached: _ } => clean([image, reference]),
            Event::ImageTagged { image, references } => clean(references.iter_mut().chain([image])),
            Event::ImageUpToDate { image } | Event::ImageCancelled { image } => clean([image]),
            Event::ImageFailed { image, diagnostic } => {
                clean([image]);
                clean_diagnostic(diagnostic);
            }
            Event::ImageSkipped { image, because } => clean([image, because]),
            Event::DownloadStarted { url, total: _ }
            | Event::DownloadProgress { url, bytes: _, total: _ }
            | Event::DownloadFinished { url, bytes: _, seconds: _ } => clean([url]),
            Event::DownloadRetried { url, attempt: _, because } => clean([url, because]),
            Event::PullStarted { reference }
            | Event::PullFinished { reference, seconds: _ }
            | Event::PullFailed { reference } => clean([reference]),
            Event::PullRetried { reference, attempt: _, because } => clean([reference, because]),
            Event::PushStarted { image, reference }
            | Event::PushProgress { image, reference, bytes: _, total: _ }
            | Event::PushUpToDate { image, reference } => clean([image, reference]),
            Event::PushRetried { image, reference, attempt: _, because } => clean([image, reference, because]),
            Event::Pushed { image, reference, digest, seconds: _ } => clean([image, reference, digest]),
            Event::PushSkipped { images, because } => clean(images.iter_mut().chain([because])),
            Event::PushFailed { image, reference, diagnostic } => {
                clean([image, reference]);
                clean_diagnostic(diagnostic);
            }
            Event::Note { message } => *message = text(message),
            Event::Changed { what, clear: _ } => clean([what]),
            Event::Mistaken { diagnostics } | Event::Warned { diagnostics } => {
                diagnostics.iter_mut().for_each(clean_diagnostic)
            }
            Event::CommandOutput { line } => clean([line]),
            Event::Started { images: _, to_build: _ } | Event::Paused | Event::Superseded | Event::Finished(_) => {}
        }
        event
    }
}

fn clean<'a>(texts: impl IntoIterator<Item = &'a mut String>) {
    texts.into_iter().for_each(|text| *text = line(text));
}

fn clean_place(place: &mut Place) {
    let file = line(&place.file);
    if *file != *place.file {
        place.file = file.into();
    }
}

fn clean_diagnostic(diagnostic: &mut Diagnostic) {
    *diagnostic = diagnostic.harmless();
}
