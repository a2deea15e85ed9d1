//! What of the machine can be wanted.

use std::path::PathBuf;

use serde::Serialize;

/// Something of the machine.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Wish {
    /// The engine at this address.
    Engine(String),
    /// The network of the engine's host.
    HostNetwork,
    /// The ssh agent.
    Ssh,
    /// A file outside of the project, where links lead.
    Read(PathBuf),
    /// A host variable. Its name stands in the recipe: that is said, and not asked about.
    Variable(String),
}
