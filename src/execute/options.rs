//! How a plan is executed, and how that ended.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::config::Transfers;
use crate::diagnostic::Diagnostic;
use crate::engine::{BuildOptions, EngineError};
use crate::event::Summary;
use crate::recipe::ImageRef;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExecuteOptions {
    /// The project's root, which files of the context are relative to.
    pub project: PathBuf,
    /// Go on with images that do not rest on a failed one.
    pub keep_going: bool,
    pub push: bool,
    /// Run every step of what was asked for anew.
    pub force: bool,
    pub build: BuildOptions,
    pub transfers: Transfers,
    /// Why images of registries are not there: what rests on them fails.
    pub missing: BTreeMap<ImageRef, EngineError>,
}

/// How a run ended. `unreachable` is set when an engine or a registry could not be reached (exit code 4).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    pub summary: Summary,
    pub errors: Vec<Diagnostic>,
    pub unreachable: bool,
}
