//! Rhai lives only here: scripts in, recipes out. Host functions validate their arguments and record steps.

mod api;
mod arguments;
mod compile;
mod errors;
mod evaluations;
mod family;
mod interpreter;
mod language;
mod library;
mod limits;
mod lint;
mod meter;
mod modules;
mod origin;
mod recorder;
pub mod reference;
mod request;
mod selection;

use std::sync::Arc;

use crate::config::Config;
use crate::diagnostic::{Diagnostics, Sources};
use crate::recipe::Family;
use crate::world::World;

pub use evaluations::Evaluations;
pub use request::{Request, Setting};
pub use selection::{RecipeFile, recipe_files};

/// Evaluates the recipes that were asked for and those they rest on. The text of every script read is added to
/// `sources`, also when it fails.
///
/// Errors, reported together: everything a recipe can get wrong by itself; a request or setting that names nothing.
pub fn load(
    world: &Arc<dyn World>,
    config: &Config,
    request: &Request,
    sources: &mut Sources,
) -> Result<Family, Diagnostics> {
    load_again(world, config, request, sources, &Evaluations::default())
}

/// As `load`, without evaluating again what gave `evaluations` and has read nothing that changed.
pub fn load_again(
    world: &Arc<dyn World>,
    config: &Config,
    request: &Request,
    sources: &mut Sources,
    evaluations: &Evaluations,
) -> Result<Family, Diagnostics> {
    family::load(world, config, request, sources, evaluations)
}
