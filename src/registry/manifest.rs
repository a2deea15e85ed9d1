//! What a manifest names: what must be at its registry for it to be whole.

use serde::Deserialize;

/// The kinds that f3s takes, by the OCI image specification and as Docker calls them.
pub const KINDS: &str = "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json, \
     application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.list.v2+json";

/// Content by its digest.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    pub digest: String,
    #[serde(default)]
    media_type: String,
}

impl Descriptor {
    /// Layers that nobody may hand on lie elsewhere.
    fn is_kept(&self) -> bool {
        !self.media_type.contains(".foreign.") && !self.media_type.contains(".nondistributable.")
    }
}

/// A manifest, or an index of some.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Parts {
    config: Option<Descriptor>,
    layers: Vec<Descriptor>,
    pub manifests: Vec<Descriptor>,
}

impl Parts {
    pub fn blobs(self) -> Vec<Descriptor> {
        let mut blobs: Vec<Descriptor> =
            self.config.into_iter().chain(self.layers).filter(Descriptor::is_kept).collect();
        blobs.sort();
        blobs.dedup();
        blobs
    }
}
