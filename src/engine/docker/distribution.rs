//! What a registry has under a reference, asked through the engine: it knows the way there, and speaks TLS as its
//! administrator wants it to.

use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::body::Bytes;
use serde::Deserialize;

use super::registry::Transfer;
use crate::engine::EngineError;

/// A question is not worth more: the answer only spares a push, or proves one.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Inspected {
    descriptor: Descriptor,
}

#[derive(Deserialize)]
struct Descriptor {
    digest: String,
}

impl Transfer<'_> {
    /// The digest of the manifest at the registry; `None` when it has none (Engine API, `GET /distribution/{name}/json`).
    pub async fn at_registry(&self) -> Result<Option<String>, EngineError> {
        let login = self.login().await?;
        let request = Request::get(format!("/distribution/{}/json", self.reference))
            .header("Host", "docker")
            .header("X-Registry-Auth", Self::header(login.as_ref(), self.registry()))
            .body(Full::<Bytes>::default())
            .map_err(|error| self.refused(login.is_some(), &error.to_string()))?;
        let answer = async {
            let response = self.address.send(request).await?;
            let status = response.status();
            let body = response.into_body().collect().await.map_err(std::io::Error::other)?.to_bytes();
            Ok::<_, std::io::Error>((status, body))
        };
        let (status, body) = tokio::time::timeout(PATIENCE, answer)
            .await
            .map_err(|_| self.unreachable(&format!("it has said nothing for {} s", PATIENCE.as_secs())))?
            .map_err(|error| EngineError::unreachable(&format!("the engine went away: {error}")))?;
        if status.is_success() {
            let inspected: Inspected =
                serde_json::from_slice(&body).map_err(|error| self.refused(login.is_some(), &error.to_string()))?;
            return Ok(Some(inspected.descriptor.digest));
        }
        let said = super::registry::refusal(&String::from_utf8_lossy(&body));
        // Engines have several ways to say that there is none.
        let lower = said.to_lowercase();
        let is_none = ["manifest unknown", "name unknown", "not found"].iter().any(|word| lower.contains(word));
        match is_none || (status == 404 && !lower.contains("page not found")) {
            true => Ok(None),
            false => Err(self.refused(login.is_some(), &said)),
        }
    }
}
