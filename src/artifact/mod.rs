//! Artifacts on the host: fetched once, verified, kept in a content-addressed store, handed to builds as files.

mod archive;
mod download;
mod git;
mod pack;
mod retry;
mod store;

pub use store::Store;
