//! Says that a test cannot be made here.

use std::io::Write;

/// Not by the macro, whose words nobody sees of a test that passes.
pub fn skipped(test: &str, because: &str) {
    let _ = writeln!(std::io::stderr(), "SKIPPED {test}: {because}");
}
