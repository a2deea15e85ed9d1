//! Finding the engine: the address that was set, the docker context, the usual sockets, f3s's private engine.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::EngineError;
use super::docker::Docker;
use super::private::Private;
use super::transport::Address;
use crate::config::EngineConfig;
use crate::diagnostic::Diagnostic;

/// Connects to the first engine that answers. `say` hears what the user should know.
///
/// An address that was set (`--host`, `DOCKER_HOST`, `f3s.toml`, a docker context) is the only one tried. Else the usual
/// sockets are, then f3s's private engine, which is started when `start` allows it and `dockerd` is installed.
pub async fn connect(config: &EngineConfig, start: bool, say: &(dyn Fn(String) + Sync)) -> Result<Docker, EngineError> {
    if let Some((address, from)) = configured(config).map_err(EngineError::Refused)? {
        return Docker::connect(address.clone()).await.map_err(|error| {
            let message = format!("no engine answers at `{address}` ({from}): {error}");
            EngineError::Unreachable(
                Diagnostic::error(message).hint("start it, or set `--host` or DOCKER_HOST to one that runs"),
            )
        });
    }
    for socket in usual_sockets() {
        if let Ok(docker) = Docker::connect(Address::Unix(socket)).await {
            return Ok(docker);
        }
    }
    let private = Private::of_user();
    if let Ok(docker) = Docker::connect(private.address()).await {
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

fn none_answers() -> Diagnostic {
    Diagnostic::error("no engine answers")
        .hint("start one (`systemctl start docker`), let f3s start its own (`f3s engine start`), or set DOCKER_HOST")
}

/// The address that somebody set, and who.
fn configured(config: &EngineConfig) -> Result<Option<(Address, String)>, Diagnostic> {
    let tls = std::env::var_os("DOCKER_TLS_VERIFY").is_some_and(|value| !value.is_empty());
    let parse = |text: &str, from: String| match Address::parse(text) {
        Ok(Address::Tcp(host)) if tls => {
            let error = Diagnostic::error("f3s does not speak TLS to engines, and DOCKER_TLS_VERIFY asks for it");
            let hint =
                format!("forward the engine's socket: `ssh -nNT -L /tmp/engine.sock:/var/run/docker.sock {host}`");
            Err(error.hint(hint).hint("then set DOCKER_HOST=unix:///tmp/engine.sock"))
        }
        Ok(address) => Ok(Some((address, from))),
        Err(error) => Err(Diagnostic::error(error).note(format!("from {from}"))),
    };
    // `DOCKER_HOST` arrives here, too: it is the environment variable of `--host`.
    if let Some(host) = config.host.as_deref().filter(|host| !host.is_empty()) {
        return parse(host, "--host, DOCKER_HOST or `[engine] host`".to_owned());
    }
    match context() {
        Some((name, Some(host))) => parse(&host, format!("docker context `{name}`")),
        Some((name, None)) => {
            let error = Diagnostic::error(format!("the docker context `{name}` does not exist"));
            Err(error.hint("`docker context ls` shows them; DOCKER_CONTEXT or `docker context use` chooses one"))
        }
        None => Ok(None),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ConfigFile {
    current_context: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ContextFile {
    endpoints: Endpoints,
}

#[derive(Deserialize)]
struct Endpoints {
    docker: Endpoint,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Endpoint {
    host: String,
}

/// The chosen docker context and its address; `None` for the default one.
fn context() -> Option<(String, Option<String>)> {
    let folder = super::credentials::Credentials::of_user().folder()?.clone();
    let chosen = std::env::var("DOCKER_CONTEXT").ok().filter(|name| !name.is_empty()).or_else(|| {
        let text = std::fs::read(folder.join("config.json")).ok()?;
        serde_json::from_slice::<ConfigFile>(&text).ok()?.current_context
    });
    let name = chosen.filter(|name| !name.is_empty() && name != "default")?;
    let host = context_host(&folder, &name);
    Some((name, host))
}

/// Contexts lie in folders named by the digest of their name (docker/cli, `cli/context/store`).
fn context_host(folder: &Path, name: &str) -> Option<String> {
    let digest = crate::digest::of(name);
    let text = std::fs::read(folder.join("contexts/meta").join(digest).join("meta.json")).ok()?;
    serde_json::from_slice::<ContextFile>(&text).ok().map(|file| file.endpoints.docker.host)
}

fn usual_sockets() -> Vec<PathBuf> {
    let run = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    let of_user = |name: &str| run.as_ref().map(|folder| folder.join(name));
    let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".docker/run/docker.sock"));
    let all = [
        Some(PathBuf::from("/var/run/docker.sock")),
        of_user("docker.sock"),
        home,
        Some(PathBuf::from("/run/podman/podman.sock")),
        of_user("podman/podman.sock"),
    ];
    all.into_iter().flatten().filter(|socket| socket.exists()).collect()
}
