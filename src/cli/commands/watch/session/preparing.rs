//! A round that waits for the engine.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::cli::failure::Failure;
use crate::cli::project::Project;
use crate::cli::state::engine_lock::EngineLock;
use crate::engine::{Access, Docker};
use crate::graph::Graph;
use crate::pipeline::Stock;

/// A round that waits for the engine.
pub struct Preparing {
    pub project: Project,
    pub graph: Arc<Graph>,
    pub access: Access,
    /// How many images had ended before the engine was asked.
    pub ended: usize,
    pub stocked: BoxFuture<'static, Result<Stocked, Failure>>,
}

/// What a round has to work with.
pub struct Stocked {
    pub engine: Docker,
    pub stock: Stock,
    /// Keeps it there.
    pub hold: Arc<EngineLock>,
}

/// What the engine has, when it is known; never, when nobody asks.
pub async fn stocked(preparing: &mut Option<Preparing>) -> Result<Stocked, Failure> {
    match preparing {
        Some(preparing) => (&mut preparing.stocked).await,
        None => std::future::pending().await,
    }
}
