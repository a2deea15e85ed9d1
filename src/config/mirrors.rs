//! Mirrors: URL prefixes and what stands in their place. Both are URLs of schemes that only fetch: what a mirror leads to
//! reaches `git` and the network.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::recipe::address::{self, REPOSITORY_SCHEMES};

/// URL prefixes and what stands in their place.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(transparent)]
pub struct Mirrors(BTreeMap<Original, Replacement>);

/// What a URL begins with that is fetched from elsewhere: at least its scheme.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct Original(String);

/// What stands in its place: at least a scheme and a host.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Replacement(String);

impl Mirrors {
    /// The URL with its longest matching prefix replaced; unchanged when none matches.
    pub fn rewrite(&self, url: &str) -> String {
        self.0
            .iter()
            .filter(|(from, _)| url.starts_with(&from.0))
            .max_by_key(|(from, _)| from.0.len())
            .map_or_else(|| url.to_owned(), |(from, to)| format!("{}{}", to.0, &url[from.0.len()..]))
    }

    /// Further mirrors, which win over those of the same prefix.
    pub fn extend(&mut self, others: impl IntoIterator<Item = (Original, Replacement)>) {
        self.0.extend(others);
    }
}

impl TryFrom<String> for Original {
    type Error = String;

    fn try_from(text: String) -> Result<Original, String> {
        if has_scheme(&text) { Ok(Original(text)) } else { Err(is_none(&text)) }
    }
}

impl TryFrom<String> for Replacement {
    type Error = String;

    fn try_from(text: String) -> Result<Replacement, String> {
        if has_scheme(&text) && address::is_repository(&text) { Ok(Replacement(text)) } else { Err(is_none(&text)) }
    }
}

fn has_scheme(text: &str) -> bool {
    text.split_once("://").is_some_and(|(scheme, _)| REPOSITORY_SCHEMES.contains(&scheme))
}

fn is_none(text: &str) -> String {
    format!("`{}` is no URL of `http`, `https`, `ssh` or `git`", address::shown(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mirrors(pairs: &[(&str, &str)]) -> Mirrors {
        let pair = |(from, to): &(&str, &str)| {
            (Original::try_from((*from).to_owned()).unwrap(), Replacement::try_from((*to).to_owned()).unwrap())
        };
        Mirrors(pairs.iter().map(pair).collect())
    }

    #[test]
    fn the_longest_prefix_wins() {
        let mirrors = mirrors(&[("https://a/", "http://m/a/"), ("https://a/b/", "http://n/")]);
        assert_eq!(mirrors.rewrite("https://a/b/c"), "http://n/c");
        assert_eq!(mirrors.rewrite("https://a/c"), "http://m/a/c");
        assert_eq!(mirrors.rewrite("https://x/c"), "https://x/c");
    }

    #[test]
    fn only_urls_that_fetch_are_mirrors() {
        let taken = ["http://m/", "https://me@m.example:8443/x/", "ssh://git@m/", "git://m", "https://[::1]:80/"];
        for text in taken {
            assert!(Replacement::try_from(text.to_owned()).is_ok(), "{text}");
        }
        let refused = [
            "--upload-pack=touch pwned; #",
            "-uhttps://m/",
            "ext::sh -c touch% pwned",
            "ext::https://m/",
            "file:///etc/",
            "/srv/mirror/",
            "git@m:x/",
            "HTTPS//m",
            "https://",
            "https:///x",
            "https://user@/x",
            "ssh://-oProxyCommand=touch/x",
            "ssh://-oProxyCommand=touch@m/x",
            "ssh://me@-oProxyCommand=touch/x",
            "https://m/a b",
            "https://m/\n",
            "",
        ];
        for text in refused {
            assert!(Replacement::try_from(text.to_owned()).is_err(), "{text}");
        }
        assert!(Original::try_from("https://".to_owned()).is_ok());
        for text in ["", "example.com/", "--x", "ext::x", "file://"] {
            assert!(Original::try_from(text.to_owned()).is_err(), "{text}");
        }
    }
}
