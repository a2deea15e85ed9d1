//! Values of secrets and the ssh agent, read when a build starts. A secret that nobody serves would be absent in
//! silence: it is refused here.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::diagnostic::Diagnostic;
use crate::engine::Access;
use crate::file;
use crate::plan::PlannedImage;
use crate::recipe::{Run, SecretMount, SecretSource};

/// Bytes (`MaxSecretSize` of BuildKit's `session/secrets/secretsprovider`).
const LARGEST: u64 = 500 << 10;

/// Whether all that an image needs from the host is there, before anything is built.
pub fn examine(image: &PlannedImage, access: &Access) -> Result<(), Diagnostic> {
    read(image, access)?;
    agent(image, access)?;
    Ok(())
}

/// The values of the image's secrets by id.
pub fn read(image: &PlannedImage, access: &Access) -> Result<BTreeMap<String, Vec<u8>>, Diagnostic> {
    image.secrets.iter().map(|secret| Ok((secret.id.clone(), value(image, secret, access)?))).collect()
}

fn value(image: &PlannedImage, secret: &SecretMount, access: &Access) -> Result<Vec<u8>, Diagnostic> {
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
            let hint = "the path of a secret is one of this machine, or relative to the project".to_owned();
            let gone =
                |why: String| missing(format!("the secret `{}` is not there: `{written}`: {why}", secret.id), hint);
            let Some(path) = access.files.get(written) else { return Err(gone("it was not allowed".to_owned())) };
            content(path).map_err(|error| gone(error.to_string()))
        }
    }
}

fn content(path: &Path) -> io::Result<Vec<u8>> {
    if path.canonicalize()? != path {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "it has become a link"));
    }
    let mut content = Vec::new();
    file::open(path)?.take(LARGEST + 1).read_to_end(&mut content)?;
    if content.len() as u64 > LARGEST {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "engines take secrets of at most 500 KiB"));
    }
    Ok(content)
}

/// The socket of the ssh agent, for an image that asks for it.
pub fn agent(image: &PlannedImage, access: &Access) -> Result<Option<PathBuf>, Diagnostic> {
    if !image.ssh {
        return Ok(None);
    }
    if !access.ssh {
        return Err(at_step(Diagnostic::error("the ssh agent was not allowed"), image, |run| run.ssh));
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
