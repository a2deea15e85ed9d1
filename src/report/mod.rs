//! What the user sees: diagnostics as rustc draws them, progress as plain lines or JSON, the summary.

pub mod diagnostic;
mod json;
mod plain;
mod size;

pub use json::Json;
pub use plain::Plain;
pub use size::{bytes, count, seconds};

use crate::event::Event;

/// Hears the events of a run. Progress goes to standard error or, as JSON, to standard output.
pub trait Report: Send {
    fn hear(&mut self, event: &Event);
}
