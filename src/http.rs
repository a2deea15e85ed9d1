//! What HTTP says the same to all who speak it.

use std::time::{Duration, SystemTime};

use url::{Host, Url};

/// True for an address of this machine.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// How long a server wants to be left alone, by its header `Retry-After`: seconds, or a time (RFC 9110, section 10.2.3).
pub fn retry_after(value: &str) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    httpdate::parse_http_date(value).ok()?.duration_since(SystemTime::now()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_name_seconds_or_a_time() {
        assert_eq!(retry_after(" 120 "), Some(Duration::from_secs(120)));
        let hour = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(3600));
        assert!(retry_after(&hour).is_some_and(|wait| wait.as_secs().abs_diff(3600) < 60));
        for none in ["", "soon", "-1", "Sun, 06 Nov 1994 08:49:37 GMT"] {
            assert_eq!(retry_after(none), None, "{none}");
        }
    }
}
