//! Where `push()` sends: what stands before the names of a project's images.

use std::fmt;
use std::ops::Deref;
use std::str::FromStr;

use serde::Deserialize;

use crate::recipe::{ImageRef, address};

/// A host with an optional path, or a path on Docker Hub: `registry.example.com/team`. Empty where an outer setting is switched
/// off.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Registry(String);

impl FromStr for Registry {
    type Err = String;

    fn from_str(text: &str) -> Result<Registry, String> {
        let prefix = text.trim_end_matches('/');
        if prefix.is_empty() && text.is_empty() {
            return Ok(Registry::default());
        }
        // With a name behind it, it is an image's.
        match format!("{prefix}/name").parse::<ImageRef>() {
            Ok(_) => Ok(Registry(prefix.to_owned())),
            Err(error) => Err(format!(
                "the registry `{}` makes no image reference: {error}; it is a host with an optional path and no scheme, such as `registry.example.com/team`",
                address::shown(text)
            )),
        }
    }
}

impl TryFrom<String> for Registry {
    type Error = String;

    fn try_from(text: String) -> Result<Registry, String> {
        text.parse()
    }
}

impl Deref for Registry {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makes_no_reference_is_no_registry() {
        for (text, prefix) in [
            ("r.example.com/team", "r.example.com/team"),
            ("127.0.0.1:5000/", "127.0.0.1:5000"),
            ("team", "team"),
            ("[::1]:5000/a/b", "[::1]:5000/a/b"),
            ("", ""),
        ] {
            assert_eq!(&*text.parse::<Registry>().unwrap(), prefix);
        }
        for text in [
            "-x",
            "a b/c",
            "https://r.example.com",
            "/",
            "r.example.com/Team",
            "r.example.com/a:1",
            "a@b",
            "f3s.invalid",
        ] {
            assert!(text.parse::<Registry>().unwrap_err().contains(text), "{text}");
        }
    }
}
