//! Engines on other hosts, by the user's own `ssh`, whose configuration, keys and agent count: `docker system dial-stdio`
//! over there joins its standard input and output with the engine.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::process::Stdio;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::task::JoinHandle;

/// `[user@]host[:port]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SshTarget {
    /// Host, with the user if one was named.
    login: String,
    port: Option<u16>,
}

impl SshTarget {
    pub fn parse(text: &str) -> Result<SshTarget, String> {
        let text = text.trim_end_matches('/');
        let wrong =
            || format!("`ssh://{text}` is no address of an engine: write ssh://USER@HOST or ssh://USER@HOST:PORT");
        let (login, port) = match text.rsplit_once(':') {
            Some((login, port)) if !port.ends_with(']') => (login, Some(port.parse().map_err(|_| wrong())?)),
            _ => (text, None),
        };
        let host = login.rsplit('@').next().unwrap_or_default();
        // What begins with a dash would be an option of ssh.
        if host.is_empty() || login.starts_with('-') || text.contains('/') {
            return Err(wrong());
        }
        Ok(SshTarget { login: login.to_owned(), port })
    }

    /// The arguments of `ssh` that name it.
    pub fn words(&self) -> String {
        let port = self.port.map(|port| format!("-p {port} ")).unwrap_or_default();
        format!("{port}{}", self.login)
    }

    pub fn connect(&self) -> io::Result<SshStream> {
        let mut command = Command::new("ssh");
        // Nobody is there to type a password: the terminal belongs to f3s.
        command.args(["-T", "-o", "BatchMode=yes", "-o", "ConnectTimeout=10"]);
        if let Some(port) = self.port {
            command.args(["-p", &port.to_string()]);
        }
        command.args(["--", &self.login.replace(['[', ']'], ""), "docker", "system", "dial-stdio"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // Ctrl-C in the terminal is for f3s, which then ends what it asked the engine for.
        let mut child = command.process_group(0).kill_on_drop(true).spawn().map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => io::Error::new(error.kind(), "`ssh` is not installed"),
            _ => error,
        })?;
        let (stdin, stdout) = (child.stdin.take().expect("piped"), child.stdout.take().expect("piped"));
        let mut stderr = child.stderr.take().expect("piped");
        let complaint = tokio::spawn(async move {
            let mut text = Vec::new();
            let _ = stderr.read_to_end(&mut text).await;
            String::from_utf8_lossy(&text).trim().to_owned()
        });
        Ok(SshStream { stdin, stdout, complaint, heard: false, _child: child })
    }
}

impl fmt::Display for SshTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.login)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

/// What goes to and comes from the engine.
pub struct SshStream {
    stdin: ChildStdin,
    stdout: ChildStdout,
    /// What `ssh` said to standard error, when it has ended.
    complaint: JoinHandle<String>,
    /// Something came: it is the engine that speaks.
    heard: bool,
    /// Ends when this is dropped.
    _child: Child,
}

impl AsyncRead for SshStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stdout).poll_read(cx, buffer))?;
        if buffer.filled().len() > before {
            self.heard = true;
        }
        if self.heard {
            return Poll::Ready(Ok(()));
        }
        // It ended before anybody answered: the reason stands on its standard error.
        let complaint = ready!(Pin::new(&mut self.complaint).poll(cx)).unwrap_or_default();
        self.heard = true;
        Poll::Ready(Err(io::Error::other(format!("ssh: {complaint}"))))
    }
}

impl AsyncWrite for SshStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stdin).poll_write(cx, data)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stdin).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stdin).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::SshTarget;

    #[test]
    fn reads_users_hosts_and_ports() {
        let shown = |text: &str| SshTarget::parse(text).map(|target| target.to_string());
        assert_eq!(shown("me@build.example.com:2222").unwrap(), "me@build.example.com:2222");
        assert_eq!(shown("build/").unwrap(), "build");
        for wrong in ["", "me@", "-oProxyCommand=x", "host:port", "host/var/run/docker.sock"] {
            assert!(shown(wrong).is_err(), "{wrong}");
        }
    }
}
