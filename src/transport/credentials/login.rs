//! A login at a registry, in the forms in which it is sent.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Login {
    Password {
        user: String,
        secret: String,
    },
    /// What `docker login` keeps for registries with OAuth.
    IdentityToken(String),
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
