//! Whether what was pushed is still at its registry: somebody may have removed it, or moved its tag.
//!
//! f3s asks registries itself, before an engine has said a word: that is one request for an image, where an engine makes several.
//! Its own answer counts where it is that all is well. All else the engine decides, to which a name may mean another host, and
//! which may know a proxy, a certificate or an insecure registry that f3s does not.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use futures_util::StreamExt;

use crate::engine::{Engine, EngineError};
use crate::event::{Event, Events};
use crate::plan::{Plan, PlannedImage, Present};
use crate::recipe::ImageRef;
use crate::registry::{self, Asked, Found};

/// Questions to an engine at the same time.
const AT_ONCE: usize = 32;

const GONE: &str = "is no longer at its registry";
const ANOTHER: &str = "is another image at its registry";

/// What a registry has.
enum Standing {
    /// What it should have, as far as can be told.
    Good,
    /// Something else, or nothing; why it is pushed again.
    Lost(&'static str),
    /// Nobody knows.
    Unknown(String),
}

/// The references whose registry has another image than the one that is marked as pushed, or none, or not all of it. A registry
/// that does not answer is believed to have what it was given, and a note says so; unless `whole` asks for proof.
pub async fn lost<E: Engine>(
    engine: &E,
    asked: &mut Asked,
    whole: bool,
    (plan, present): (&Plan, &Present),
    events: &Events,
) -> BTreeSet<ImageRef> {
    let note = |message: String| _ = events.send(Event::Note { message });
    // Registries that have not answered to the engine either.
    let silent: Mutex<BTreeSet<&str>> = Mutex::default();
    let is_silent = |registry: &str| silent.lock().unwrap_or_else(PoisonError::into_inner).contains(registry);
    let believed = plan.images.iter().filter(|image| image.is_pushed);
    let questions = believed.flat_map(|image| image.pushes.iter().map(move |reference| (image, reference)));
    let answers = questions.map(|(image, reference)| {
        let (digest, own) = (own_digest(image, reference, present), asked.answer(reference));
        let is_silent = &is_silent;
        async move {
            let standing = match own.await {
                Some(Ok(Found::Manifest(found))) if digest.is_none_or(|digest| digest == found) => Standing::Good,
                Some(Ok(Found::Incomplete)) => Standing::Lost("lacks a part at its registry"),
                // Engines do not look for parts; what is there already costs a push next to nothing.
                Some(Ok(Found::Nothing)) if whole => Standing::Lost(GONE),
                Some(Ok(Found::Manifest(_))) if whole => Standing::Lost(ANOTHER),
                None | Some(Err(_)) if whole => Standing::Lost("may lack a part at its registry"),
                // Whoever is asked too much is not asked more.
                Some(Err(registry::Error::Busy(why))) => Standing::Unknown(why),
                _ if is_silent(registry::host(reference)) => Standing::Good,
                None | Some(Ok(Found::Nothing | Found::Manifest(_)) | Err(_)) => {
                    by_engine(engine, reference, digest).await
                }
            };
            (reference, standing)
        }
    });
    let answers: Vec<_> = answers.collect();
    let mut answers = futures_util::stream::iter(answers).buffered(AT_ONCE);
    let mut lost = BTreeSet::new();
    while let Some((reference, standing)) = answers.next().await {
        match standing {
            Standing::Good => {}
            Standing::Lost(why) => {
                note(format!("`{reference}` {why}: it is pushed again"));
                lost.insert(reference.clone());
            }
            Standing::Unknown(why) => {
                let registry = registry::host(reference);
                if silent.lock().unwrap_or_else(PoisonError::into_inner).insert(registry) {
                    note(format!("`{registry}` does not say whether it still has what was pushed: {why}"));
                }
            }
        }
    }
    lost
}

async fn by_engine<E: Engine>(engine: &E, reference: &ImageRef, digest: Option<&str>) -> Standing {
    match engine.at_registry(reference).await {
        Ok(None) => Standing::Lost(GONE),
        // An image that this engine did not push itself has no digest to compare.
        Ok(Some(found)) if digest.is_some_and(|digest| digest != found) => Standing::Lost(ANOTHER),
        Ok(Some(_)) | Err(EngineError::Cancelled) => Standing::Good,
        Err(EngineError::Unreachable(error) | EngineError::Failed(error) | EngineError::Refused(error)) => {
            Standing::Unknown(error.message)
        }
    }
}

/// The digest of the image's manifest in the repository of a reference.
fn own_digest<'p>(image: &PlannedImage, reference: &ImageRef, present: &'p Present) -> Option<&'p str> {
    let found = present.get(&image.internal.to_string())?;
    found.digest_in(&reference.repository())
}
