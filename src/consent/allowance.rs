//! What the user allows, in the words of `--allow`.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::Deserialize;

use super::wish::Wish;
use crate::folders;

/// One thing that the user allows.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Allowance {
    /// An engine that only the project's settings name.
    Engine,
    /// The network of the engine's host.
    HostNetwork,
    /// The ssh agent.
    Ssh,
    /// A file, or a folder with all below it.
    Read(PathBuf),
}

impl Allowance {
    /// The words that take no path.
    pub const WORDS: [&str; 3] = ["engine", "network.host", "ssh"];

    pub fn covers(&self, wish: &Wish) -> bool {
        match (self, wish) {
            (Allowance::Engine, Wish::Engine(_))
            | (Allowance::HostNetwork, Wish::HostNetwork)
            | (Allowance::Ssh, Wish::Ssh) => true,
            // Both by where their links lead.
            (Allowance::Read(allowed), Wish::Read(path)) => path.starts_with(resolved(allowed)),
            (
                Allowance::Engine | Allowance::HostNetwork | Allowance::Ssh | Allowance::Read(_),
                Wish::Engine(_) | Wish::HostNetwork | Wish::Ssh | Wish::Read(_) | Wish::Variable(_),
            ) => false,
        }
    }
}

impl Wish {
    /// What allows it; `None` for what needs no consent.
    pub fn allowance(&self) -> Option<Allowance> {
        match self {
            Wish::Engine(_) => Some(Allowance::Engine),
            Wish::HostNetwork => Some(Allowance::HostNetwork),
            Wish::Ssh => Some(Allowance::Ssh),
            Wish::Read(path) => Some(Allowance::Read(path.clone())),
            Wish::Variable(_) => None,
        }
    }
}

fn resolved(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

impl FromStr for Allowance {
    type Err = String;

    fn from_str(text: &str) -> Result<Allowance, String> {
        match (text, text.strip_prefix("read=")) {
            ("engine", _) => Ok(Allowance::Engine),
            ("network.host", _) => Ok(Allowance::HostNetwork),
            ("ssh", _) => Ok(Allowance::Ssh),
            (_, Some(path)) if !path.is_empty() => {
                let home = path.strip_prefix("~/").and_then(|rest| Some(folders::home()?.join(rest)));
                let path = std::path::absolute(home.unwrap_or_else(|| PathBuf::from(path)));
                path.map(Allowance::Read).map_err(|error| error.to_string())
            }
            _ => Err("write `engine`, `network.host`, `ssh` or `read=PATH`".to_owned()),
        }
    }
}

impl TryFrom<String> for Allowance {
    type Error = String;

    fn try_from(text: String) -> Result<Allowance, String> {
        text.parse().map_err(|error| format!("`{text}` cannot be allowed: {error}"))
    }
}

impl fmt::Display for Allowance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Allowance::Engine => f.write_str("engine"),
            Allowance::HostNetwork => f.write_str("network.host"),
            Allowance::Ssh => f.write_str("ssh"),
            Allowance::Read(path) => write!(f, "read={}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_covers_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().canonicalize().unwrap();
        std::fs::create_dir(folder.join("real")).unwrap();
        std::os::unix::fs::symlink("real", folder.join("link")).unwrap();
        let allowed = |text: &str, wish: &Wish| text.parse::<Allowance>().unwrap().covers(wish);
        let wishes = [Wish::Engine("tcp://x".to_owned()), Wish::HostNetwork, Wish::Ssh, Wish::Read("/a/b".into())];
        for (text, own) in ["engine", "network.host", "ssh", "read=/a"].iter().zip(0..) {
            for (number, wish) in wishes.iter().enumerate() {
                assert_eq!(allowed(text, wish), number == own, "{text} {wish:?}");
            }
        }
        let of = |path: &str| Wish::Read(folder.join(path));
        let link = format!("read={}", folder.join("link").display());
        assert!(allowed(&link, &of("real/x")) && !allowed(&link, &of("really")) && !allowed(&link, &of("x")));
        for text in ["", "read=", "read", "network", "all", "ssh "] {
            assert!(text.parse::<Allowance>().is_err(), "{text}");
        }
    }
}
