//! Whether what was pushed is still at its registry: somebody may have removed it, or moved its tag.

use std::collections::BTreeSet;

use futures_util::StreamExt;

use crate::engine::{Engine, EngineError};
use crate::event::{Event, Events};
use crate::plan::{Plan, PlannedImage, Present};
use crate::recipe::ImageRef;

/// Questions to registries at the same time.
const AT_ONCE: usize = 32;

/// The references whose registry has another image than the one that is marked as pushed, or none. A registry that does not
/// answer is believed to have what it was given, and a note says so.
pub async fn lost<E: Engine>(engine: &E, plan: &Plan, present: &Present, events: &Events) -> BTreeSet<ImageRef> {
    let note = |message: String| _ = events.send(Event::Note { message });
    let believed = plan.images.iter().filter(|image| image.is_pushed);
    let questions = believed.flat_map(|image| image.pushes.iter().map(move |reference| (image, reference)));
    let answers = questions.map(|(image, reference)| async move {
        (reference, own_digest(image, reference, present), engine.at_registry(reference).await)
    });
    let mut answers = futures_util::stream::iter(answers).buffered(AT_ONCE);
    let (mut lost, mut silent) = (BTreeSet::new(), BTreeSet::new());
    while let Some((reference, digest, found)) = answers.next().await {
        let why = match found {
            Ok(None) => "is no longer at its registry",
            // An image that this engine did not push itself has no digest to compare.
            Ok(Some(found)) if digest.is_some_and(|digest| digest != found) => "is another image at its registry",
            Ok(Some(_)) => continue,
            Err(EngineError::Cancelled) => break,
            Err(EngineError::Unreachable(error) | EngineError::Failed(error) | EngineError::Refused(error)) => {
                let registry = reference.registry.clone().unwrap_or_else(|| "docker.io".to_owned());
                if silent.insert(registry.clone()) {
                    note(format!("`{registry}` does not say whether it still has what was pushed: {}", error.message));
                }
                continue;
            }
        };
        note(format!("`{reference}` {why}: it is pushed again"));
        lost.insert(reference.clone());
    }
    lost
}

/// The digest of the image's manifest in the repository of a reference.
fn own_digest(image: &PlannedImage, reference: &ImageRef, present: &Present) -> Option<String> {
    let found = present.get(&image.internal.to_string())?;
    found.digest_in(&reference.repository()).map(str::to_owned)
}
