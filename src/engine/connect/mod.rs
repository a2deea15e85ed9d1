//! Finding the engine: the address that was set, the docker context, the usual sockets, f3s's private engine.

mod context;
mod lock;
mod private;

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::EngineError;
use super::docker::Docker;
use crate::config::EngineConfig;
use crate::diagnostic::Diagnostic;
use crate::folders;
use crate::transport::credentials::Credentials;
use crate::transport::{Address, Certificates};
pub use private::Private;

/// Connects to the first engine that answers. `say` hears what the user should know.
///
/// An address that was set (`--host`, `DOCKER_HOST`, `f3s.toml`, a docker context) is the only one tried. Else the usual
/// sockets are, then f3s's private engine, which is started when `start` allows it and `dockerd` is installed.
pub async fn connect(config: &EngineConfig, start: bool, say: &(dyn Fn(String) + Sync)) -> Result<Docker, EngineError> {
    if let Some(complaint) = Credentials::of_user().complaint() {
        say(complaint);
    }
    if let Some((address, from)) = configured(config).map_err(EngineError::Refused)? {
        return Docker::connect(address.clone()).await.map_err(|error| {
            let message = format!("no engine answers at `{address}` ({from}): {error}");
            EngineError::Unreachable(Diagnostic::error(message).hint(remedy(&address)))
        });
    }
    for socket in usual_sockets() {
        if let Ok(docker) = Docker::connect(Address::Unix(socket)).await {
            return Ok(docker);
        }
    }
    let private = Private::of_user();
    if private.is_ours()
        && let Ok(docker) = Docker::connect(private.address()).await
    {
        return Ok(docker);
    }
    let allowed = start && config.private.unwrap_or(true);
    if !allowed {
        return Err(EngineError::Unreachable(none_answers()));
    }
    private.start(say).await.map_err(EngineError::Unreachable)?;
    Docker::connect(private.address())
        .await
        .map_err(|error| EngineError::unreachable(&format!("the private engine does not answer: {error}")))
}

/// Whether the engine that `connect` will find shares this machine's loopback, as far as its address tells.
pub fn is_here(config: &EngineConfig) -> bool {
    match configured(config) {
        Ok(Some((address, _))) => address.is_here(),
        // Without an address that was set only this machine's own engines are tried.
        Ok(None) | Err(_) => true,
    }
}

/// Connects to an engine that was found before, and to no other.
pub async fn reconnect(address: &Address) -> Result<Docker, EngineError> {
    Docker::connect(address.clone()).await.map_err(|error| {
        let message = format!("the engine at `{address}` does not answer: {error}");
        EngineError::Unreachable(Diagnostic::error(message).hint(remedy(address)))
    })
}

fn none_answers() -> Diagnostic {
    Diagnostic::error("no engine answers")
        .hint("start one (`systemctl start docker`), let f3s start its own (`f3s engine start`), or set DOCKER_HOST")
}

fn remedy(address: &Address) -> String {
    match address {
        Address::Unix(_) | Address::Tcp(_) => {
            "start it, or set `--host` or DOCKER_HOST to one that runs; one that wants TLS needs DOCKER_TLS_VERIFY=1"
                .to_owned()
        }
        Address::Tls(..) => "are the certificates those of this engine? DOCKER_CERT_PATH names their folder".to_owned(),
        Address::Ssh(target) => {
            format!("does `ssh {} docker version` work without a password?", target.words())
        }
    }
}

/// The address that somebody set, and who.
fn configured(config: &EngineConfig) -> Result<Option<(Address, String)>, Diagnostic> {
    let parse = |text: &str, certificates: Option<Certificates>, from: String| {
        Address::parse(text, certificates)
            .map(|address| Some((address, from.clone())))
            .map_err(|error| Diagnostic::error(error).note(format!("from {from}")))
    };
    // `DOCKER_HOST` arrives here, too: it is the environment variable of `--host`.
    if let Some(host) = config.host.as_deref().filter(|host| !host.is_empty()) {
        return parse(host, certificates_of_user(), "--host, DOCKER_HOST or `[engine] host`".to_owned());
    }
    match context::chosen()? {
        Some(context) => parse(&context.host, context.certificates, format!("docker context `{}`", context.name)),
        None => Ok(None),
    }
}

/// `DOCKER_TLS_VERIFY` asks for TLS, `DOCKER_CERT_PATH` says where the certificates lie, else the Docker configuration does.
fn certificates_of_user() -> Option<Certificates> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    set("DOCKER_TLS_VERIFY")?;
    let folder = set("DOCKER_CERT_PATH").map(PathBuf::from).or_else(|| Credentials::of_user().folder().cloned());
    Some(Certificates::in_folder(folder.unwrap_or_default()))
}

fn usual_sockets() -> Vec<PathBuf> {
    let run = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    let of_user = |name: &str| run.as_ref().map(|folder| folder.join(name));
    let home = folders::home().map(|home| home.join(".docker/run/docker.sock"));
    let all = [
        Some(PathBuf::from("/var/run/docker.sock")),
        of_user("docker.sock"),
        home,
        Some(PathBuf::from("/run/podman/podman.sock")),
        of_user("podman/podman.sock"),
    ];
    all.into_iter().flatten().filter(|socket| is_trusted(socket)).collect()
}

/// True for a socket of the user's or of root's: XDG_RUNTIME_DIR outlives `su`, and an engine gets logins and secrets.
fn is_trusted(socket: &Path) -> bool {
    let owner = socket.metadata().map(|metadata| metadata.uid());
    owner.is_ok_and(|owner| owner == 0 || owner == rustix::process::geteuid().as_raw())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_of_another_user_is_no_usual_one() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("docker.sock");
        assert!(!is_trusted(&socket));
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        assert!(is_trusted(&socket));
        // Nobody but root gives files away.
        if std::os::unix::fs::chown(&socket, Some(65_534), None).is_ok() {
            assert!(!is_trusted(&socket));
        }
    }
}
