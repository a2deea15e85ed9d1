//! Settings of a project: `f3s.toml` under environment variables (`F3S_*`) under flags. Flags are merged by `cli`.

mod downloads;
mod mirrors;
mod registry;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use crate::recipe::Timeout;

pub use downloads::{Checksum, Downloads, SHA256_DIGITS, SHA512_DIGITS, Size, digest};
pub use mirrors::{Mirrors, Original, Replacement};
pub use registry::Registry;

/// Every field is optional in the file; an unknown field is an error.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The prefix of every image that `push()` sends: `registry.example.com/team`.
    pub registry: Option<Registry>,
    /// Glob patterns of recipes, relative to the project; `["scripts/*.rhai"]` when empty.
    pub recipes: Vec<String>,
    /// How many images are built at the same time; the number of processors when `None`.
    pub jobs: Option<usize>,
    /// The network of build steps: `default`, `host` or `none`.
    pub network: Option<String>,
    /// URL prefix -> URL prefix; the longest matching prefix wins.
    pub mirrors: Mirrors,
    pub downloads: Downloads,
    pub transfers: Transfers,
    /// URL of a download -> what its file must be, in place of what the library or the recipe says.
    pub checksums: BTreeMap<String, Checksum>,
    pub engine: EngineConfig,
}

/// `[transfers]`: what bounds a pull or a push.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Transfers {
    /// What one pull or push may take in all, with what is tried again.
    pub timeout: Timeout,
}

impl Default for Transfers {
    fn default() -> Transfers {
        Transfers { timeout: Timeout::of_seconds(2 * 60 * 60).expect("it is not 0") }
    }
}

impl Transfers {
    pub fn timeout(&self) -> Duration {
        self.timeout.duration()
    }
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EngineConfig {
    /// The engine's address, as in `DOCKER_HOST`.
    pub host: Option<String>,
    /// Start a private engine when no other answers; true unless set.
    pub private: Option<bool>,
}
