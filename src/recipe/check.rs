//! Assertions over the finished image.

use serde::Serialize;

use super::Timeout;
use crate::diagnostic::Origin;

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Check {
    /// What the check is called in reports; the command or path unless `name` says otherwise.
    pub name: String,
    pub kind: CheckKind,
    /// After this the check is ended, and has failed. How long it may take is no part of what is checked.
    pub timeout: Timeout,
    pub origin: Origin,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckKind {
    /// Runs `/bin/sh -c COMMAND` in a throw-away container, without the image's entry point.
    Command {
        command: String,
        /// Standard output, trimmed, must equal this.
        stdout: Option<String>,
        /// Standard output or standard error must contain this.
        contains: Option<String>,
        /// The expected exit code.
        exit: i64,
        user: Option<String>,
    },
    /// The path exists in the image (or, with `absent`, does not). Needs no shell.
    File {
        path: String,
        absent: bool,
        /// The content must contain this text.
        contains: Option<String>,
        /// Octal permission bits, as in `755`.
        mode: Option<String>,
        /// `uid:gid`, numeric.
        owner: Option<String>,
    },
    Size(SizeBound),
}

/// `check_size("< 80MB")`: MB, GB are powers of 1000, MiB, GiB of 1024.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SizeBound {
    /// The largest allowed size in bytes.
    pub max_bytes: u64,
    /// The bound as it was written.
    pub text: String,
}
