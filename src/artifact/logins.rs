//! Logins of download servers: from the user's own settings, then from his `.netrc`. Which of them goes where is decided here: to
//! the host that it is of, and over TLS.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use url::Url;

use super::netrc;
use crate::folders;
use crate::http::is_loopback;

#[derive(Clone, Default)]
pub struct Logins(Vec<Entry>);

/// A login that is known, or that a program tells.
#[derive(Clone)]
struct Entry {
    /// `host` or `host:port`.
    machine: String,
    user: String,
    password: Password,
}

#[derive(Clone)]
pub enum Password {
    Text(String),
    /// A program with its arguments: the first line that it prints, asked for once.
    Command(Vec<String>, Arc<OnceLock<Result<String, String>>>),
}

impl Password {
    pub fn of_command(words: Vec<String>) -> Password {
        Password::Command(words, Arc::default())
    }
}

#[derive(Clone, PartialEq)]
pub struct Login {
    user: String,
    password: String,
}

/// One that waits for a word where nobody sees it asking would wait for ever.
const PATIENCE: Duration = Duration::from_secs(60);

impl Logins {
    /// Those of `NETRC`, else of `.netrc` in the home folder. One that cannot be read has none.
    pub fn of_netrc() -> Logins {
        let named = std::env::var_os("NETRC").filter(|name| !name.is_empty()).map(PathBuf::from);
        let file = named.or_else(|| Some(folders::home()?.join(".netrc")));
        file.map(|file| Logins::read(&file)).unwrap_or_default()
    }

    pub fn read(file: &Path) -> Logins {
        std::fs::read_to_string(file).map(|text| Logins::parse(&text)).unwrap_or_default()
    }

    fn parse(text: &str) -> Logins {
        let entry = |entry: netrc::Entry| Entry {
            machine: entry.machine,
            user: entry.user,
            password: Password::Text(entry.password),
        };
        Logins(netrc::parse(text).into_iter().map(entry).collect())
    }

    /// With others, as `host` or `host:port`, user and password, that go before these.
    #[must_use]
    pub fn below(self, others: impl IntoIterator<Item = (String, String, Password)>) -> Logins {
        let others = others.into_iter().map(|(machine, user, password)| Entry { machine, user, password });
        Logins(others.chain(self.0).collect())
    }

    /// What goes to a URL's host. A password in clear over a network is worth less than an error.
    ///
    /// Errors: the program that knows the password does not tell it.
    pub fn of(&self, url: &Url) -> Result<Option<Login>, String> {
        let Some(host) = url.host_str() else { return Ok(None) };
        let port = url.port_or_known_default().map(|port| format!("{host}:{port}"));
        let is_meant = |machine: &str| {
            machine.eq_ignore_ascii_case(host) || port.as_ref().is_some_and(|port| machine.eq_ignore_ascii_case(port))
        };
        let entry = self.0.iter().find(|entry| is_meant(&entry.machine));
        let Some(entry) = entry.filter(|_| url.scheme() == "https" || is_loopback(url)) else { return Ok(None) };
        let password = match &entry.password {
            Password::Text(text) => text.clone(),
            Password::Command(words, said) => said.get_or_init(|| told(words)).clone()?,
        };
        Ok(Some(Login { user: entry.user.clone(), password }))
    }
}

/// What a program says is the password. Nothing that it prints is shown.
fn told(words: &[String]) -> Result<String, String> {
    let (program, arguments) = words.split_first().ok_or("the command for its password is empty")?;
    let failed = |why: String| format!("`{program}`, which knows the password of its login, {why}");
    let mut command = tokio::process::Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let output = tokio::runtime::Handle::current().block_on(tokio::time::timeout(PATIENCE, command.output()));
    let output = output.map_err(|_| failed(format!("did not answer within {} s", PATIENCE.as_secs())))?;
    let output = output.map_err(|error| failed(format!("cannot be run: {error}")))?;
    if !output.status.success() {
        return Err(failed(format!("failed: {}", output.status)));
    }
    let said = String::from_utf8(output.stdout).map_err(|_| failed("printed what is no UTF-8".to_owned()))?;
    let line = said.lines().next().filter(|line| !line.is_empty());
    line.map(str::to_owned).ok_or_else(|| failed("printed nothing".to_owned()))
}

impl Login {
    /// What stands in a URL, which is left without it.
    pub fn take_from(url: &mut Url) -> Option<Login> {
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let (user, password) = (decoded(url.username()), decoded(url.password().unwrap_or_default()));
        if user.is_empty() && password.is_empty() {
            return None;
        }
        url.set_username("").and_then(|()| url.set_password(None)).ok()?;
        Some(Login { user, password })
    }

    /// The value of `Authorization`.
    pub fn header(&self) -> String {
        format!("Basic {}", STANDARD.encode(format!("{}:{}", self.user, self.password)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str, url: &str) -> Option<(String, String)> {
        let login = Logins::parse(text).of(&Url::parse(url).unwrap()).unwrap()?;
        Some((login.user, login.password))
    }

    #[test]
    fn a_login_goes_to_its_own_host_by_tls() {
        let text = "# logins\nmachine a.example login me password one\n\
                    macdef init\nmachine b.example login macro password macro\n\n\
                    machine b.example\n  login \"you and me\"\n  password \"t\\\"w o\" # comment\n\
                    machine 127.0.0.1 login here password three\ndefault login any password four\n";
        let login = |user: &str, password: &str| Some((user.to_owned(), password.to_owned()));
        assert_eq!(found(text, "https://a.example/x"), login("me", "one"));
        assert_eq!(found(text, "https://A.example:8443/x"), login("me", "one"));
        assert_eq!(found(text, "https://b.example/x"), login("you and me", "t\"w o"));
        assert_eq!(found(text, "http://127.0.0.1:8000/x"), login("here", "three"));
        for url in ["http://a.example/x", "https://c.example/x", "https://sub.a.example/x", "https://a.example.evil/x"]
        {
            assert_eq!(found(text, url), None, "{url}");
        }
    }

    #[test]
    fn a_login_in_a_url_is_taken_out_of_it() {
        let mut url = Url::parse("https://us%40er:p%3Ass@example.com/x").unwrap();
        let login = Login::take_from(&mut url).unwrap();
        assert_eq!(
            (login.user.as_str(), login.password.as_str(), url.as_str()),
            ("us@er", "p:ss", "https://example.com/x")
        );
        assert!(Login::take_from(&mut url).is_none());
    }
}
