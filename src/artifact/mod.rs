//! Artifacts on the host: fetched once, verified, kept in a content-addressed store, handed to builds as files.

mod archive;
mod blobs;
mod clearing;
mod download;
mod git;
mod git_program;
mod links;
mod living;
mod locks;
mod logins;
mod netrc;
mod pack;
mod partial;
mod request;
mod retry;
mod store;
mod transfer;

pub use clearing::{Cleared, clear};
pub use logins::{Logins, Password};
pub use store::{Content, Store};
