//! Docker contexts: the address of an engine under a name (docker/cli, `cli/context/store`).

use std::path::Path;

use serde::Deserialize;

use crate::diagnostic::Diagnostic;
use crate::transport::Certificates;
use crate::transport::credentials::Credentials;

/// A context that was chosen.
pub struct Context {
    pub name: String,
    /// As `DOCKER_HOST` has it.
    pub host: String,
    /// Where the context keeps some.
    pub certificates: Option<Certificates>,
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
    #[serde(default, rename = "SkipTLSVerify")]
    skip_tls_verify: bool,
}

/// The context that `DOCKER_CONTEXT` or `docker context use` chose; `None` for the default one.
///
/// Errors: it does not exist; it wants no certificate to be verified.
pub fn chosen() -> Result<Option<Context>, Diagnostic> {
    let Some(folder) = Credentials::of_user().folder().cloned() else { return Ok(None) };
    let chosen = std::env::var("DOCKER_CONTEXT").ok().filter(|name| !name.is_empty()).or_else(|| {
        let text = std::fs::read(folder.join("config.json")).ok()?;
        serde_json::from_slice::<ConfigFile>(&text).ok()?.current_context
    });
    let Some(name) = chosen.filter(|name| !name.is_empty() && name != "default") else { return Ok(None) };
    // Contexts lie in folders named by the digest of their name.
    let digest = crate::digest::of(&name);
    let Some(Endpoint { host, skip_tls_verify }) = endpoint(&folder.join("contexts/meta").join(&digest)) else {
        let error = Diagnostic::error(format!("the docker context `{name}` does not exist"));
        return Err(error.hint("`docker context ls` shows them; DOCKER_CONTEXT or `docker context use` chooses one"));
    };
    if skip_tls_verify {
        let error = Diagnostic::error(format!("the docker context `{name}` verifies no certificate, f3s does"));
        return Err(error.hint("give it the authority's: `docker context update --docker host=..,ca=FILE`"));
    }
    let secrets = folder.join("contexts/tls").join(&digest).join("docker");
    let certificates = secrets.is_dir().then(|| Certificates::in_folder(secrets));
    Ok(Some(Context { name, host, certificates }))
}

fn endpoint(folder: &Path) -> Option<Endpoint> {
    let text = std::fs::read(folder.join("meta.json")).ok()?;
    serde_json::from_slice::<ContextFile>(&text).ok().map(|file| file.endpoints.docker)
}
