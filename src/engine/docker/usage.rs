//! What takes room on an engine, and what is in use.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use bollard::query_parameters::ListContainersOptionsBuilder;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::body::Bytes;
use serde::Deserialize;

use super::Docker;
use super::client::failed;
use crate::engine::EngineError;

/// What images take, at one time.
#[derive(Clone, Debug, Default)]
pub struct Usage {
    /// Bytes of all their layers, each once, and of the build cache beside them.
    pub bytes: u64,
    /// The records of the build cache that are layers of images.
    shared: BTreeSet<String>,
}

/// `GET /system/df`, in the form of engines up to API 1.51 and in that of later ones.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Answer {
    layers_size: Option<u64>,
    build_cache: Option<Vec<Record>>,
    image_usage: Option<Total>,
    build_cache_usage: Option<Total>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Record {
    size: u64,
    shared: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Total {
    total_size: u64,
}

impl Docker {
    /// What images take now.
    pub async fn usage(&self) -> Result<Usage, EngineError> {
        let gone = |error: io::Error| EngineError::unreachable(&format!("the engine went away: {error}"));
        let request = Request::get("/system/df").header("Host", "docker").body(Full::<Bytes>::default());
        let response = self.address.send(request.expect("a plain request")).await.map_err(gone)?;
        let body = response.into_body().collect().await.map_err(io::Error::other).map_err(gone)?.to_bytes();
        let answer: Answer = serde_json::from_slice(&body).unwrap_or_default();
        let total = |usage: Option<Total>| usage.map_or(0, |usage| usage.total_size);
        let own = |records: Vec<Record>| records.iter().filter(|record| !record.shared).map(|record| record.size).sum();
        let layers = answer.layers_size.unwrap_or_else(|| total(answer.image_usage));
        let cache = answer.build_cache.map_or_else(|| total(answer.build_cache_usage), own);
        let shared = match self.builder().await? {
            Some(builder) => builder.shared().await?,
            None => BTreeSet::new(),
        };
        Ok(Usage { bytes: layers + cache, shared })
    }

    /// Frees what the build cache has kept of images that are gone since, and tells how many bytes are free now that
    /// were not.
    pub async fn freed_since(&self, before: &Usage) -> Result<u64, EngineError> {
        if let Some(builder) = self.builder().await? {
            builder.release(&before.shared).await?;
        }
        Ok(before.bytes.saturating_sub(self.usage().await?.bytes))
    }

    /// The containers, running or not, that hold an image: their names by the image's id.
    pub async fn in_use(&self) -> Result<BTreeMap<String, String>, EngineError> {
        let options = ListContainersOptionsBuilder::new().all(true).build();
        let containers = self.client.list_containers(Some(options)).await.map_err(failed)?;
        let named = containers.into_iter().filter_map(|container| {
            let name = container.names.unwrap_or_default().pop().or(container.id).unwrap_or_default();
            Some((container.image_id?, name.trim_start_matches('/').to_owned()))
        });
        Ok(named.collect())
    }
}
