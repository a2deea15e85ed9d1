//! The engine of a command: found, asked for what it has, kept from being pruned.

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::failure::Failure;
use super::output;
use super::project::Project;
use super::state::engine_lock::{self, EngineLock};
use crate::config::{EngineConfig, Transfers};
use crate::diagnostic::Sources;
use crate::engine::{self, Docker, Engine, EngineError};
use crate::event::{Event, Events};
use crate::graph::Graph;
use crate::pipeline::{self, Stock};
use crate::plan::Present;

/// Runs the asynchronous part of a command. What still blocks a thread when it is done, such as a read from a server that
/// sends nothing, is not waited for.
pub fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime.block_on(work);
    runtime.shutdown_background();
    result
}

/// Finds the engine and, if `start` allows it, starts f3s's own.
pub async fn connect(config: &EngineConfig, start: bool, events: &Events) -> Result<Docker, Failure> {
    let say = |message: String| {
        let _ = events.send(Event::Note { message });
    };
    engine::connect(config, start, &say).await.map_err(|error| match error {
        // An address that is none.
        EngineError::Refused(diagnostic) => Failure::Usage(diagnostic),
        error => failure(error, &Sources::default()),
    })
}

/// What the engine has; nothing, with a word about it, when there is no engine.
pub fn listing(project: &Project) -> Result<Present, Failure> {
    project.consent_to_engine()?;
    block_on(async {
        let (events, _receiver) = mpsc::unbounded_channel();
        match connect(&project.config.engine, false, &events).await {
            Ok(engine) => engine.present().await.map_err(|error| failure(error, &Sources::default())),
            // An address that was set and does not answer is worth the same word.
            Err(Failure::Unreachable(_)) => {
                output::note("no engine answers: this is the plan for one without images");
                Ok(Present::default())
            }
            Err(failure) => Err(failure),
        }
    })
}

/// What the engine has, after pulling what it lacks, or all with `pull`. An image that cannot be pulled is an error unless
/// `keep_going`.
pub async fn stock(
    engine: &Docker,
    (graph, sources): (&Graph, &Sources),
    (pull, keep_going, transfers): (bool, bool, Transfers),
    events: &Events,
    cancel: &CancellationToken,
) -> Result<Stock, Failure> {
    let mut stock = pipeline::stock(engine, graph, pull, transfers, events, cancel)
        .await
        .map_err(|error| failure(error, sources))?;
    if keep_going {
        return Ok(stock);
    }
    match stock.missing.pop_first() {
        Some((_, error)) => Err(failure(error, sources)),
        None => Ok(stock),
    }
}

/// Keeps what the engine has from being pruned.
pub async fn hold(engine: &Docker, events: &Events) -> Result<EngineLock, Failure> {
    engine_lock::for_run(engine, |message| {
        let _ = events.send(Event::Note { message });
    })
    .await
}

pub fn failure(error: EngineError, sources: &Sources) -> Failure {
    match error {
        EngineError::Unreachable(diagnostic) => Failure::Unreachable(Some((diagnostic, sources.clone()))),
        EngineError::Failed(diagnostic) | EngineError::Refused(diagnostic) => {
            Failure::Failed(diagnostic, sources.clone())
        }
        EngineError::Cancelled => Failure::Interrupted,
    }
}
