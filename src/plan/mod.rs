//! The plan: the family in build order, and what will happen to each image, and why. Pure: the same family, present images
//! and files give the same bytes.

mod action;
mod image;
mod internal;
mod present;

pub use image::{Action, PlannedImage, Purpose};
pub use internal::{Internal, Mark, Marks, Seal};
pub use present::{Present, PresentImage};

use std::collections::{BTreeMap, BTreeSet};

use crate::config::Config;
use crate::diagnostic::Diagnostics;
use crate::graph::Graph;
use crate::lower::{self, Fingerprint, ImageSpec, LowerOptions, Pin, Repository};
use crate::recipe::{Check, ImageRef};
use crate::world::World;

/// The images of a request and what they rest on, in build order.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Plan {
    pub images: Vec<PlannedImage>,
}

/// What the user asked for beyond the recipes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PlanOptions {
    /// Build what was asked for although nothing changed (`--force`).
    pub force: bool,
    /// Value of `SOURCE_DATE_EPOCH`: seconds since the epoch.
    pub source_date_epoch: Option<i64>,
    /// Images of which every command becomes a layer of its own, where that means the same, so that what stands before an
    /// edited one is not run again: for watch mode.
    pub fine: BTreeSet<String>,
    /// The images as they are released, by name: one that is built finely has another size, which is not checked.
    pub released: BTreeMap<String, Fingerprint>,
    /// References whose registry lacks what the engine has marked as pushed there.
    pub lost: BTreeSet<ImageRef>,
    /// Leave out all checks.
    pub unchecked: bool,
    /// Where the project is kept, if that is known.
    pub repository: Option<Repository>,
    /// What tells the project from others on the same engine, where its repository does not: its folder.
    pub project: Option<String>,
    /// The user's key: without it nothing that the engine has is believed to be f3s's.
    pub seal: Option<Seal>,
}

impl Plan {
    /// Lowers every image, computes its fingerprint and compares it with what the engine has.
    ///
    /// Errors: sources that do not exist or leave the project, links that do, registries that are no prefix of a
    /// reference.
    pub fn new(
        graph: &Graph,
        present: &Present,
        world: &dyn World,
        config: &Config,
        options: &PlanOptions,
    ) -> Result<Plan, Diagnostics> {
        let pins = |image: &ImageRef| {
            let found = present.get(&image.to_string())?;
            Some(Pin { id: found.id.clone(), digest: found.digest_in(&image.repository()).map(str::to_owned) })
        };
        let lowering = LowerOptions {
            source_date_epoch: options.source_date_epoch,
            fine: &options.fine,
            released: &options.released,
            unchecked: options.unchecked,
            repository: options.repository.as_ref(),
        };
        let mut images: Vec<PlannedImage> = Vec::new();
        for spec in lower::family(graph, &pins, world, config, &lowering)? {
            images.push(decide(spec, &images, present, options));
        }
        Ok(Plan { images })
    }

    pub fn count(&self, action: Action) -> usize {
        self.images.iter().filter(|image| image.action == action).count()
    }
}

/// The checks as a mark tells them from others; `None` without any.
fn described(checks: &[Check]) -> Option<String> {
    let kinds: Vec<_> = checks.iter().map(|check| &check.kind).collect();
    (!checks.is_empty()).then(|| serde_json::to_string(&kinds).expect("checks are JSON"))
}

/// The destinations as a mark tells them from others; `None` without any.
fn destinations(pushes: &[ImageRef]) -> Option<String> {
    let names: Vec<String> = pushes.iter().map(ToString::to_string).collect();
    (!pushes.is_empty()).then(|| names.join("\n"))
}

/// What is to be done with an image. `before`: those that were decided already, its parents among them.
fn decide(spec: ImageSpec, before: &[PlannedImage], present: &Present, options: &PlanOptions) -> PlannedImage {
    let project = options.repository.as_ref().map(Repository::project).or_else(|| options.project.clone());
    let (checks, pushes) = (described(&spec.checks), destinations(&spec.pushes));
    let about = [(Mark::Checked, checks), (Mark::Of, project), (Mark::Pushed, pushes)];
    let marks = Marks::new(options.seal.as_ref(), &spec.internal, about);
    let is_found = |image: &&ImageRef| spec.found.iter().any(|(found, _)| found == *image);
    let decision = action::Decision {
        present,
        internal: &spec.internal,
        marks: &marks,
        references: &spec.references,
        forced: options.force && spec.requested,
        missing: spec.external.iter().find(|image| !is_found(image)),
        built_parent: spec.parents.iter().map(|index| &before[*index]).find(|image| image.action == Action::Build),
    };
    let (action, reason, id) = decision.decide();
    let is_marked = |id: &String| !marks.is_missing(Mark::Pushed, id, present);
    let is_there = || !spec.pushes.iter().any(|push| options.lost.contains(push));
    let is_pushed =
        spec.pushes.is_empty() || (action == Action::UpToDate && id.as_ref().is_some_and(is_marked) && is_there());
    PlannedImage { spec, action, reason, id, marks, is_pushed }
}
