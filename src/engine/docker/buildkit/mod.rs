//! Builds by BuildKit's `Solve`, over the daemon's own `/grpc` and `/session`: the one route that has progress,
//! secrets, ssh, incremental upload and digests together on every engine.

mod filesync;
mod session;
mod solve;
mod status;

pub use filesync::{Content, Files};
pub use session::Offer;
pub use solve::{Builder, Request};
