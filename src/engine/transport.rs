//! The engine's address, and raw connections to it: BuildKit's gRPC and pushes go past bollard.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tonic::transport::server::Connected;

/// How long an engine may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Where an engine listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    Unix(PathBuf),
    /// `host:port`, without TLS.
    Tcp(String),
}

impl Address {
    /// Reads what stands in `DOCKER_HOST`. The error says what f3s cannot speak.
    pub fn parse(text: &str) -> Result<Address, String> {
        let tcp = text.strip_prefix("tcp://").or_else(|| text.strip_prefix("http://"));
        if let Some(path) = text.strip_prefix("unix://") {
            return Ok(Address::Unix(path.into()));
        }
        if text.starts_with('/') {
            return Ok(Address::Unix(text.into()));
        }
        if let Some(host) = tcp {
            let host = host.trim_end_matches('/');
            return Ok(Address::Tcp(if host.contains(':') { host.to_owned() } else { format!("{host}:2375") }));
        }
        if let Some(host) = text.strip_prefix("ssh://") {
            return Err(format!(
                "f3s does not speak ssh: forward the socket with `ssh -nNT -L /tmp/engine.sock:/var/run/docker.sock {host}` and set DOCKER_HOST=unix:///tmp/engine.sock"
            ));
        }
        Err(format!("`{text}` is no address of an engine: write unix:///PATH or tcp://HOST:PORT"))
    }

    async fn dial(&self) -> io::Result<Box<dyn Duplex>> {
        let connect = async {
            Ok(match self {
                Address::Unix(path) => Box::new(UnixStream::connect(path).await?) as Box<dyn Duplex>,
                Address::Tcp(host) => Box::new(TcpStream::connect(host).await?),
            })
        };
        tokio::time::timeout(CONNECT_TIMEOUT, connect)
            .await
            .unwrap_or_else(|_| Err(io::Error::new(io::ErrorKind::TimedOut, "no answer within 5 seconds")))
    }

    /// Sends one request over a connection of its own.
    pub async fn send(&self, request: Request<Full<Bytes>>) -> io::Result<Response<Incoming>> {
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(self.dial().await?)).await.map_err(io::Error::other)?;
        tokio::spawn(connection.with_upgrades());
        sender.send_request(request).await.map_err(io::Error::other)
    }

    /// Turns a connection into a two-way stream, as dockerd's `/grpc` and `/session` do.
    pub async fn upgrade(&self, path: &str, headers: &[(&str, String)]) -> io::Result<Upgraded> {
        let request = headers.iter().fold(
            Request::post(path).header("Host", "docker").header("Connection", "Upgrade").header("Upgrade", "h2c"),
            |request, (name, value)| request.header(*name, value),
        );
        let request = request.body(Full::default()).map_err(io::Error::other)?;
        let response = self.send(request).await?;
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            let message = format!("the engine answered {} to `{path}`", response.status());
            return Err(io::Error::new(io::ErrorKind::Unsupported, message));
        }
        let upgraded = hyper::upgrade::on(response).await.map_err(io::Error::other)?;
        Ok(Upgraded(TokioIo::new(upgraded)))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Unix(path) => write!(f, "unix://{}", path.display()),
            Address::Tcp(host) => write!(f, "tcp://{host}"),
        }
    }
}

trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// A connection that was taken over from HTTP.
pub struct Upgraded(TokioIo<hyper::upgrade::Upgraded>);

impl Connected for Upgraded {
    type ConnectInfo = ();

    fn connect_info(&self) {}
}

impl AsyncRead for Upgraded {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Upgraded {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, data)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::Address;

    #[test]
    fn reads_what_docker_host_holds() {
        let shown = |text: &str| Address::parse(text).map(|address| address.to_string());
        assert_eq!(shown("unix:///run/docker.sock").unwrap(), "unix:///run/docker.sock");
        assert_eq!(shown("/run/docker.sock").unwrap(), "unix:///run/docker.sock");
        assert_eq!(shown("tcp://127.0.0.1").unwrap(), "tcp://127.0.0.1:2375");
        assert!(shown("ssh://me@host").unwrap_err().contains("ssh -nNT"));
        assert!(shown("nonsense").is_err());
    }
}
