//! BuildKit's cache, as far as images rest on it.

use std::collections::BTreeSet;

use bollard_buildkit_proto::moby::buildkit::v1::{DiskUsageRequest, PruneRequest, UsageRecord};
use tonic::Status;

use super::solve::Builder;
use crate::engine::EngineError;

impl Builder {
    /// The records that are layers of images, too.
    pub async fn shared(&self) -> Result<BTreeSet<String>, EngineError> {
        let records = self.records().await.map_err(|status| gone(&status))?;
        Ok(records.into_iter().filter(|record| record.shared).map(|record| record.id).collect())
    }

    /// Removes those of the records that are layers of no image any more and that no build uses: the cache would keep
    /// their room on the disk.
    pub async fn release(&self, once_shared: &BTreeSet<String>) -> Result<(), EngineError> {
        let release = async {
            let records = self.records().await?.into_iter();
            let left = records.filter(|record| !record.shared && !record.in_use && once_shared.contains(&record.id));
            let filter: Vec<String> = left.map(|record| format!("id=={}", record.id)).collect();
            // Without a filter all would go.
            if !filter.is_empty() {
                let request = PruneRequest { filter, all: false, ..PruneRequest::default() };
                let mut removed = self.control().prune(request).await?.into_inner();
                while removed.message().await?.is_some() {}
            }
            Ok(())
        };
        release.await.map_err(|status| gone(&status))
    }

    async fn records(&self) -> Result<Vec<UsageRecord>, Status> {
        Ok(self.control().disk_usage(DiskUsageRequest::default()).await?.into_inner().record)
    }
}

fn gone(status: &Status) -> EngineError {
    EngineError::unreachable(&format!("the engine does not tell of its build cache: {}", status.message()))
}
