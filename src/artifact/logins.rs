//! Logins of download servers, from the user's `.netrc`. Which of them goes where is decided here: to the host that it is
//! of, and over TLS.

use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use url::{Host, Url};

use crate::folders;

#[derive(Clone, Default)]
pub struct Logins(Vec<Login>);

#[derive(Clone, PartialEq)]
pub struct Login {
    machine: String,
    user: String,
    password: String,
}

impl Logins {
    /// Of `NETRC`, else of `.netrc` in the home folder. One that cannot be read has none.
    pub fn of_user() -> Logins {
        let named = std::env::var_os("NETRC").filter(|name| !name.is_empty()).map(PathBuf::from);
        let file = named.or_else(|| Some(folders::home()?.join(".netrc")));
        file.map(|file| Logins::read(&file)).unwrap_or_default()
    }

    pub fn read(file: &Path) -> Logins {
        std::fs::read_to_string(file).map(|text| Logins::parse(&text)).unwrap_or_default()
    }

    /// `default` is left out: it would give a login to whatever host a recipe names.
    fn parse(text: &str) -> Logins {
        let mut logins: Vec<Login> = Vec::new();
        let mut open = false;
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            let mut words = words(line).into_iter();
            while let Some(word) = words.next() {
                match word.as_str() {
                    "machine" => {
                        let machine = words.next().unwrap_or_default();
                        logins.push(Login { machine, user: String::new(), password: String::new() });
                        open = true;
                    }
                    "default" => open = false,
                    // Its text ends at an empty line.
                    "macdef" => {
                        _ = lines.by_ref().find(|line| line.trim().is_empty());
                        break;
                    }
                    key @ ("login" | "password" | "account") => {
                        let value = words.next().unwrap_or_default();
                        if let Some(login) = logins.last_mut().filter(|_| open) {
                            match key {
                                "login" => login.user = value,
                                "password" => login.password = value,
                                _ => {}
                            }
                        }
                    }
                    comment if comment.starts_with('#') => break,
                    _ => {}
                }
            }
        }
        Logins(logins)
    }

    /// What goes to a URL's host. A password in clear over a network is worth less than an error.
    pub fn of(&self, url: &Url) -> Option<Login> {
        let host = url.host_str()?;
        let login = self.0.iter().find(|login| login.machine.eq_ignore_ascii_case(host))?;
        (url.scheme() == "https" || is_here(url)).then(|| login.clone())
    }
}

/// The words of a line; one in quotes may hold blanks.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = line.trim_start();
    while !rest.is_empty() {
        let (word, left) = match rest.strip_prefix('"') {
            Some(quoted) => quoted_word(quoted),
            None => {
                let (word, left) = rest.split_at(rest.find(char::is_whitespace).unwrap_or(rest.len()));
                (word.to_owned(), left)
            }
        };
        words.push(word);
        rest = left.trim_start();
    }
    words
}

fn quoted_word(text: &str) -> (String, &str) {
    let mut word = String::new();
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return (word, &text[at + 1..]),
            '\\' => word.extend(letters.next().map(|(_, letter)| letter)),
            letter => word.push(letter),
        }
    }
    (word, "")
}

fn is_here(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

impl Login {
    /// What stands in a URL, which is left without it.
    pub fn take_from(url: &mut Url) -> Option<Login> {
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let (user, password) = (decoded(url.username()), decoded(url.password().unwrap_or_default()));
        if user.is_empty() && password.is_empty() {
            return None;
        }
        let machine = url.host_str().unwrap_or_default().to_owned();
        url.set_username("").and_then(|()| url.set_password(None)).ok()?;
        Some(Login { machine, user, password })
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
        let login = Logins::parse(text).of(&Url::parse(url).unwrap())?;
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
