//! What will happen to an image, and why.

use super::image::{Action, PlannedImage};
use super::internal::{Mark, Marks};
use super::present::Present;
use crate::recipe::ImageRef;

pub struct Decision<'a> {
    pub present: &'a Present,
    pub internal: &'a ImageRef,
    pub marks: &'a Marks,
    pub references: &'a [ImageRef],
    pub forced: bool,
    pub built_parent: Option<&'a PlannedImage>,
    /// An image of a registry that the engine does not have: what it will give is not known.
    pub missing: Option<&'a ImageRef>,
}

impl Decision<'_> {
    /// What to do, why, and the id of the image that is there, unless it is to be built.
    pub fn decide(&self) -> (Action, String, Option<String>) {
        let build = |why: String| (Action::Build, why, None);
        if self.forced {
            return build("asked for with --force".to_owned());
        }
        let Some(image) = self.present.get(&self.internal.to_string()) else {
            return build(self.why_built());
        };
        let is_missing = |mark: Mark| self.marks.is_missing(mark, &image.id, self.present);
        if is_missing(Mark::Built) {
            return build("the image of that name was not built by you".to_owned());
        }
        let (action, why) = if is_missing(Mark::Checked) {
            (Action::Tag, "its checks have not passed yet".to_owned())
        } else if is_missing(Mark::Of) {
            (Action::Tag, "it is not marked as this project's".to_owned())
        } else {
            let of = |reference: &ImageRef| self.present.get(&reference.to_string()).map(|found| &found.id);
            match self.references.iter().find(|reference| of(reference) != Some(&image.id)) {
                Some(reference) if of(reference).is_none() => (Action::Tag, format!("{reference} is missing")),
                Some(reference) => (Action::Tag, format!("{reference} is another image")),
                None => (Action::UpToDate, "unchanged".to_owned()),
            }
        };
        (action, why, Some(image.id.clone()))
    }

    fn why_built(&self) -> String {
        if let Some(parent) = self.built_parent {
            return format!("{} is built", parent.name);
        }
        if let Some(image) = self.missing {
            return format!("{image} must be pulled first");
        }
        let others = format!("{}:", self.internal.repository());
        let older = self.present.0.range(others.clone()..).next().is_some_and(|(name, _)| name.starts_with(&others));
        if older { "changed".to_owned() } else { "not built yet".to_owned() }
    }
}
