//! A project in memory, planned as on an engine without images.

use std::sync::Arc;

use f3s::config::Config;
use f3s::diagnostic::{Diagnostics, Sources};
use f3s::pipeline;
use f3s::plan::{Plan, PlanOptions, Present};
use f3s::script::{Evaluations, Request};
use f3s::world::{Memory, World};

/// Plans all recipes of a world.
pub fn plan(world: Memory, config: &Config, request: &Request) -> Result<Plan, Diagnostics> {
    let world: Arc<dyn World> = Arc::new(world);
    let graph = pipeline::load(&world, config, request, &mut Sources::default(), &Evaluations::default())?;
    pipeline::plan(&graph, &Present::default(), &*world, config, &PlanOptions::default())
}

/// The plan of one recipe, `scripts/example.rhai`.
pub fn plan_script(script: &str) -> Result<Plan, Diagnostics> {
    plan(Memory::new().file("scripts/example.rhai", script), &Config::default(), &Request::default())
}
