//! Connections to a registry: HTTP to this machine, HTTPS to others, kept open and few.

use std::io;
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION, USER_AGENT};
use hyper::{Method, Request, Response, StatusCode, Uri, Version};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::sync::{OnceCell, Semaphore};
use url::Url;

use super::error::Error;
use super::trust::Trust;
use crate::http::is_loopback;

/// Requests at the same time: each has a connection of its own in HTTP/1, and shares one in HTTP/2.
const CONNECTIONS: usize = 8;
const STREAMS: usize = 32;

const CONNECT: Duration = Duration::from_secs(2);

/// What a manifest may be long, by the distribution specification.
const LONGEST: usize = 4 << 20;

const MOST_REDIRECTS: usize = 5;

/// The whole answer to a request.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// Another host gave it, to which the registry sent f3s.
    pub is_of_another: bool,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Question {
    pub method: Method,
    pub url: Url,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Question {
    pub fn new(method: Method, url: Url) -> Question {
        Question { method, url, headers: HeaderMap::new(), body: Bytes::new() }
    }

    pub fn header(mut self, name: hyper::header::HeaderName, value: HeaderValue) -> Question {
        self.headers.insert(name, value);
        self
    }

    pub fn form(mut self, body: String) -> Question {
        self.body = Bytes::from(body);
        self.header(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"))
    }
}

/// A client by https.
type Secure = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// All connections for the sake of one registry.
pub struct Connections {
    /// `host[:port]`, as references write it.
    registry: String,
    plain: Client<HttpConnector, Full<Bytes>>,
    /// Made when it is needed: it reads the certificates of the system.
    secure: OnceCell<Result<Secure, Error>>,
    trust: Trust,
    places: Semaphore,
    widened: std::sync::Once,
    /// How long an answer may take.
    patience: Duration,
}

impl Connections {
    pub fn new(registry: &str, trust: Trust, patience: Duration) -> Connections {
        Connections {
            registry: registry.to_owned(),
            plain: Client::builder(TokioExecutor::new()).build(connector()),
            secure: OnceCell::new(),
            trust,
            places: Semaphore::new(CONNECTIONS),
            widened: std::sync::Once::new(),
            patience,
        }
    }

    /// Sends a request, also to where the registry says, and reads the answer. A login goes to the registry's own host only, and
    /// what was asked by HTTPS is not asked by HTTP.
    pub async fn ask(&self, question: &Question) -> Result<Answer, Error> {
        let mut question = question.clone();
        let origin = question.url.origin();
        for _ in 0..=MOST_REDIRECTS {
            let mut answer = self.send(&question).await?;
            answer.is_of_another = question.url.origin() != origin;
            let to = match answer.status.as_u16() {
                301 | 302 | 303 | 307 | 308 => answer.header(LOCATION.as_str()),
                _ => None,
            };
            let Some(to) = to else { return Ok(answer) };
            let next = question.url.join(to).ok().filter(|next| may_lead(&question.url, next));
            let next =
                next.ok_or_else(|| Error::Failed(format!("it is redirected to `{to}`, which f3s does not ask")))?;
            question.url = next;
            if question.url.origin() != origin {
                question.headers.remove(AUTHORIZATION);
            }
        }
        Err(Error::Failed(format!("it is redirected more than {MOST_REDIRECTS} times")))
    }

    async fn send(&self, question: &Question) -> Result<Answer, Error> {
        let _place = self.places.acquire().await.expect("never closed");
        let uri: Uri =
            question.url.as_str().parse().map_err(|_| Error::Failed("it has no valid address".to_owned()))?;
        let mut request = Request::new(Full::new(question.body.clone()));
        (*request.method_mut(), *request.uri_mut()) = (question.method.clone(), uri);
        *request.headers_mut() = question.headers.clone();
        let agent = HeaderValue::from_static(concat!("f3s/", env!("CARGO_PKG_VERSION")));
        request.headers_mut().insert(USER_AGENT, agent);
        let exchange = async {
            let response = match question.url.scheme() {
                "http" => self.plain.request(request).await,
                _ => self.secure().await?.request(request).await,
            };
            self.read(response.map_err(|error| Error::Unreachable(innermost(&error)))?).await
        };
        let late = || Error::Silent(format!("it has said nothing for {} s", self.patience.as_secs_f32()));
        tokio::time::timeout(self.patience, exchange).await.unwrap_or_else(|_| Err(late()))
    }

    async fn read(&self, response: Response<Incoming>) -> Result<Answer, Error> {
        if response.version() == Version::HTTP_2 {
            self.widened.call_once(|| self.places.add_permits(STREAMS - CONNECTIONS));
        }
        let (head, body) = response.into_parts();
        let body = Limited::new(body, LONGEST).collect().await;
        let body = body.map_err(|error| Error::Unreachable(innermost(&*error)))?.to_bytes();
        Ok(Answer { status: head.status, headers: head.headers, body, is_of_another: false })
    }

    async fn secure(&self) -> Result<&Secure, Error> {
        let make = || async {
            let (trust, registry) = (self.trust.clone(), self.registry.clone());
            let config = tokio::task::spawn_blocking(move || trust.config(&registry)).await;
            let config = config.map_err(io::Error::other).flatten();
            let config = config.map_err(|error| Error::Unreachable(format!("TLS: {error}")))?;
            let secure =
                HttpsConnectorBuilder::new().with_tls_config(config).https_only().enable_http1().enable_http2();
            Ok(Client::builder(TokioExecutor::new()).build(secure.wrap_connector(connector())))
        };
        self.secure.get_or_init(make).await.as_ref().map_err(Error::clone)
    }
}

fn connector() -> HttpConnector {
    let mut connector = HttpConnector::new();
    connector.set_connect_timeout(Some(CONNECT));
    connector.set_nodelay(true);
    connector.enforce_http(false);
    connector
}

/// What may be asked on the word of another address. Nobody but this machine sends f3s to this machine.
pub fn may_lead(from: &Url, to: &Url) -> bool {
    match to.scheme() {
        "https" => is_loopback(from) || !is_loopback(to),
        "http" => from.scheme() == "http" && is_loopback(to),
        _ => false,
    }
}

/// The error behind the others: `connection refused`.
fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut error = error;
    while let Some(cause) = error.source() {
        error = cause;
    }
    error.to_string()
}
