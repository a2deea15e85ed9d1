//! Settings of a project: `f3s.toml` under environment variables (`F3S_*`) under flags. Flags are merged by `cli`.

mod mirrors;

pub use mirrors::{Mirrors, Original, Replacement};

use serde::Deserialize;

/// Every field is optional in the file; an unknown field is an error.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The prefix of every image that `push()` sends: `registry.example.com/team`.
    pub registry: Option<String>,
    /// Glob patterns of recipes, relative to the project; `["scripts/*.rhai"]` when empty.
    pub recipes: Vec<String>,
    /// How many images are built at the same time; the number of processors when `None`.
    pub jobs: Option<usize>,
    /// The network of build steps: `default`, `host` or `none`.
    pub network: Option<String>,
    /// URL prefix -> URL prefix; the longest matching prefix wins.
    pub mirrors: Mirrors,
    pub engine: EngineConfig,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EngineConfig {
    /// The engine's address, as in `DOCKER_HOST`.
    pub host: Option<String>,
    /// Start a private engine when no other answers; true unless set.
    pub private: Option<bool>,
}
