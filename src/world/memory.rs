//! A world for tests and documentation examples: nothing but what was put in.

/// Files, variables and a clock that were put in.
pub struct Memory;
