//! Why a registry did not do what it was asked for.

use std::fmt;

/// Each has the reason in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// Nobody answers, or not in time, or nobody who is trusted.
    Unreachable(String),
    /// It says nothing, for longer than f3s waits.
    Silent(String),
    /// It wants a login, or another one.
    Refused(String),
    /// It is asked too much, and wants to be left alone for longer than f3s waits.
    Busy(String),
    /// It answered what no registry should, or that it is broken.
    Failed(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Unreachable(why)
            | Error::Silent(why)
            | Error::Refused(why)
            | Error::Busy(why)
            | Error::Failed(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for Error {}
