//! Logins of registries, from the Docker configuration: `auths`, `credHelpers`, `credsStore`.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::process::Stdio;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};
use serde::Deserialize;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::folders;

/// How the Docker configuration calls Docker Hub.
const DOCKER_HUB: &str = "https://index.docker.io/v1/";

/// Reads `config.json` anew for every question: `docker login` may happen while f3s runs.
#[derive(Clone, Debug)]
pub struct Credentials {
    folder: Option<PathBuf>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Login {
    Password {
        user: String,
        secret: String,
    },
    /// What `docker login` keeps for registries with OAuth.
    IdentityToken(String),
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ConfigFile {
    auths: BTreeMap<String, AuthEntry>,
    cred_helpers: BTreeMap<String, String>,
    creds_store: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct AuthEntry {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
    identitytoken: Option<String>,
}

/// What `docker-credential-HELPER get` prints.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HelperAnswer {
    username: String,
    secret: String,
}

impl Credentials {
    /// `DOCKER_CONFIG`, else `~/.docker`.
    pub fn of_user() -> Credentials {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        Credentials { folder: set("DOCKER_CONFIG").or_else(|| folders::home().map(|home| home.join(".docker"))) }
    }

    /// The folder of the Docker configuration, whether it exists or not.
    pub fn folder(&self) -> Option<&PathBuf> {
        self.folder.as_ref()
    }

    /// The login for a registry (`host[:port]`, `docker.io` for Docker Hub); `None` when there is none.
    ///
    /// Errors: a configuration that is no JSON; a helper that cannot be run or fails.
    pub async fn of_registry(&self, registry: &str) -> io::Result<Option<Login>> {
        let Some(folder) = &self.folder else { return Ok(None) };
        let file = folder.join("config.json");
        let text = match tokio::fs::read(&file).await {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io::Error::other(format!("`{}` cannot be read: {error}", file.display()))),
        };
        let config: ConfigFile = serde_json::from_slice(&text)
            .map_err(|error| io::Error::other(format!("`{}`: {error}", file.display())))?;
        let key = if is_docker_hub(registry) { DOCKER_HUB } else { registry };
        let helper = config.cred_helpers.iter().find(|(name, _)| same_host(name, key)).map(|(_, helper)| helper);
        if let Some(helper) = helper.or(config.creds_store.as_ref()) {
            let found = ask_helper(helper, key).await?;
            if found.is_some() {
                return Ok(found);
            }
        }
        let entry = config
            .auths
            .get(key)
            .or_else(|| config.auths.iter().find(|(name, _)| same_host(name, key)).map(|(_, entry)| entry));
        Ok(entry.and_then(AuthEntry::login))
    }
}

impl AuthEntry {
    fn login(&self) -> Option<Login> {
        if let Some(token) = self.identitytoken.as_ref().filter(|token| !token.is_empty()) {
            return Some(Login::IdentityToken(token.clone()));
        }
        if let (Some(user), Some(secret)) = (&self.username, &self.password) {
            return Some(Login::Password { user: user.clone(), secret: secret.clone() });
        }
        let auth = self.auth.as_deref()?.trim();
        let bytes = STANDARD.decode(auth).or_else(|_| STANDARD_NO_PAD.decode(auth)).ok()?;
        let text = String::from_utf8(bytes).ok()?;
        let (user, secret) = text.split_once(':')?;
        Some(Login::Password { user: user.to_owned(), secret: secret.trim_end_matches('\0').to_owned() })
    }
}

impl Login {
    /// As BuildKit asks for it: an identity token has no user.
    pub fn user_and_secret(self) -> (String, String) {
        match self {
            Login::Password { user, secret } => (user, secret),
            Login::IdentityToken(token) => (String::new(), token),
        }
    }

    /// The Engine API's `AuthConfig`.
    pub fn json(&self, registry: &str) -> String {
        let json = match self {
            Login::Password { user, secret } => {
                serde_json::json!({ "username": user, "password": secret, "serveraddress": registry })
            }
            Login::IdentityToken(token) => serde_json::json!({ "identitytoken": token, "serveraddress": registry }),
        };
        json.to_string()
    }

    /// The value of the header `X-Registry-Auth`, in the URL-safe base64 that engines want.
    pub fn header(&self, registry: &str) -> String {
        URL_SAFE.encode(self.json(registry))
    }
}

fn is_docker_hub(registry: &str) -> bool {
    matches!(registry, "docker.io" | "index.docker.io" | "registry-1.docker.io")
}

/// Keys are written as `host`, `https://host`, `https://host/v1/` or `host/path`.
fn same_host(key: &str, registry: &str) -> bool {
    let host = |text: &str| {
        let text = text.trim_start_matches("https://").trim_start_matches("http://");
        text.split('/').next().unwrap_or(text).to_owned()
    };
    host(key) == host(registry)
}

async fn ask_helper(helper: &str, registry: &str) -> io::Result<Option<Login>> {
    let program = format!("docker-credential-{helper}");
    let failed = |error: io::Error| io::Error::other(format!("`{program}` cannot be run: {error}"));
    let mut child = Command::new(&program)
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(failed)?;
    if let Some(mut stdin) = child.stdin.take() {
        // A helper that knows at once may not read.
        let _ = stdin.write_all(registry.as_bytes()).await;
    }
    let output = child.wait_with_output().await.map_err(failed)?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        // The helpers' protocol: this very sentence, on standard output, says that there is none.
        if said.contains("credentials not found") {
            return Ok(None);
        }
        return Err(io::Error::other(format!("`{program} get` failed for `{registry}`: {said}")));
    }
    let answer: HelperAnswer = serde_json::from_slice(&output.stdout)
        .map_err(|error| io::Error::other(format!("`{program} get` printed no login: {error}")))?;
    Ok(Some(match answer.username.as_str() {
        "<token>" => Login::IdentityToken(answer.secret),
        _ => Login::Password { user: answer.username, secret: answer.secret },
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn found(config: &str, registry: &str) -> Option<Login> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("config.json"), config).unwrap();
        Credentials { folder: Some(folder.path().to_owned()) }.of_registry(registry).await.unwrap()
    }

    fn password(user: &str, secret: &str) -> Option<Login> {
        Some(Login::Password { user: user.to_owned(), secret: secret.to_owned() })
    }

    #[tokio::test]
    async fn finds_logins_however_their_key_is_written() {
        // `me:pa:ss`
        let config = |key: &str| format!(r#"{{"auths": {{"{key}": {{"auth": "bWU6cGE6c3M="}}}}}}"#);
        for key in ["r.example.com:5000", "https://r.example.com:5000/v1/", "http://r.example.com:5000"] {
            assert_eq!(found(&config(key), "r.example.com:5000").await, password("me", "pa:ss"), "{key}");
        }
        assert_eq!(found(&config("https://index.docker.io/v1/"), "docker.io").await, password("me", "pa:ss"));
        assert_eq!(found(&config("r.example.com"), "other.example.com").await, None);
        let token = r#"{"auths": {"r": {"identitytoken": "t"}}}"#;
        assert_eq!(found(token, "r").await, Some(Login::IdentityToken("t".into())));
        assert_eq!(found("{}", "r").await, None);
    }

    #[test]
    fn the_header_is_url_safe() {
        let login = Login::Password { user: "me".into(), secret: "\u{fb}\u{fe}>>>???".into() };
        let header = login.header("r");
        assert!(!header.contains(['+', '/']), "{header}");
    }
}
