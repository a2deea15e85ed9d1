//! The user's logins for downloads, of his own settings and of his `.netrc`.

use super::failure::Failure;
use crate::artifact::{Logins, Password};
use crate::consent::{self, Login};
use crate::diagnostic::Sources;

pub fn of_user() -> Result<Logins, Failure> {
    let settings = consent::logins().map_err(|error| Failure::Wrong(error.into(), Sources::default()))?;
    let logins = settings.into_iter().map(|(host, login)| match login {
        Login::Password { user, password } => (host, user, Password::Text(password)),
        Login::Command { user, command } => (host, user, Password::Command(command)),
    });
    Ok(Logins::of_netrc().below(logins))
}
