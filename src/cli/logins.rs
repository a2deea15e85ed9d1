//! The user's logins for downloads, of his own settings and of his `.netrc`.

use super::failure::Failure;
use crate::artifact::{Logins, Password};
use crate::consent;
use crate::diagnostic::Sources;

pub fn of_user() -> Result<Logins, Failure> {
    let settings = consent::logins().map_err(|error| Failure::Wrong(error.into(), Sources::default()))?;
    let logins = settings.into_iter().map(|(host, login)| {
        let password = match login.command {
            Some(words) => Password::Command(words),
            None => Password::Text(login.password.unwrap_or_default()),
        };
        (host, login.user, password)
    });
    Ok(Logins::of_netrc().below(logins))
}
