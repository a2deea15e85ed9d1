//! What a script may use. How much it does, [`super::meter`] measures.

/// Bytes of one script.
pub const MAX_SCRIPT: usize = 256 * 1024;
pub const MAX_CALL_DEPTH: usize = 64;
pub const MAX_EXPRESSION_DEPTH: usize = 64;
/// Bytes of one text, and of all texts in a list or map.
pub const MAX_STRING: usize = 16_000_000;
/// Items of a list or map, with those of the lists and maps in it.
pub const MAX_COLLECTION: usize = 10_000;
pub const MAX_VARIABLES: usize = 1_000;
/// Bytes of stack for a thread that parses and runs scripts: the depths above need some 10 MiB in a debug build.
pub const STACK: usize = 32 * 1024 * 1024;
