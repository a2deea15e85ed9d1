//! What f3s keeps for the user, in his state folder.

pub mod engine_lock;
pub mod key;

use std::path::PathBuf;

use super::failure::Failure;
use crate::diagnostic::Sources;
use crate::folders;

/// The folder, which may not be there yet.
fn folder() -> Result<PathBuf, Failure> {
    folders::state().map_err(|error| Failure::Wrong(error.into(), Sources::default()))
}
