//! Settings of a project: `f3s.toml` under environment variables (`F3S_*`) under flags. Flags are merged by `cli`.

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

/// URL prefixes and what stands in their place.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(transparent)]
pub struct Mirrors(pub std::collections::BTreeMap<String, String>);

impl Mirrors {
    /// The URL with its longest matching prefix replaced; unchanged when none matches.
    pub fn rewrite(&self, url: &str) -> String {
        self.0
            .iter()
            .filter(|(from, _)| url.starts_with(from.as_str()))
            .max_by_key(|(from, _)| from.len())
            .map_or_else(|| url.to_owned(), |(from, to)| format!("{to}{}", &url[from.len()..]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_prefix_wins() {
        let mirrors = Mirrors(
            [("https://a/", "http://m/a/"), ("https://a/b/", "http://n/")].map(|(k, v)| (k.into(), v.into())).into(),
        );
        assert_eq!(mirrors.rewrite("https://a/b/c"), "http://n/c");
        assert_eq!(mirrors.rewrite("https://a/c"), "http://m/a/c");
        assert_eq!(mirrors.rewrite("https://x/c"), "https://x/c");
    }
}
