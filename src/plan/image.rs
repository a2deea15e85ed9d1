//! One image of a plan.

use std::ops::Deref;

use serde::Serialize;

use super::{Mark, Marks};
use crate::lower::{Fingerprint, ImageSpec};
use crate::recipe::ImageRef;

/// What will happen to an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// The engine has no image with this fingerprint, or `--force` asks for a new one.
    Build,
    /// The engine has it, checked and under all its final tags.
    UpToDate,
    /// The engine has it; checks must run or final tags must move.
    Tag,
}

/// What is to be made of an image: two plans that agree in it want the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Purpose {
    name: String,
    fingerprint: Fingerprint,
    checked: Option<String>,
    references: Vec<ImageRef>,
}

/// An image, and what is decided of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PlannedImage {
    pub spec: ImageSpec,
    pub action: Action,
    /// Why, in a few words: `not built yet`, `base jmeter-base is built`, `asked for with --force`.
    pub reason: String,
    /// The id of the image that the engine has under `internal`; `None` for one that is to be built.
    pub id: Option<String>,
    /// What says of an image on the engine that it is this one, and what was done with it.
    pub marks: Marks,
    /// True when there is nothing to push: the image is marked as pushed, or the recipe pushes nothing.
    pub is_pushed: bool,
}

impl PlannedImage {
    pub fn purpose(&self) -> Purpose {
        Purpose {
            name: self.name.clone(),
            fingerprint: self.fingerprint.clone(),
            checked: self.marks.about(Mark::Checked).map(str::to_owned),
            references: self.references.clone(),
        }
    }
}

/// A planned image is the image that is planned: who makes it asks for its Dockerfile, not for its specification's.
impl Deref for PlannedImage {
    type Target = ImageSpec;

    fn deref(&self) -> &ImageSpec {
        &self.spec
    }
}
