//! The plan: the family in build order, what will happen to each image and why, and all that the engine needs for
//! it. Pure: the same family, present images and files give the same bytes.

mod context;
mod dockerfile;
mod fingerprint;
mod image;
mod lower;
mod present;

pub use context::{Context, ContextEntry, PackedAs};
pub use dockerfile::{Dockerfile, Instruction};
pub use fingerprint::Fingerprint;
pub use image::{Action, PlannedImage};
pub use present::{Present, PresentImage};

use crate::config::Config;
use crate::diagnostic::Diagnostics;
use crate::graph::Graph;
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
}

impl Plan {
    /// Lowers every image, computes its fingerprint and compares it with what the engine has.
    ///
    /// Errors: sources that do not exist or leave the project, links that do, references that are no references.
    pub fn new(
        graph: &Graph,
        present: &Present,
        world: &dyn World,
        config: &Config,
        options: &PlanOptions,
    ) -> Result<Plan, Diagnostics> {
        let _ = (graph, present, world, config, options);
        todo!()
    }
}
