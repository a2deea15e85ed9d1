//! Image references: `[REGISTRY/]NAME[:TAG][@DIGEST]`, after the grammar of the distribution project
//! (github.com/distribution/reference, `regexp.go`).

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

/// The registry host of f3s's own references, and of those below it. Nobody can own it (RFC 2606).
pub const RESERVED_HOST: &str = "f3s.invalid";

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImageRef {
    /// `host[:port]`; `None` means Docker Hub.
    pub registry: Option<String>,
    /// Path components joined by `/`: `alpine`, `f3s-tcr/jmeter-base`.
    pub name: String,
    pub tag: Option<String>,
    /// `sha256:` and 64 hexadecimal digits.
    pub digest: Option<String>,
}

impl ImageRef {
    /// The reference without tag and digest.
    pub fn repository(&self) -> String {
        match &self.registry {
            Some(registry) => format!("{registry}/{}", self.name),
            None => self.name.clone(),
        }
    }

    /// The same repository under another tag.
    #[must_use]
    pub fn with_tag(&self, tag: &str) -> ImageRef {
        ImageRef { tag: Some(tag.to_owned()), digest: None, ..self.clone() }
    }

    /// True for what may stand behind `:`.
    pub fn is_tag(text: &str) -> bool {
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        text.len() <= 128
            && text.chars().enumerate().all(|(i, c)| word(c) || (i > 0 && matches!(c, '.' | '-')))
            && !text.is_empty()
    }

    /// True for one or more path components: `alpine`, `library/alpine`.
    pub fn is_name(text: &str) -> bool {
        !text.is_empty() && text.len() <= 255 && text.split('/').all(is_component)
    }
}

/// `host` or `host:port`; an IPv6 address stands in brackets.
fn is_host(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (text, None),
    };
    let name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let valid = match address {
        Some(address) => address.chars().all(|c| c.is_ascii_hexdigit() || c == ':'),
        None => !host.is_empty() && host.chars().all(name),
    };
    valid && port.is_none_or(|port| port.parse::<u16>().is_ok())
}

/// Lower-case letters and digits, with `.`, `_`, `__` or dashes between them.
fn is_component(text: &str) -> bool {
    let alphanumeric = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    text.starts_with(alphanumeric)
        && text.ends_with(alphanumeric)
        && text
            .split(alphanumeric)
            .all(|separator| matches!(separator, "" | "." | "_" | "__") || separator.chars().all(|c| c == '-'))
}

impl FromStr for ImageRef {
    type Err = String;

    /// The error is a phrase that says what is wrong: "the tag `..` is not valid".
    fn from_str(text: &str) -> Result<Self, String> {
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => {
                let hex = digest.strip_prefix("sha256:").unwrap_or_default();
                if hex.len() != 64 || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
                    return Err(format!("the digest `{digest}` is not `sha256:` and 64 hexadecimal digits"));
                }
                (rest, Some(digest.to_owned()))
            }
            None => (text, None),
        };
        let (registry, rest) = match rest.split_once('/') {
            Some((host, rest)) if host.contains(['.', ':']) || host == "localhost" => (Some(host.to_owned()), rest),
            _ => (None, rest),
        };
        if let Some(host) = registry.as_deref().filter(|host| !is_host(host)) {
            return Err(format!("the registry `{host}` is not valid: write `host` or `host:port`"));
        }
        let is_reserved = |host: &str| {
            let host = host.split(':').next().unwrap_or_default().to_ascii_lowercase();
            host.strip_suffix(RESERVED_HOST).is_some_and(|above| above.is_empty() || above.ends_with('.'))
        };
        if let Some(host) = registry.as_deref().filter(|host| is_reserved(host)) {
            return Err(format!("the registry `{host}` is f3s's own: its internal references are called so"));
        }
        let (name, tag) = match rest.split_once(':') {
            Some((name, tag)) => (name, Some(tag)),
            None => (rest, None),
        };
        if name.is_empty() {
            return Err("the image name is empty".to_owned());
        }
        if !ImageRef::is_name(name) {
            let upper = name.chars().any(|c| c.is_ascii_uppercase());
            let remedy = if upper { ": use lower case" } else { "" };
            return Err(format!("the image name `{name}` is not valid{remedy}"));
        }
        if let Some(tag) = tag.filter(|tag| !ImageRef::is_tag(tag)) {
            return Err(format!("the tag `{tag}` is not valid"));
        }
        Ok(ImageRef { registry, name: name.to_owned(), tag: tag.map(str::to_owned), digest })
    }
}

impl fmt::Display for ImageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.repository())?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

impl Serialize for ImageRef {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_prints_references() {
        for text in ["alpine:3.13", "localhost/a:b", "127.0.0.1:5000/team/jmeter-base:latest", "a.b.c/x__y/z-9"] {
            assert_eq!(text.parse::<ImageRef>().unwrap().to_string(), text);
        }
        let port: ImageRef = "127.0.0.1:5000/a".parse().unwrap();
        assert_eq!((port.registry.as_deref(), port.tag), (Some("127.0.0.1:5000"), None));
    }

    #[test]
    fn says_what_is_wrong() {
        let error = |text: &str| text.parse::<ImageRef>().unwrap_err();
        assert_eq!(error("Alpine:3"), "the image name `Alpine` is not valid: use lower case");
        assert_eq!(error("alpine:-3"), "the tag `-3` is not valid");
        assert_eq!(error(""), "the image name is empty");
        assert!(error("a@sha256:12").starts_with("the digest"));
        assert!(error("evil.com\nRUN x/y:1").starts_with("the registry"));
        assert!(error("a b.c/d").starts_with("the registry"));
        for own in ["f3s.invalid/a:1", "built.f3s.invalid/a:1", "F3S.invalid:80/a"] {
            assert!(error(own).contains("is f3s's own"), "{own}");
        }
        assert!("notf3s.invalid/a:1".parse::<ImageRef>().is_ok());
        assert!("[::1]:5000/a".parse::<ImageRef>().is_ok());
        assert!("a--b/c___d".parse::<ImageRef>().is_err());
    }
}
