//! The user's logins for downloads, of his own settings and of his `.netrc`.

use super::failure::Failure;
use crate::artifact::{Logins, Password};
use crate::consent::{self, Login};
use crate::diagnostic::Sources;
use crate::plan::{Action, Plan, PlannedImage};

/// Those for what a plan fetches: where it fetches nothing, no password is read, and no mistake in settings is in the way.
pub fn for_plan(plan: &Plan) -> Result<Logins, Failure> {
    let fetches = |image: &PlannedImage| image.action == Action::Build && !image.artifacts.is_empty();
    if plan.images.iter().any(fetches) { of_user() } else { Ok(Logins::default()) }
}

fn of_user() -> Result<Logins, Failure> {
    let settings = consent::logins().map_err(|error| Failure::Wrong(error.into(), Sources::default()))?;
    let logins = settings.into_iter().map(|(host, login)| match login {
        Login::Password { user, password } => (host, user, Password::Text(password)),
        Login::Command { user, command } => (host, user, Password::of_command(command)),
    });
    Ok(Logins::of_netrc().below(logins))
}
