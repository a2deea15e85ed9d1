//! What will happen to an image, and why.

use super::image::{Action, PlannedImage};
use super::present::Present;
use crate::recipe::ImageRef;

pub struct Decision<'a> {
    pub present: &'a Present,
    pub internal: &'a ImageRef,
    /// That its checks passed, and that it is this project's.
    pub markers: [Option<&'a ImageRef>; 2],
    pub references: &'a [ImageRef],
    pub forced: bool,
    pub built_parent: Option<&'a PlannedImage>,
    /// An image of a registry that the engine does not have: what it will give is not known.
    pub missing: Option<&'a ImageRef>,
}

impl Decision<'_> {
    pub fn decide(&self) -> (Action, String) {
        if self.forced {
            return (Action::Build, "asked for with --force".to_owned());
        }
        let Some(image) = self.present.get(&self.internal.to_string()) else {
            return (Action::Build, self.why_built());
        };
        let is_image =
            |reference: &ImageRef| self.present.get(&reference.to_string()).is_some_and(|found| found.id == image.id);
        let [checked, owned] = self.markers;
        if checked.is_some_and(|marker| !is_image(marker)) {
            return (Action::Tag, "its checks have not passed yet".to_owned());
        }
        if owned.is_some_and(|marker| !is_image(marker)) {
            return (Action::Tag, "it is not marked as this project's".to_owned());
        }
        match self.references.iter().find(|reference| !is_image(reference)) {
            Some(reference) if self.present.get(&reference.to_string()).is_none() => {
                (Action::Tag, format!("{reference} is missing"))
            }
            Some(reference) => (Action::Tag, format!("{reference} is another image")),
            None => (Action::UpToDate, "unchanged".to_owned()),
        }
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
