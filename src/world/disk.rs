//! The world of a real run: the project's folder on disk.

/// The project's folder.
pub struct Disk;
