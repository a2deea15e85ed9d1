//! The way to an engine: its address, connections to it, and what is sent over one of its own, past bollard. Logins of registries.

pub mod credentials;
mod ssh;
mod tls;

use std::fmt;
use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::{Request, Response, StatusCode, Uri};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use url::Url;

use crate::http::is_loopback;

pub use ssh::SshTarget;
pub use tls::Certificates;

/// How long an engine may take to accept a connection, and to say who it is.
const PATIENCE: Duration = Duration::from_secs(5);
/// `ssh` looks up, connects, exchanges keys and starts a program first.
const SSH_PATIENCE: Duration = Duration::from_secs(20);
/// Where engines listen by convention, without and with TLS.
const PORT: u16 = 2375;
const TLS_PORT: u16 = 2376;

/// Where an engine listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    Unix(PathBuf),
    /// `host:port`, without TLS.
    Tcp(String),
    /// `host:port`, with TLS.
    Tls(String, Certificates),
    /// A host whose `docker` command reaches the engine.
    Ssh(SshTarget),
}

impl Address {
    /// Reads what stands in `DOCKER_HOST`. TCP is spoken with TLS where certificates are given.
    pub fn parse(text: &str, certificates: Option<Certificates>) -> Result<Address, String> {
        let tcp = ["tcp://", "http://", "https://"].iter().find_map(|scheme| text.strip_prefix(scheme));
        if let Some(path) = text.strip_prefix("unix://").or_else(|| text.starts_with('/').then_some(text)) {
            return Ok(Address::Unix(path.into()));
        }
        if let Some(host) = tcp {
            let with_port = |port: u16| match host.trim_end_matches('/') {
                host if host.rsplit(']').next().unwrap_or(host).contains(':') => host.to_owned(),
                host => format!("{host}:{port}"),
            };
            return Ok(match certificates {
                Some(certificates) => Address::Tls(with_port(TLS_PORT), certificates),
                None => Address::Tcp(with_port(PORT)),
            });
        }
        if let Some(target) = text.strip_prefix("ssh://") {
            return SshTarget::parse(target).map(Address::Ssh);
        }
        Err(format!("`{text}` is no address of an engine: write unix:///PATH, tcp://HOST:PORT or ssh://USER@HOST"))
    }

    /// Whether this machine's loopback is the engine's, too, as far as the address tells.
    pub fn is_here(&self) -> bool {
        match self {
            Address::Unix(_) => true,
            Address::Tcp(host) | Address::Tls(host, _) => {
                Url::parse(&format!("http://{host}/")).is_ok_and(|url| is_loopback(&url))
            }
            Address::Ssh(_) => false,
        }
    }

    /// How long the engine may take to accept a connection, and to say who it is.
    pub fn patience(&self) -> Duration {
        match self {
            Address::Unix(_) | Address::Tcp(_) | Address::Tls(..) => PATIENCE,
            Address::Ssh(_) => SSH_PATIENCE,
        }
    }

    /// The error of one that took longer.
    pub fn is_silent(&self) -> io::Error {
        let message = format!("no answer within {} seconds", self.patience().as_secs());
        io::Error::new(io::ErrorKind::TimedOut, message)
    }

    async fn dial(&self) -> io::Result<Box<dyn Duplex>> {
        let connect = async {
            Ok(match self {
                Address::Unix(path) => Box::new(UnixStream::connect(path).await?) as Box<dyn Duplex>,
                Address::Tcp(host) => Box::new(TcpStream::connect(host).await?),
                Address::Tls(host, certificates) => Box::new(certificates.connect(host).await?),
                // Whether anybody answers is known with the first byte.
                Address::Ssh(target) => Box::new(target.connect()?),
            })
        };
        tokio::time::timeout(self.patience(), connect).await.unwrap_or_else(|_| Err(self.is_silent()))
    }

    /// Makes connections for a client that keeps a pool of them.
    pub fn connector(&self) -> Connector {
        Connector(self.clone())
    }

    /// Sends one request over a connection of its own.
    pub async fn send(&self, request: Request<Full<Bytes>>) -> io::Result<Response<Incoming>> {
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(self.dial().await?)).await.map_err(io::Error::other)?;
        tokio::spawn(connection.with_upgrades());
        sender.send_request(request).await.map_err(io::Error::other)
    }

    /// Turns a connection into a two-way stream, as dockerd's `/grpc` and `/session` do.
    pub async fn upgrade(&self, path: &str, headers: &[(&str, String)]) -> io::Result<Box<dyn Duplex>> {
        let request = headers.iter().fold(
            Request::post(path).header("Host", "docker").header("Connection", "Upgrade").header("Upgrade", "h2c"),
            |request, (name, value)| request.header(*name, value),
        );
        let request = request.body(Full::default()).map_err(io::Error::other)?;
        let answer = tokio::time::timeout(self.patience(), self.send(request)).await;
        let response = answer.unwrap_or_else(|_| Err(self.is_silent()))?;
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            let message = format!("the engine answered {} to `{path}`", response.status());
            return Err(io::Error::new(io::ErrorKind::Unsupported, message));
        }
        let upgraded = hyper::upgrade::on(response).await.map_err(io::Error::other)?;
        Ok(Box::new(TokioIo::new(upgraded)))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Unix(path) => write!(f, "unix://{}", path.display()),
            Address::Tcp(host) | Address::Tls(host, _) => write!(f, "tcp://{host}"),
            Address::Ssh(target) => write!(f, "ssh://{target}"),
        }
    }
}

/// A connection, whatever carries it.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

impl Connection for Box<dyn Duplex> {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl tonic::transport::server::Connected for Box<dyn Duplex> {
    type ConnectInfo = ();

    fn connect_info(&self) {}
}

#[derive(Clone)]
pub struct Connector(Address);

impl tower::Service<Uri> for Connector {
    type Response = TokioIo<Box<dyn Duplex>>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<io::Result<()>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let address = self.0.clone();
        Box::pin(async move { address.dial().await.map(TokioIo::new) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_docker_host_holds() {
        let shown = |text: &str| Address::parse(text, None).map(|address| address.to_string());
        assert_eq!(shown("unix:///run/docker.sock").unwrap(), "unix:///run/docker.sock");
        assert_eq!(shown("/run/docker.sock").unwrap(), "unix:///run/docker.sock");
        assert_eq!(shown("tcp://127.0.0.1").unwrap(), "tcp://127.0.0.1:2375");
        assert_eq!(shown("tcp://[::1]").unwrap(), "tcp://[::1]:2375");
        assert_eq!(shown("tcp://[::1]:80/").unwrap(), "tcp://[::1]:80");
        assert_eq!(shown("ssh://me@host:22").unwrap(), "ssh://me@host:22");
        assert!(shown("nonsense").is_err());
        let is_here = |text: &str| Address::parse(text, None).unwrap().is_here();
        assert!(
            ["unix:///d.sock", "tcp://127.0.0.1", "tcp://[::1]:80", "tcp://localhost:2375"].into_iter().all(is_here)
        );
        assert!(!["tcp://10.0.0.1:2375", "tcp://build:2375", "ssh://me@localhost"].into_iter().any(is_here));
        let secure = Address::parse("tcp://docker", Some(Certificates::in_folder("/certs".into()))).unwrap();
        assert_eq!(secure, Address::Tls("docker:2376".to_owned(), Certificates::in_folder("/certs".into())));
    }
}
