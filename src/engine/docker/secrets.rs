//! Values of secrets and the ssh agent, read when a build starts. A secret that nobody serves would be absent in
//! silence: it is refused here.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::diagnostic::Diagnostic;
use crate::folders;
use crate::plan::PlannedImage;
use crate::recipe::{Run, SecretMount, SecretSource};

/// Whether all that an image needs from the host is there, before anything is built.
pub fn examine(image: &PlannedImage) -> Result<(), Diagnostic> {
    read(image)?;
    agent(image)?;
    Ok(())
}

/// The values of the image's secrets by id.
pub fn read(image: &PlannedImage) -> Result<BTreeMap<String, Vec<u8>>, Diagnostic> {
    image.secrets.iter().map(|secret| Ok((secret.id.clone(), value(image, secret)?))).collect()
}

fn value(image: &PlannedImage, secret: &SecretMount) -> Result<Vec<u8>, Diagnostic> {
    let missing = |message: String, hint: String| {
        let uses = |run: &Run| run.secrets.iter().any(|used| used.id == secret.id);
        at_step(Diagnostic::error(message).hint(hint), image, uses)
    };
    match &secret.source {
        SecretSource::Env(name) => std::env::var(name).map(String::into_bytes).map_err(|_| {
            let hint = format!("set {name}, or name a file: `secret(\"{}\", #{{ file: \"..\" }})`", secret.id);
            missing(format!("the secret `{}` is not there: the host variable {name} is not set", secret.id), hint)
        }),
        SecretSource::File(written) => {
            let path = match (written.strip_prefix("~/"), folders::home()) {
                (Some(rest), Some(home)) => home.join(rest),
                _ => PathBuf::from(written),
            };
            std::fs::read(&path).map_err(|error| {
                let hint = "the path of a secret is one of the host, not of the project".to_owned();
                missing(format!("the secret `{}` is not there: `{written}`: {error}", secret.id), hint)
            })
        }
    }
}

/// The socket of the ssh agent, for an image that asks for it.
pub fn agent(image: &PlannedImage) -> Result<Option<PathBuf>, Diagnostic> {
    if !image.ssh {
        return Ok(None);
    }
    match std::env::var_os("SSH_AUTH_SOCK").filter(|socket| !socket.is_empty()) {
        Some(socket) => Ok(Some(socket.into())),
        None => {
            let error = Diagnostic::error("no ssh agent is there: SSH_AUTH_SOCK is not set");
            Err(at_step(error.hint("start one: `eval $(ssh-agent); ssh-add`"), image, |run| run.ssh))
        }
    }
}

fn at_step(error: Diagnostic, image: &PlannedImage, uses: impl Fn(&Run) -> bool) -> Diagnostic {
    let step = image.steps.iter().find(|step| step.kind.run().is_some_and(&uses));
    match step {
        Some(step) => error.at(step.origin.clone()),
        None => error,
    }
}
