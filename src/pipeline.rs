//! The program on one screen: load, graph, plan, execute.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::diagnostic::{Diagnostics, Sources};
use crate::engine::{Engine, EngineError};
use crate::event::Events;
use crate::graph::Graph;
use crate::plan::{Plan, PlanOptions, Present};
use crate::recipe::ImageRef;
use crate::script::{self, Evaluations, Request};
use crate::world::World;

pub use crate::engine::execute::{ExecuteOptions, Outcome, Stop, execute};

/// Evaluates what was asked for and all it rests on, and orders it. No engine, no network. What `evaluations` of an earlier
/// round still hold is not evaluated again.
pub fn load(
    world: &Arc<dyn World>,
    config: &Config,
    request: &Request,
    sources: &mut Sources,
    evaluations: &Evaluations,
) -> Result<Graph, Diagnostics> {
    let family = tracing::info_span!("evaluate")
        .in_scope(|| script::load_again(world, config, request, sources, evaluations))?;
    tracing::info!(evaluated = evaluations.count(), "evaluations so far");
    tracing::info_span!("order").in_scope(|| Graph::new(family))
}

/// What the engine has, once the images of registries that the family rests on are there: `pull` fetches them anew.
pub async fn present<E: Engine>(
    engine: &E,
    graph: &Graph,
    pull: bool,
    events: &Events,
    cancel: &CancellationToken,
) -> Result<Present, EngineError> {
    let mut present = engine.present().await?;
    let mut external: Vec<(&ImageRef, &crate::diagnostic::Origin)> =
        graph.images.iter().flat_map(|node| node.recipe.external_images()).collect();
    external.sort_by_key(|(image, _)| *image);
    external.dedup_by_key(|(image, _)| *image);
    external.retain(|(image, _)| pull || present.get(&image.to_string()).is_none());
    if external.is_empty() {
        return Ok(present);
    }
    let pulls = external.iter().map(|(image, origin)| async move {
        let result = engine.pull(image, events, cancel).await;
        result.map_err(|error| error.located(origin))
    });
    for result in futures_util::future::join_all(pulls).await {
        result?;
    }
    present = engine.present().await?;
    Ok(present)
}

/// Compares the family with what the engine has.
pub fn plan(
    graph: &Graph,
    present: &Present,
    world: &dyn World,
    config: &Config,
    options: &PlanOptions,
) -> Result<Plan, Diagnostics> {
    tracing::info_span!("plan").in_scope(|| Plan::new(graph, present, world, config, options))
}
