//! How a registry asks for a login: `WWW-Authenticate`.

use hyper::header::{HeaderMap, WWW_AUTHENTICATE};
use url::Url;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Challenge {
    /// User and password with every request.
    Basic,
    /// A token with every request, which another service gives for user and password, or for nothing.
    Bearer { realm: Url, service: Option<String> },
}

impl Challenge {
    /// The one that f3s answers; a token is worth less to whoever steals it, so it goes before.
    pub fn of(headers: &HeaderMap) -> Option<Challenge> {
        let texts = headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
        let offered = texts.filter_map(|text| http_auth::parse_challenges(text).ok()).flatten();
        let mut basic = None;
        for challenge in offered {
            let param = |name: &str| {
                let found = challenge.params.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
                found.map(|(_, value)| value.to_unescaped())
            };
            if challenge.scheme.eq_ignore_ascii_case("Bearer")
                && let Some(realm) = param("realm").and_then(|realm| Url::parse(&realm).ok())
            {
                return Some(Challenge::Bearer { realm, service: param("service") });
            }
            if challenge.scheme.eq_ignore_ascii_case("Basic") {
                basic = Some(Challenge::Basic);
            }
        }
        basic
    }
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    fn read(texts: &[&str]) -> Option<Challenge> {
        let mut headers = HeaderMap::new();
        for text in texts {
            headers.append(WWW_AUTHENTICATE, HeaderValue::from_str(text).unwrap());
        }
        Challenge::of(&headers)
    }

    #[test]
    fn reads_what_registries_ask_with() {
        let bearer = |service: Option<&str>| {
            let realm = Url::parse("https://auth.example.com/token").unwrap();
            Some(Challenge::Bearer { realm, service: service.map(str::to_owned) })
        };
        let hub = r#"Bearer realm="https://auth.example.com/token",service="r",scope="repository:a/b:pull,push""#;
        assert_eq!(read(&[hub]), bearer(Some("r")));
        assert_eq!(read(&[r#"bearer Realm="https://auth.example.com/token""#]), bearer(None));
        assert_eq!(read(&[r#"Basic realm="r""#]), Some(Challenge::Basic));
        assert_eq!(read(&[r#"Basic realm="r""#, hub]), bearer(Some("r")));
        assert_eq!(read(&[r#"Negotiate, Basic realm="r""#]), Some(Challenge::Basic));
        for none in ["", "Bearer", r#"Bearer realm="/relative""#, "Digest realm=\"x\""] {
            assert_eq!(read(&[none]), None, "{none}");
        }
    }
}
