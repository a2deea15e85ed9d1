//! Builds by BuildKit's `Solve`, over the daemon's own `/grpc` and `/session`: the one route that has progress,
//! secrets, ssh, incremental upload and digests together on every engine.

mod cache;
mod capabilities;
mod filesync;
mod session;
mod solve;
mod status;

/// Bytes that may be on their way on a connection: as many as HTTP/2 knows. BuildKit asks for thousands of files, and tells
/// of thousands of steps, in frames of a few bytes each; with a small window they are taken for an attack.
const WINDOW: u32 = (1 << 31) - 1;

pub use filesync::{Content, Entry, Files, changed, received};
pub use session::Offer;
pub use solve::{Builder, Request};
pub use status::late;
