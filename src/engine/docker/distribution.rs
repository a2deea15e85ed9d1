//! What a registry has under a reference, asked through the engine: it knows the way there, and speaks TLS as its
//! administrator wants it to.

use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::body::Bytes;
use serde::Deserialize;

use super::registry::{Refusal, Transfer, refusal};
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
        match has_none(status.as_u16(), &body) {
            true => Ok(None),
            false => Err(self.refused(login.is_some(), &refusal(&String::from_utf8_lossy(&body)))),
        }
    }
}

/// True for an answer that the registry has no such image. Engines have several ways to say so; one that does not know the
/// question, or a proxy before it, says "not found", too, but not as engines do.
fn has_none(status: u16, body: &[u8]) -> bool {
    let Ok(said) = serde_json::from_slice::<Refusal>(body) else { return false };
    let lower = said.message.to_lowercase();
    let says_so = ["manifest unknown", "name unknown", "not found"].iter().any(|word| lower.contains(word));
    !lower.contains("page not found") && (status == 404 || says_so)
}

#[cfg(test)]
mod tests {
    use super::has_none;

    #[test]
    fn an_engine_that_does_not_know_the_question_says_nothing_of_the_image() {
        let none = [
            (404, r#"{"message":"manifest unknown: manifest unknown"}"#),
            (404, r#"{"message":"no such thing"}"#),
            (500, r#"{"message":"errors:\nname unknown: repository name not known to registry\n"}"#),
            (403, r#"{"message":"r.example.com/x:1: not found"}"#),
        ];
        for (status, body) in none {
            assert!(has_none(status, body.as_bytes()), "{status} {body}");
        }
        let unknown = [
            (404, "Not Found\n"),
            (404, "404 page not found\n"),
            (404, r#"{"message":"page not found"}"#),
            (404, "<html>404 Not Found</html>"),
            (500, r#"{"message":"unauthorized"}"#),
            (502, ""),
        ];
        for (status, body) in unknown {
            assert!(!has_none(status, body.as_bytes()), "{status} {body}");
        }
    }
}
