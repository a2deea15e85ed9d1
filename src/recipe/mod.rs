//! What evaluation of a recipe yields: plain data with no behaviour beyond validating its own values. Everything
//! here is parsed at the door, so that inner rooms never check it again.

pub mod address;
mod artifact;
mod check;
mod family;
mod image_ref;
mod key;
mod step;
mod timeout;

pub use artifact::{Artifact, ArtifactSource, Filter, Limits, PackedAs};
pub use check::{Check, CheckKind, SizeBound};
pub use family::Family;
pub use image_ref::{ImageRef, RESERVED_HOST};
pub use key::{ImageKey, Value};
pub use step::{
    Command, Copy, CopySource, Healthcheck, Mount, MountKind, PlaceFile, Run, RunNetwork, SecretMount, SecretSource,
    Step, StepKind, Unpack, Write,
};
pub use timeout::Timeout;

use serde::Serialize;

use crate::diagnostic::{Diagnostic, Origin, Place};

/// One image of the family: a recipe with its parameters bound, as its script described it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Recipe {
    /// Which recipe, with which parameters: the identity of the node in the graph.
    pub key: ImageKey,
    /// The script, relative to the project.
    pub file: String,
    /// The image's name without registry: the file stem, or what `name()` said.
    pub name: String,
    /// The tags, `["latest"]` unless `tag()` said otherwise. Never empty.
    pub tags: Vec<String>,
    /// The `//!` header, or what `description()` said. May be empty.
    pub description: String,
    /// True when `description()` said it.
    pub is_described: bool,
    /// Every parameter in declaration order, with its value in this image.
    pub params: Vec<Param>,
    /// Build stages in the order of their declaration.
    pub stages: Vec<Stage>,
    /// The stage that becomes the image.
    pub image: Stage,
    pub checks: Vec<Check>,
    /// Destinations in call order.
    pub pushes: Vec<Push>,
    /// Host variables that `env_var()` read, with the value it returned.
    pub host_env: Vec<(String, String)>,
    /// What is probably not meant as it is written, in call order.
    pub warnings: Vec<Diagnostic>,
    /// Where `name()` or `tag()` was called, else the start of the file: what a clash of references points at.
    pub identity: Place,
}

/// A documented parameter of a recipe.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Param {
    pub name: String,
    pub doc: String,
    /// The value in this image.
    pub value: Value,
    pub default: Value,
    /// The allowed values of `one_of` and `each`; empty when any value of the default's type is allowed.
    pub choices: Vec<Value>,
    /// True for `each([..])`: every choice makes a variant of the image.
    pub axis: bool,
    pub place: Place,
}

/// An ordered list of steps on one base.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Stage {
    /// The stage's name; the final stage of a recipe has the empty name.
    pub name: String,
    pub base: Base,
    pub steps: Vec<Step>,
    pub origin: Origin,
}

/// What a stage rests on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Base {
    pub from: BaseRef,
    pub origin: Origin,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BaseRef {
    /// Nothing at all.
    Scratch,
    /// Another image of the family. Parameters left out take that recipe's defaults.
    Recipe(ImageKey),
    /// An image of a registry.
    External(ImageRef),
}

/// A destination of `push()`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Push {
    /// `None`: the project's registry, under every tag of the image.
    pub to: Option<ImageRef>,
    pub origin: Origin,
}

impl Recipe {
    /// All stages, build stages first, the image's own stage last.
    pub fn all_stages(&self) -> impl Iterator<Item = &Stage> {
        self.stages.iter().chain(std::iter::once(&self.image))
    }

    /// The other images of the family that this one needs, with the place that says so, in call order. An image
    /// that is named twice appears twice.
    pub fn needs(&self) -> Vec<(&ImageKey, &Origin)> {
        let mut needs = Vec::new();
        for stage in self.all_stages() {
            if let BaseRef::Recipe(key) = &stage.base.from {
                needs.push((key, &stage.base.origin));
            }
            for step in &stage.steps {
                if let StepKind::Copy(Copy { from: CopySource::Image(BaseRef::Recipe(key)), .. }) = &step.kind {
                    needs.push((key, &step.origin));
                }
            }
        }
        needs
    }

    /// The images of registries that a stage rests on, in call order.
    pub fn external_bases(&self) -> impl Iterator<Item = (&ImageRef, &Origin)> {
        self.all_stages().filter_map(|stage| match &stage.base.from {
            BaseRef::External(image) => Some((image, &stage.base.origin)),
            BaseRef::Recipe(_) | BaseRef::Scratch => None,
        })
    }

    /// The images of registries that this one needs, in call order.
    pub fn external_images(&self) -> Vec<(&ImageRef, &Origin)> {
        let mut images = Vec::new();
        for stage in self.all_stages() {
            if let BaseRef::External(image) = &stage.base.from {
                images.push((image, &stage.base.origin));
            }
            for step in &stage.steps {
                if let StepKind::Copy(Copy { from: CopySource::Image(BaseRef::External(image)), .. }) = &step.kind {
                    images.push((image, &step.origin));
                }
            }
        }
        images
    }

    /// The artifacts of all stages, in call order, each once.
    pub fn artifacts(&self) -> Vec<&Artifact> {
        let mut artifacts: Vec<&Artifact> = Vec::new();
        for artifact in self.all_stages().flat_map(|stage| &stage.steps).filter_map(|step| step.kind.artifact()) {
            if !artifacts.contains(&artifact) {
                artifacts.push(artifact);
            }
        }
        artifacts
    }
}
