//! What the user sees: diagnostics as rustc draws them, progress as plain lines or JSON, the summary.

mod ci;
pub mod diagnostic;
mod excerpt;
mod json;
mod live;
mod logs;
mod plain;
mod quiet;
mod size;
#[cfg(test)]
mod tests;

pub use ci::{Ci, annotation};
pub use json::Json;
pub use live::{Live, Terminal};
pub use logs::{KEPT as LOGS_KEPT, Logs, OF_RUN as LOG_OF_RUN};
pub use plain::Plain;
pub use quiet::Quiet;
pub use size::{bytes, count, seconds};

use std::time::Duration;

use crate::event::Event;

/// Hears the events of a run. Progress goes to standard error or, as JSON, to standard output.
pub trait Report: Send {
    fn hear(&mut self, event: &Event) {
        self.say(&event.harmless());
    }

    /// Says an event whose texts are safe to show: `hear` is the only one who calls it.
    fn say(&mut self, event: &Event);

    /// How often it wants to be ticked; never, when `None`.
    fn interval(&self) -> Option<Duration> {
        None
    }

    /// Time has passed.
    fn tick(&mut self) {}

    /// Nothing more will be heard.
    fn end(&mut self) {}
}
