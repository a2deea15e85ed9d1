//! Asking a server for a file: over redirects, with the login of each host, and what its refusals mean.

use std::time::Duration;

use ureq::Body;
use ureq::http::{HeaderMap, Response};
use ureq::tls::{RootCerts, TlsConfig};
use url::Url;

use super::logins::{Login, Logins};
use super::partial::Start;
use super::retry::Failure;
use crate::diagnostic::Diagnostic;
use crate::http::retry_after;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
/// Whoever watches for stalls tells of them first; this ends the thread that still blocks.
const GRACE: Duration = Duration::from_secs(5);
const MOST_REDIRECTS: usize = 10;
/// The file has become shorter than the range that was asked for.
const RANGE_REFUSED: u16 = 416;

pub struct Request<'a> {
    /// Where mirrors lead.
    pub url: &'a Url,
    /// The same, for messages.
    pub shown: &'a str,
    pub logins: &'a Logins,
    /// How long one silence may be, and all of it.
    pub stall: Duration,
    pub left: Duration,
}

impl Request<'_> {
    /// The answer that has the file, whole or from `start` on; or that has no such part of it.
    pub fn send(&self, start: Option<&Start>) -> Result<Response<Body>, Failure> {
        let agent = self.agent();
        let mut url = self.url.clone();
        let own = Login::take_from(&mut url);
        let origin = url.origin();
        let mut seen = vec![url.clone()];
        loop {
            // A login goes to the host that it is of: each address is asked with its own, or with none.
            let own = own.clone().filter(|_| url.origin() == origin);
            let login = match own {
                Some(own) => Some(own),
                None => self.logins.of(&url).map_err(|why| self.failed(why))?,
            };
            let response = self.ask(&agent, &url, login.as_ref(), start)?;
            let status = response.status().as_u16();
            let to = match status {
                301 | 302 | 303 | 307 | 308 => header(response.headers(), "location"),
                _ => None,
            };
            let Some(to) = to else {
                let is_answer = status < 400 || (status == RANGE_REFUSED && start.is_some());
                return if is_answer { Ok(response) } else { Err(self.refused(&url, &response)) };
            };
            let next = self.redirected(&url, to)?;
            if seen.contains(&next) {
                return Err(self.failed(format!("its redirects go round in a circle, over `{next}`")));
            }
            if seen.len() > MOST_REDIRECTS {
                return Err(self.failed(format!("it is redirected more than {MOST_REDIRECTS} times")));
            }
            seen.push(next.clone());
            url = next;
        }
    }

    fn agent(&self) -> ureq::Agent {
        let tls = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build();
        ureq::Agent::config_builder()
            .tls_config(tls)
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            // A range of something packed would be no range of the file.
            .accept_encoding("identity")
            .timeout_global(Some(self.left))
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_recv_response(Some(self.stall + GRACE))
            .timeout_per_read(Some(self.stall + GRACE))
            .user_agent(concat!("f3s/", env!("CARGO_PKG_VERSION")))
            .build()
            .into()
    }

    fn ask(
        &self,
        agent: &ureq::Agent,
        url: &Url,
        login: Option<&Login>,
        start: Option<&Start>,
    ) -> Result<Response<Body>, Failure> {
        let mut request = agent.get(url.as_str());
        if let Some(login) = login {
            request = request.header("authorization", login.header());
        }
        if let Some(start) = start {
            request = request.header("range", format!("bytes={}-", start.offset));
            if let Some(validator) = &start.about.validator {
                request = request.header("if-range", validator);
            }
        }
        request.call().map_err(|error| self.broken(error))
    }

    fn redirected(&self, from: &Url, to: &str) -> Result<Url, Failure> {
        let mut next = from.join(to).map_err(|_| self.failed("it is redirected to what is no URL"))?;
        let _ = Login::take_from(&mut next);
        next.set_fragment(None);
        match next.scheme() {
            "http" | "https" => Ok(next),
            _ => Err(self.failed(format!("it is redirected to `{next}`, which is no URL of `http` or `https`"))),
        }
    }

    pub fn error(&self, why: impl std::fmt::Display) -> Diagnostic {
        Diagnostic::error(format!("`{}` cannot be downloaded: {why}", self.shown))
    }

    /// What trying again does not mend.
    fn failed(&self, why: impl std::fmt::Display) -> Failure {
        Failure::Final(self.error(why))
    }

    fn refused(&self, url: &Url, response: &Response<Body>) -> Failure {
        let code = response.status().as_u16();
        let answered = format!("the server answered {code}");
        match code {
            408 | 425 | 429 | 500..=599 => {
                let after = header(response.headers(), "retry-after").and_then(retry_after);
                return Failure::Passing { because: answered, after, advanced: false };
            }
            _ => {}
        }
        let error = self.error(answered);
        let host = url.host_str().unwrap_or_default();
        Failure::Final(match code {
            401 | 407 => error
                .hint(format!("a login for `{host}` can stand in `~/.netrc`, or below `[logins]` of your own `settings.toml`; it is sent to that host, by https only")),
            404 => error.hint("is the version right? Open the URL's folder to see what there is"),
            _ => error,
        })
    }

    fn broken(&self, error: ureq::Error) -> Failure {
        match error {
            ureq::Error::Io(error) => match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
                Some(tls) => self.insecure(tls),
                None => Failure::passing(error.to_string()),
            },
            ureq::Error::Rustls(error) => self.insecure(&error),
            ureq::Error::BadUri(why) => self.failed(why),
            ureq::Error::Http(error) => self.failed(error),
            error @ (ureq::Error::Tls(_)
            | ureq::Error::TlsRequired
            | ureq::Error::InvalidProxyUrl
            | ureq::Error::LargeResponseHeader(..)) => self.failed(error),
            ureq::Error::Timeout(_) => {
                Failure::passing(format!("the server has sent nothing for {} s", self.stall.as_secs()))
            }
            error => Failure::passing(error.to_string()),
        }
    }

    fn insecure(&self, error: &rustls::Error) -> Failure {
        match error {
            rustls::Error::InvalidCertificate(_) => Failure::Final(
                self.error(format!("its certificate is not trusted: {error}"))
                    .hint("a certificate authority of your own belongs among those of the system"),
            ),
            error => Failure::passing(format!("TLS: {error}")),
        }
    }
}

pub fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}
