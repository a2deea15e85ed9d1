//! Logins at one registry: looked up once, exchanged for tokens where it wants those, one token for many repositories.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::Method;
use hyper::header::{AUTHORIZATION, HeaderValue};
use serde::Deserialize;
use tokio::sync::OnceCell;
use tokio::time::Instant;
use url::Url;
use url::form_urlencoded::Serializer;

use super::challenge::Challenge;
use super::connection::{Answer, Connections, Question, may_lead};
use super::error::Error;
use crate::transport::credentials::{Credentials, Login};

/// Letters of the scopes in one question for a token: servers take some 8,000 in all.
const LONGEST: usize = 4000;

/// Seconds that a token holds of which its service does not say so (Distribution, token authentication).
const SHORTEST_LIFE: u64 = 60;
/// Seconds: no run lasts longer, and a clock counts no number that a service may name.
const LONGEST_LIFE: u64 = 24 * 60 * 60;
/// So much before its end it is as good as over.
const MARGIN: Duration = Duration::from_secs(10);

/// What may be done with a repository: `repository:team/app:pull`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Scope(String);

impl Scope {
    pub fn pull(repository: &str) -> Scope {
        Scope(format!("repository:{repository}:pull"))
    }
}

/// What went with a request to say who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    Nothing,
    Password,
    /// A token for several repositories.
    Broad,
    /// A token for the one repository.
    Narrow,
}

/// The token of some scopes, once there is one; whoever waits for it holds the lock.
type Slot = Arc<tokio::sync::Mutex<Option<Result<Token, Error>>>>;

pub struct Auth {
    /// `host[:port]`, as references write it.
    registry: String,
    credentials: Credentials,
    login: OnceCell<Result<Option<Login>, Error>>,
    challenge: Mutex<Option<Challenge>>,
    /// Scopes that are asked for together.
    groups: Vec<Vec<Scope>>,
    tokens: Mutex<BTreeMap<Vec<Scope>, Slot>>,
}

#[derive(Clone)]
struct Token {
    header: HeaderValue,
    until: Instant,
}

/// What a token's service answers.
#[derive(Deserialize)]
struct Granted {
    #[serde(alias = "access_token")]
    token: Option<String>,
    expires_in: Option<u64>,
}

impl Auth {
    /// `scopes`: all that will probably be wanted.
    pub fn new(registry: &str, credentials: Credentials, scopes: Vec<Scope>) -> Auth {
        Auth {
            registry: registry.to_owned(),
            credentials,
            login: OnceCell::new(),
            challenge: Mutex::default(),
            groups: grouped(scopes),
            tokens: Mutex::default(),
        }
    }

    /// Takes note of how the registry asks for a login; an error where there is no answer to it.
    pub fn challenged(&self, answer: &Answer, sent: Sent) -> Result<(), Error> {
        let refused = |why: &str| Error::Refused(format!("`{}` {why}", self.registry));
        match (sent, Challenge::of(&answer.headers)) {
            (Sent::Nothing | Sent::Broad, Some(challenge)) => {
                *self.challenge.lock().unwrap_or_else(PoisonError::into_inner) = Some(challenge);
                Ok(())
            }
            (Sent::Nothing | Sent::Broad, None) => Err(refused("refuses, and does not say what login it wants")),
            (Sent::Password | Sent::Narrow, _) => Err(refused("refuses the login, or there is none")),
        }
    }

    /// What says who asks, in the way that the registry wants, as far as that is known. `narrow`: a broad token was not enough.
    pub async fn header(
        &self,
        connections: &Connections,
        base: &Url,
        scope: &Scope,
        narrow: bool,
    ) -> Result<(Option<HeaderValue>, Sent), Error> {
        let challenge = self.challenge.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match challenge {
            None => Ok((None, Sent::Nothing)),
            Some(Challenge::Basic) => match self.login().await? {
                Some(Login::Password { user, secret }) => Ok((Some(basic(user, secret)?), Sent::Password)),
                Some(Login::IdentityToken(_)) | None => {
                    Err(Error::Refused(format!("there is no login for `{}`", self.registry)))
                }
            },
            Some(Challenge::Bearer { realm, service }) => {
                if !may_lead(base, &realm) {
                    let why = format!("`{}` asks for logins to be sent to `{realm}`", self.registry);
                    return Err(Error::Refused(why));
                }
                let group = self.groups.iter().find(|group| group.len() > 1 && group.contains(scope));
                if let Some(group) = group.filter(|_| !narrow) {
                    match self.token(connections, &realm, service.as_deref(), group).await {
                        Ok(token) => return Ok((Some(token), Sent::Broad)),
                        // One repository that is none of the user's should not cost the others theirs.
                        Err(Error::Refused(_) | Error::Failed(_)) => {}
                        Err(error @ (Error::Unreachable(_) | Error::Silent(_) | Error::Busy(_))) => return Err(error),
                    }
                }
                let alone = std::slice::from_ref(scope);
                let token = self.token(connections, &realm, service.as_deref(), alone).await?;
                Ok((Some(token), Sent::Narrow))
            }
        }
    }

    async fn login(&self) -> Result<Option<&Login>, Error> {
        let look = || async {
            let found = self.credentials.of_registry(&self.registry).await;
            found.map_err(|error| Error::Refused(format!("no login for `{}`: {error}", self.registry)))
        };
        self.login.get_or_init(look).await.as_ref().map(Option::as_ref).map_err(Error::clone)
    }

    /// A token, fetched once for all who want it while it holds.
    async fn token(
        &self,
        connections: &Connections,
        realm: &Url,
        service: Option<&str>,
        scopes: &[Scope],
    ) -> Result<HeaderValue, Error> {
        let place = {
            let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
            tokens.entry(scopes.to_vec()).or_default().clone()
        };
        let mut held = place.lock().await;
        match &*held {
            Some(Ok(token)) if token.until > Instant::now() => return Ok(token.header.clone()),
            Some(Err(error)) => return Err(error.clone()),
            Some(Ok(_)) | None => {}
        }
        let fetched = self.fetch(connections, realm, service, scopes).await;
        let header = fetched.as_ref().map(|token| token.header.clone()).map_err(Error::clone);
        *held = Some(fetched);
        header
    }

    async fn fetch(
        &self,
        connections: &Connections,
        realm: &Url,
        service: Option<&str>,
        scopes: &[Scope],
    ) -> Result<Token, Error> {
        let question = match self.login().await? {
            // OAuth's way, by the distribution's specification of tokens.
            Some(Login::IdentityToken(secret)) => {
                let joined = scopes.iter().map(|scope| &*scope.0).collect::<Vec<_>>().join(" ");
                let mut form = Serializer::new(String::new());
                form.append_pair("grant_type", "refresh_token").append_pair("client_id", "f3s");
                form.append_pair("refresh_token", secret).append_pair("scope", &joined);
                form.append_pair("service", service.unwrap_or_default());
                Question::new(Method::POST, realm.clone()).form(form.finish())
            }
            login => {
                let mut url = realm.clone();
                for (name, value) in service.iter().map(|service| ("service", *service)) {
                    url.query_pairs_mut().append_pair(name, value);
                }
                for scope in scopes {
                    url.query_pairs_mut().append_pair("scope", &scope.0);
                }
                let question = Question::new(Method::GET, url);
                match login {
                    Some(Login::Password { user, secret }) => question.header(AUTHORIZATION, basic(user, secret)?),
                    Some(Login::IdentityToken(_)) | None => question,
                }
            }
        };
        let answer = connections.ask(&question).await?;
        let from = realm.host_str().unwrap_or_default();
        match answer.status.as_u16() {
            200 => {}
            400 | 401 | 403 => return Err(Error::Refused(format!("`{from}` gives no token for `{}`", self.registry))),
            429 => return Err(Error::Busy(format!("`{from}` is asked for too many tokens"))),
            status => return Err(Error::Failed(format!("`{from}` answered {status} to the question for a token"))),
        }
        let none = || Error::Failed(format!("`{from}` answered without a token"));
        let granted: Granted = serde_json::from_slice(&answer.body).map_err(|_| none())?;
        let mut header =
            HeaderValue::try_from(format!("Bearer {}", granted.token.ok_or_else(none)?)).map_err(|_| none())?;
        header.set_sensitive(true);
        let life = Duration::from_secs(granted.expires_in.unwrap_or(0).clamp(SHORTEST_LIFE, LONGEST_LIFE));
        Ok(Token { header, until: Instant::now() + life - MARGIN })
    }
}

fn basic(user: &str, secret: &str) -> Result<HeaderValue, Error> {
    let text = format!("Basic {}", STANDARD.encode(format!("{user}:{secret}")));
    let mut header = HeaderValue::try_from(text).map_err(|_| Error::Refused("the login cannot be sent".to_owned()))?;
    header.set_sensitive(true);
    Ok(header)
}

/// In as few groups as questions for tokens may be long.
fn grouped(mut scopes: Vec<Scope>) -> Vec<Vec<Scope>> {
    scopes.sort();
    scopes.dedup();
    let mut groups: Vec<(usize, Vec<Scope>)> = Vec::new();
    for scope in scopes {
        let letters = scope.0.len() + "&scope=".len();
        match groups.last_mut() {
            Some((length, group)) if *length + letters <= LONGEST => {
                *length += letters;
                group.push(scope);
            }
            Some(_) | None => groups.push((letters, vec![scope])),
        }
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_asked_for_in_few_groups() {
        let scopes: Vec<Scope> = (0..500).rev().map(|index| Scope::pull(&format!("team/image-{index}"))).collect();
        let groups = grouped([scopes.clone(), scopes].concat());
        assert_eq!(groups.iter().map(Vec::len).sum::<usize>(), 500);
        assert!(groups.len() < 8, "{}", groups.len());
        assert!(groups.iter().all(|group| group.iter().map(|scope| scope.0.len() + 7).sum::<usize>() <= LONGEST));
    }
}
