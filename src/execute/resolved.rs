//! What an image is built on, by references that somebody may give to another image before the engine has followed them: a
//! pull, a `docker tag`. What came out then is not what its fingerprint says.

use crate::diagnostic::Diagnostic;
use crate::engine::{Engine, EngineError};
use crate::plan::{PlannedImage, Present};
use crate::recipe::ImageRef;

/// The images that an image rests on or copies from, as they were when the build began.
#[derive(Clone, Debug)]
pub struct Resolved(Vec<(ImageRef, String)>);

impl Resolved {
    /// `parents`: the ids of the family's own, by their internal references.
    pub fn of(image: &PlannedImage, parents: impl IntoIterator<Item = (ImageRef, String)>) -> Resolved {
        Resolved(image.found.iter().cloned().chain(parents).collect())
    }

    /// Makes sure that all references still are of the same images. If not, the image loses its name: nobody may build on it.
    pub async fn confirm<E: Engine>(&self, engine: &E, image: &PlannedImage) -> Result<(), EngineError> {
        if self.0.is_empty() {
            return Ok(());
        }
        let Some(moved) = self.moved(&engine.present().await?) else { return Ok(()) };
        engine.remove(&image.internal.to_string()).await?;
        let error = format!("`{moved}` became another image while `{}` was built on it", image.name);
        let error = Diagnostic::error(error).hint("somebody has pulled or tagged it meanwhile: run f3s again");
        let origin = image.bases.iter().find(|(base, _)| base == moved).map(|(_, origin)| origin.clone());
        Err(EngineError::Failed(match origin {
            Some(origin) => error.at(origin),
            None => error,
        }))
    }

    fn moved(&self, present: &Present) -> Option<&ImageRef> {
        // Some engines leave out what kind of digest it is.
        let digits = |id: &str| id.strip_prefix("sha256:").unwrap_or(id).to_owned();
        let is_still = |(reference, id): &&(ImageRef, String)| {
            present.get(&reference.to_string()).is_some_and(|found| digits(&found.id) == digits(id))
        };
        self.0.iter().find(|ground| !is_still(ground)).map(|(reference, _)| reference)
    }
}
