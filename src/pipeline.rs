//! The program on one screen: load, graph, plan, execute.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::config::{Config, Transfers};
use crate::diagnostic::{Diagnostics, Origin, Sources};
use crate::engine::{Engine, EngineError};
use crate::event::{Event, Events};
use crate::execute::{Attempts, within};
use crate::graph::Graph;
use crate::lower;
use crate::plan::{Plan, PlanOptions, Present};
use crate::recipe::ImageRef;
use crate::registry;
use crate::script::{self, Evaluations, Request};
use crate::world::World;

pub use crate::execute::{ExecuteOptions, Jobs, Outcome, execute, lost};
pub use crate::registry::Asked;

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

/// What the engine has, and why images of registries that the family rests on are not among it.
#[derive(Debug, Default)]
pub struct Stock {
    pub present: Present,
    pub missing: BTreeMap<ImageRef, EngineError>,
}

/// What the engine has, once the images of registries that the family rests on are there: `pull` fetches them anew.
pub async fn stock<E: Engine>(
    engine: &E,
    graph: &Graph,
    pull: bool,
    transfers: Transfers,
    events: &Events,
    cancel: &CancellationToken,
) -> Result<Stock, EngineError> {
    // What a run that was killed left is in nobody's way but prune's: a failure is not worth a word.
    let (present, swept) = tokio::join!(engine.present(), engine.sweep());
    let present = present?;
    if let Err(error) = swept {
        tracing::debug!(?error, "containers of earlier checks");
    }
    let mut external: Vec<(&ImageRef, &Origin)> =
        graph.images.iter().flat_map(|node| node.recipe.external_images()).collect();
    external.sort_by_key(|(image, _)| *image);
    external.dedup_by_key(|(image, _)| *image);
    external.retain(|(image, _)| pull || present.get(&image.to_string()).is_none());
    if external.is_empty() {
        return Ok(Stock { present, ..Stock::default() });
    }
    let pulls = external.into_iter().map(|(image, origin)| async move {
        let what = || format!("`{image}` cannot be pulled");
        let pull = pull_retried(engine, image, events, cancel);
        let error = within(transfers.timeout(), what, pull).await.err()?;
        Some((image.clone(), error.located(origin)))
    });
    let missing = futures_util::future::join_all(pulls).await.into_iter().flatten().collect();
    Ok(Stock { present: engine.present().await?, missing })
}

async fn pull_retried<E: Engine>(
    engine: &E,
    image: &ImageRef,
    events: &Events,
    cancel: &CancellationToken,
) -> Result<(), EngineError> {
    let (mut attempt, mut attempts) = (1, Attempts::default());
    loop {
        let Err(error) = engine.pull(image, events, cancel).await else { return Ok(()) };
        attempt += 1;
        let reference = image.to_string();
        let say = |because| _ = events.send(Event::PullRetried { reference, attempt, because });
        attempts.wait(engine, error, cancel, say).await?;
    }
}

/// Asks registries for all that the family pushes, which takes its time while the engine is asked what it has. Where
/// loopback is not the engine's (`is_here`) only the engine can ask what listens there.
pub fn ask_registries(graph: &Graph, config: &Config, is_here: bool, whole: bool) -> Asked {
    let mut references = lower::pushes(graph, config);
    references.retain(|reference| is_here || !registry::is_on_loopback(reference));
    registry::ask(references, whole)
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
