//! Logins of registries, from the Docker configuration: DOCKER_AUTH_CONFIG, `credHelpers`, `credsStore`, `auths`.

mod config;
mod login;

use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;

use crate::folders;
use config::ConfigFile;

pub use login::Login;

/// How the Docker configuration calls Docker Hub.
const DOCKER_HUB: &str = "https://index.docker.io/v1/";

/// Logins in a variable, as services of continuous integration hand them over.
const VARIABLE: &str = "DOCKER_AUTH_CONFIG";

/// How long a helper may take: it may ask its user for a password.
const HELPER_PATIENCE: Duration = Duration::from_secs(60);

/// Letters of what a helper says of its failure.
const SHOWN: usize = 1000;

/// Bytes; logins are a line of JSON.
const LONGEST_ANSWER: u64 = 1 << 20;

/// Reads `config.json` anew for every question: `docker login` may happen while f3s runs.
#[derive(Clone, Debug)]
pub struct Credentials {
    folder: Option<PathBuf>,
    /// DOCKER_AUTH_CONFIG.
    variable: Option<String>,
}

/// What `docker-credential-HELPER get` prints.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HelperAnswer {
    username: String,
    secret: String,
}

impl Credentials {
    /// `DOCKER_CONFIG`, else `~/.docker`; before it what DOCKER_AUTH_CONFIG holds.
    pub fn of_user() -> Credentials {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let folder =
            set("DOCKER_CONFIG").map(PathBuf::from).or_else(|| folders::home().map(|home| home.join(".docker")));
        Credentials { folder, variable: std::env::var(VARIABLE).ok().filter(|text| !text.is_empty()) }
    }

    /// Those of a Docker configuration, whatever the environment says.
    #[cfg(test)]
    pub fn in_folder(folder: &std::path::Path) -> Credentials {
        Credentials { folder: Some(folder.to_owned()), variable: None }
    }

    /// The folder of the Docker configuration, whether it exists or not.
    pub fn folder(&self) -> Option<&PathBuf> {
        self.folder.as_ref()
    }

    /// Why DOCKER_AUTH_CONFIG is left out, if it is.
    pub fn complaint(&self) -> Option<String> {
        let error = config::of_variable(self.variable.as_deref()?).err()?;
        Some(format!("{VARIABLE} is left out, as docker does: {error}"))
    }

    /// The login for a registry (`host[:port]`, `docker.io` for Docker Hub); `None` when there is none.
    ///
    /// Errors: a configuration that is no JSON; a helper that cannot be run, fails or does not answer.
    pub async fn of_registry(&self, registry: &str) -> io::Result<Option<Login>> {
        let key = key(registry);
        let held = self.variable.as_deref().and_then(|text| config::of_variable(text).ok()?.remove(key));
        if held.is_some() {
            return Ok(held);
        }
        let Some(folder) = &self.folder else { return Ok(None) };
        let file = folder.join("config.json");
        let text = match tokio::fs::read(&file).await {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io::Error::other(format!("`{}` cannot be read: {error}", file.display()))),
        };
        let wrong = |error: String| io::Error::other(format!("`{}`: {error}", file.display()));
        let config = ConfigFile::parse(&text).map_err(wrong)?;
        // What a helper does not know nobody knows.
        match config.helper(key) {
            Some(helper) => ask(&format!("docker-credential-{helper}"), key, HELPER_PATIENCE).await,
            None => config.login(key).map_err(wrong),
        }
    }
}

/// How the Docker configuration calls a registry.
pub fn key(registry: &str) -> &str {
    match registry {
        "docker.io" | "index.docker.io" | "registry-1.docker.io" => DOCKER_HUB,
        other => other,
    }
}

/// Asks the program of a helper.
async fn ask(program: &str, registry: &str, patience: Duration) -> io::Result<Option<Login>> {
    let failed = |error: io::Error| io::Error::other(format!("`{program}` cannot be run: {error}"));
    let mut child = Command::new(program)
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(failed)?;
    if let Some(mut stdin) = child.stdin.take() {
        // A helper that knows at once may not read.
        let _ = stdin.write_all(registry.as_bytes()).await;
    }
    let stdout = child.stdout.take().expect("piped");
    let answer = async {
        let mut answer = Vec::new();
        stdout.take(LONGEST_ANSWER + 1).read_to_end(&mut answer).await?;
        let is_too_long = answer.len() as u64 > LONGEST_ANSWER;
        // It is ended when it is dropped.
        let status = if is_too_long { None } else { Some(child.wait().await?) };
        Ok((status, answer))
    };
    // One that waits for a password where nobody sees it asking would wait for ever.
    let answered = tokio::time::timeout(patience, answer).await.map_err(|_| {
        let seconds = patience.as_secs();
        io::Error::new(io::ErrorKind::TimedOut, format!("`{program} get` did not answer within {seconds} seconds"))
    })?;
    let (status, answer) = answered.map_err(failed)?;
    let Some(status) = status else { return Err(io::Error::other(format!("`{program} get` prints more than 1 MiB"))) };
    if !status.success() {
        let said: String = String::from_utf8_lossy(&answer).trim().chars().take(SHOWN).collect();
        // The helpers' protocol: this very sentence, on standard output, says that there is none.
        if said.contains("credentials not found") {
            return Ok(None);
        }
        return Err(io::Error::other(format!("`{program} get` failed for `{registry}`: {said}")));
    }
    let answer: HelperAnswer = serde_json::from_slice(&answer).map_err(|error| {
        io::Error::other(format!("`{program} get` printed no login: {}", config::described(&error)))
    })?;
    Ok(Some(match answer.username.as_str() {
        "<token>" => Login::IdentityToken(answer.secret),
        _ => Login::Password { user: answer.username, secret: answer.secret },
    }))
}

#[cfg(test)]
mod tests;
