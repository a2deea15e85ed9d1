//! Docker's `config.json` and DOCKER_AUTH_CONFIG, read as docker/cli reads them (`cli/config/configfile`): names of fields in
//! any case, `null` as nothing, what stands behind the first value ignored.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::error::Category;
use serde_json::{Map, Value};

use super::login::Login;

#[derive(Debug, Default, PartialEq)]
pub struct ConfigFile {
    auths: BTreeMap<String, Entry>,
    helpers: BTreeMap<String, String>,
    store: String,
}

#[derive(Debug, Default, PartialEq)]
struct Entry {
    auth: String,
    username: String,
    password: String,
    identity_token: String,
}

impl ConfigFile {
    /// Errors: no JSON; a field of another type.
    pub fn parse(bytes: &[u8]) -> Result<ConfigFile, String> {
        let object = first_object(bytes)?;
        Ok(ConfigFile {
            auths: entries(&object)?,
            helpers: field(&object, "credHelpers")?.unwrap_or_default(),
            store: field(&object, "credsStore")?.unwrap_or_default(),
        })
    }

    /// The program that keeps the login of a registry: a helper for it alone goes before the store, and an empty name, of
    /// either, is none.
    pub fn helper(&self, registry: &str) -> Option<&str> {
        let name = self.helpers.get(registry).unwrap_or(&self.store);
        Some(&name[..]).filter(|name| !name.is_empty())
    }

    /// The login that the file itself keeps: under the registry's own name, else under one that begins with it.
    pub fn login(&self, registry: &str) -> Result<Option<Login>, String> {
        let under_url = || self.auths.iter().find(|(key, _)| host(key) == registry).map(|(_, entry)| entry);
        match self.auths.get(registry).or_else(under_url) {
            Some(entry) => entry.login().map_err(|error| format!("the login of `{registry}`: {error}")),
            None => Ok(None),
        }
    }
}

/// DOCKER_AUTH_CONFIG: logins of registries, each under its own name, by `auth` alone.
///
/// Errors, upon which docker does without it: no JSON, fields that are not known here, more than one value.
pub fn of_variable(text: &str) -> Result<BTreeMap<String, Login>, String> {
    #[derive(Default, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Variable {
        auths: Option<BTreeMap<String, Auth>>,
    }
    #[derive(Default, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Auth {
        auth: String,
    }
    let variable: Variable = serde_json::from_str(text).map_err(|error| described(&error))?;
    let login = |(registry, Auth { auth }): (String, Auth)| {
        let entry = Entry { auth, ..Entry::default() };
        let login = entry.login().map_err(|error| format!("the login of `{registry}`: {error}"))?;
        login.map(|login| (registry.clone(), login)).ok_or_else(|| format!("`auth` is missing for `{registry}`"))
    };
    variable.auths.into_iter().flatten().map(login).collect()
}

impl Entry {
    fn login(&self) -> Result<Option<Login>, String> {
        if !self.identity_token.is_empty() {
            return Ok(Some(Login::IdentityToken(self.identity_token.clone())));
        }
        let (user, secret) = match &self.auth[..] {
            // What stands beside `auth` counts only without it.
            "" => (self.username.clone(), self.password.clone()),
            auth => decoded(auth).ok_or("`auth` is no base64 of `user:password`")?,
        };
        let is_some = !(user.is_empty() && secret.is_empty());
        Ok(is_some.then_some(Login::Password { user, secret }))
    }
}

fn decoded(auth: &str) -> Option<(String, String)> {
    let auth: String = auth.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    let bytes = STANDARD.decode(&auth).or_else(|_| STANDARD_NO_PAD.decode(&auth)).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let (user, secret) = text.split_once(':').filter(|(user, _)| !user.is_empty())?;
    Some((user.to_owned(), secret.trim_matches('\0').to_owned()))
}

/// What is wrong with a configuration, without what stands there: it may be a password in the wrong place.
pub fn described(error: &serde_json::Error) -> String {
    let wrong = match error.classify() {
        Category::Data => "a value of another kind than docker reads there",
        Category::Syntax | Category::Io => "no JSON",
        Category::Eof => "it ends too early",
    };
    match (error.line(), error.column()) {
        (0, _) => wrong.to_owned(),
        (line, column) => format!("{wrong}, at line {line} column {column}"),
    }
}

/// The first value of a text, which may be empty.
fn first_object(bytes: &[u8]) -> Result<Map<String, Value>, String> {
    match serde_json::Deserializer::from_slice(bytes).into_iter::<Option<Map<String, Value>>>().next() {
        None => Ok(Map::new()),
        Some(first) => first.map(Option::unwrap_or_default).map_err(|error| described(&error)),
    }
}

fn entries(object: &Map<String, Value>) -> Result<BTreeMap<String, Entry>, String> {
    let auths: BTreeMap<String, Option<Map<String, Value>>> = field(object, "auths")?.unwrap_or_default();
    let entry = |(key, fields): (String, Option<Map<String, Value>>)| {
        let fields = fields.unwrap_or_default();
        let text = |name: &str| Ok::<String, String>(field(&fields, name)?.unwrap_or_default());
        let entry = Entry {
            auth: text("auth")?,
            username: text("username")?,
            password: text("password")?,
            identity_token: text("identitytoken")?,
        };
        Ok((key, entry))
    };
    auths.into_iter().map(entry).collect()
}

/// A field, whose name may be written in any case; `None` for `null` as well.
fn field<T: DeserializeOwned>(object: &Map<String, Value>, name: &str) -> Result<Option<T>, String> {
    let mut values = object.iter().filter(|(key, value)| key.eq_ignore_ascii_case(name) && !value.is_null());
    let Some((_, value)) = values.next_back() else { return Ok(None) };
    serde_json::from_value(value.clone()).map(Some).map_err(|error| format!("`{name}`: {}", described(&error)))
}

/// Keys are written as `host`, `https://host`, `https://host/v1/` or `host/path`.
fn host(key: &str) -> &str {
    let rest = key.split_once("://").map_or(key, |(_, rest)| rest);
    let authority = rest.split('/').next().unwrap_or(rest);
    // Only a URL has a user.
    if rest.len() < key.len() { authority.rsplit('@').next().unwrap_or(authority) } else { authority }
}
