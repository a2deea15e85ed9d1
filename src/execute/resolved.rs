//! What an image is built on, by references that somebody may give to another image before the engine has followed them: a
//! pull, a `docker tag`. What came out then is not what its fingerprint says.

use crate::diagnostic::Diagnostic;
use crate::engine::{Engine, EngineError};
use crate::plan::{Mark, Marks, PlannedImage, Present};
use crate::recipe::ImageRef;

/// The images that an image rests on or copies from, as they were when the build began.
#[derive(Clone, Debug)]
pub struct Resolved(Vec<Known>);

/// One of them.
#[derive(Clone, Debug)]
struct Known {
    reference: ImageRef,
    id: String,
    /// Of an image of the family: another one that bears them was built of the same, by a run beside this one.
    marks: Option<Marks>,
}

impl Resolved {
    /// `parents`: the family's own, with their ids.
    pub fn of<'p>(image: &PlannedImage, parents: impl IntoIterator<Item = (&'p PlannedImage, String)>) -> Resolved {
        let of_family = parents.into_iter().map(|(parent, id)| {
            let (reference, marks) = (parent.internal.clone(), Some(parent.marks.clone()));
            Known { reference, id, marks }
        });
        let external = image.found.iter().cloned().map(|(reference, id)| Known { reference, id, marks: None });
        Resolved(external.chain(of_family).collect())
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
        let is_still = |known: &&Known| {
            let Some(found) = present.get(&known.reference.to_string()) else { return false };
            let is_equal = |marks: &Marks| !marks.is_missing(Mark::Built, &found.id, present);
            digits(&found.id) == digits(&known.id) || known.marks.as_ref().is_some_and(is_equal)
        };
        self.0.iter().find(|known| !is_still(known)).map(|known| &known.reference)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{PresentImage, Seal};
    use crate::recipe::RESERVED_HOST;

    #[test]
    fn a_parent_that_was_built_once_more_of_the_same_is_still_the_parent() {
        let (registry, tag) = (Some(RESERVED_HOST.to_owned()), Some("a".repeat(64)));
        let reference = ImageRef { registry, name: "base".to_owned(), tag, digest: None };
        let about = [(Mark::Checked, None), (Mark::Of, None), (Mark::Pushed, None)];
        let marks = Marks::new(Some(&Seal::new([7; 32])), &reference, about);
        let known = |marks| Known { reference: reference.clone(), id: "sha256:1".to_owned(), marks };
        let mut present = Present::default();
        let image = || PresentImage { id: "sha256:2".to_owned(), digests: Vec::new(), size: 1 };
        present.insert(&reference.to_string(), image());
        // Somebody's.
        assert!(Resolved(vec![known(Some(marks.clone()))]).moved(&present).is_some());
        present.insert(&marks.reference(Mark::Built, "sha256:2").unwrap().to_string(), image());
        assert_eq!(Resolved(vec![known(Some(marks))]).moved(&present), None);
        // An image of a registry bears no marks.
        assert!(Resolved(vec![known(None)]).moved(&present).is_some());
    }
}
