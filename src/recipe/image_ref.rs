//! Image references: `[REGISTRY/]NAME[:TAG][@DIGEST]`, after the grammar of the distribution project
//! (github.com/distribution/reference, `regexp.go` and `normalize.go` of v0.6).

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
    /// `sha256:` and 64 hexadecimal digits, or `sha512:` and 128.
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

    /// As engines list it: one image of Docker Hub has one name.
    fn familiar(self) -> ImageRef {
        if !self.registry.as_deref().is_none_or(|registry| HUB.contains(&registry)) {
            return self;
        }
        let name = match self.name.strip_prefix(OFFICIAL) {
            Some(name) if !name.contains('/') => name.to_owned(),
            _ => self.name,
        };
        ImageRef { registry: None, name, ..self }
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

    /// True for what is the host of a registry where it stands before the first `/`: only hosts have capitals.
    pub fn is_registry(text: &str) -> bool {
        text.contains(['.', ':']) || text == "localhost" || text.contains(|c: char| c.is_ascii_uppercase())
    }

    /// True for one or more path components: `alpine`, `library/alpine`.
    pub fn is_name(text: &str) -> bool {
        !text.is_empty() && text.len() <= 255 && text.split('/').all(is_component)
    }
}

/// Docker Hub, and the name that it had before.
const HUB: [&str; 2] = ["docker.io", "index.docker.io"];
/// What stands before the names of Docker Hub's own images, and is left out where people read them.
const OFFICIAL: &str = "library/";

/// `host` or `host:port`; an IPv6 address stands in brackets, without a zone.
fn is_host(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (text, None),
    };
    let name = |part: &str| {
        let inner = |c: char| c.is_ascii_alphanumeric() || c == '-';
        !part.is_empty() && part.chars().all(inner) && !part.starts_with('-') && !part.ends_with('-')
    };
    let valid = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => !address.is_empty() && address.chars().all(|c| c.is_ascii_hexdigit() || c == ':'),
        None => host.split('.').all(name),
    };
    // The grammar allows any number; no port is larger than this.
    let number = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok();
    valid && port.is_none_or(number)
}

/// An algorithm that registries know, and as many digits as it gives.
fn is_digest(text: &str) -> bool {
    let digits = text.split_once(':').and_then(|(algorithm, digits)| match algorithm {
        "sha256" => Some((digits, 64)),
        "sha384" => Some((digits, 96)),
        "sha512" => Some((digits, 128)),
        _ => None,
    });
    digits.is_some_and(|(digits, count)| crate::digest::is_hexadecimal(digits, count))
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
                if !is_digest(digest) {
                    let forms = "`sha256:` and 64, or `sha512:` and 128 hexadecimal digits in lower case";
                    return Err(format!("the digest `{digest}` is not {forms}"));
                }
                (rest, Some(digest.to_owned()))
            }
            None => (text, None),
        };
        let (registry, rest) = match rest.split_once('/') {
            Some((host, rest)) if ImageRef::is_registry(host) => (Some(host.to_owned()), rest),
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
        if is_digest(&format!("sha256:{text}")) {
            return Err("64 hexadecimal digits are an id, and no name".to_owned());
        }
        Ok(ImageRef { registry, name: name.to_owned(), tag: tag.map(str::to_owned), digest }.familiar())
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
        assert_eq!(error(&"a".repeat(64)), "64 hexadecimal digits are an id, and no name");
    }

    /// Registry, name, tag and digest.
    fn parts(text: &str) -> Option<[String; 4]> {
        let image = text.parse::<ImageRef>().ok()?;
        let optional = |part: Option<String>| part.unwrap_or_default();
        Some([optional(image.registry), image.name, optional(image.tag), optional(image.digest)])
    }

    #[test]
    fn takes_what_docker_takes() {
        let (short, long) = (format!("sha256:{}", "f".repeat(64)), format!("sha512:{}", "0a".repeat(64)));
        let deep = format!("h.io/{}a", "a/".repeat(127));
        for (text, registry, name, tag, digest) in [
            ("under_score", "", "under_score", "", ""),
            // Without a `/` there is no registry.
            ("host.com:v", "", "host.com", "v", ""),
            ("host.com:5000", "", "host.com", "5000", ""),
            ("192.168.1.1:5000", "", "192.168.1.1", "5000", ""),
            ("under_score.com:8080", "", "under_score.com", "8080", ""),
            ("host.com/r:v", "host.com", "r", "v", ""),
            ("host:5000/r", "host:5000", "r", "", ""),
            ("host:5000/r:v", "host:5000", "r", "v", ""),
            ("192.168.1.1/r", "192.168.1.1", "r", "", ""),
            ("192.168.1.1:5000/r:5050", "192.168.1.1:5000", "r", "5050", ""),
            ("a-b.c.com/d/e/f:a-long-tag", "a-b.c.com", "d/e/f", "a-long-tag", ""),
            ("gcr.io/x.example.com/app:x.example.com", "gcr.io", "x.example.com/app", "x.example.com", ""),
            ("xn--n3h.com/r:xn--n3h.com", "xn--n3h.com", "r", "xn--n3h.com", ""),
            ("localhost/a:b", "localhost", "a", "b", ""),
            ("lower:UPPER", "", "lower", "UPPER", ""),
            // Only hosts have capitals.
            ("Host/lower:v", "Host", "lower", "v", ""),
            ("HOST.Example.COM:80/lower", "HOST.Example.COM:80", "lower", "", ""),
            ("a/under_score.com:8080", "", "a/under_score.com", "8080", ""),
            ("a.b.c/x__y/z-9/d--e", "a.b.c", "x__y/z-9/d--e", "", ""),
            ("[2001:db8::1]/r", "[2001:db8::1]", "r", "", ""),
            ("[2001:db8:1:2:3:4:5:6]/r:v", "[2001:db8:1:2:3:4:5:6]", "r", "v", ""),
            ("[2001:db8::]:5000/r", "[2001:db8::]:5000", "r", "", ""),
            ("[::1]:5000/r:v", "[::1]:5000", "r", "v", ""),
            (&*format!("host:5000/r@{short}"), "host:5000", "r", "", &*short),
            (&*format!("[::1]:5000/r:v@{short}"), "[::1]:5000", "r", "v", &*short),
            (&*format!("xn--7o8h.com/r:v@{long}"), "xn--7o8h.com", "r", "v", &*long),
            (&*deep, "h.io", &deep[5..], "", ""),
        ] {
            let expected = [registry, name, tag, digest].map(str::to_owned);
            assert_eq!(parts(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn refuses_what_docker_refuses() {
        let (short, upper) = (format!("r@sha256:{}", "f".repeat(34)), format!("r@sha256:{}", "F".repeat(64)));
        let (other, twice) = (format!("r@md5:{}", "f".repeat(64)), format!("{short}@{short}"));
        let (deep, alone) = (format!("h.io/{}a:v", "a/".repeat(128)), format!("@sha256:{}", "f".repeat(64)));
        let tag = format!("r:{}", "a".repeat(129));
        let texts = [
            "",
            ":v",
            "Upper:v",
            "host:5000/Upper/lower:v",
            "aa/as$^/aa",
            "[2001:db8::1]",
            "[2001:db8::1]:5000",
            "[2001:db8::1]:v",
            "[fe80::1%eth0]:5000/r",
            "[fe80::1%@zone]:5000/r",
            "[]:5000/a:1",
            "[::1/a:1",
            "::1/a:1",
            "foo..com/a:1",
            ".foo.com/a:1",
            "foo.com./a:1",
            "-foo.com/a:1",
            "foo-.com/a:1",
            "foo_bar.com/a:1",
            "foo.com:+80/a:1",
            "foo.com:/a:1",
            "foo.com:80:90/a:1",
            "foo.com:x/a:1",
            "foo.com/a:1:2",
            "foo.com//a:1",
            "foo.com/a/:1",
            "/a:1",
            "a//b",
            "a___b/c",
            "a..b/c",
            "a-/b",
            "-a/b",
            "a:",
            "a@",
            "a:-v",
            "a:.v",
            " a",
            "a b",
            "a\n",
            "a.b/\u{e4}:1",
            "\u{e4}.com/a:1",
            "https://a.com/b:1",
        ];
        for text in texts.into_iter().chain([&*short, &upper, &other, &twice, &deep, &alone, &tag]) {
            assert_eq!(parts(text), None, "{text}");
        }
    }

    #[test]
    fn an_image_of_docker_hub_has_one_name() {
        for text in [
            "alpine:3",
            "library/alpine:3",
            "docker.io/alpine:3",
            "docker.io/library/alpine:3",
            "index.docker.io/library/alpine:3",
        ] {
            assert_eq!(text.parse::<ImageRef>().unwrap().to_string(), "alpine:3", "{text}");
        }
        for text in ["me/app:1", "docker.io/me/app:1", "index.docker.io/me/app:1"] {
            assert_eq!(text.parse::<ImageRef>().unwrap().to_string(), "me/app:1", "{text}");
        }
        for text in ["library/a/b:1", "quay.io/library/a:1", "registry-1.docker.io/library/a:1"] {
            assert_eq!(text.parse::<ImageRef>().unwrap().to_string(), text);
        }
    }
}
