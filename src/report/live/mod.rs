//! The live view: one line per running image at the bottom of the terminal, what is finished scrolls by above it.
//!
//! The cursor stays visible and at the start of the view's first line between two drawings: however f3s ends, there is
//! nothing to restore.

mod state;
mod view;

use std::io::Write;
use std::time::{Duration, Instant};

use super::diagnostic::{self, Style};
use super::plain::sentence;
use super::{Report, bytes, seconds};
use crate::diagnostic::{Diagnostic, Sources};
use crate::event::Event;
use state::State;
pub use view::Terminal;

const INTERVAL: Duration = Duration::from_millis(100);

pub struct Live<W, S> {
    out: W,
    /// Asked before every drawing: the terminal may have been resized.
    size: S,
    sources: Sources,
    style: Style,
    state: State,
    drawn: bool,
}

impl<W: Write, S: Fn() -> Terminal> Live<W, S> {
    pub fn new(out: W, size: S, sources: Sources, style: Style) -> Self {
        Live { out, size, sources, style, state: State::default(), drawn: false }
    }

    /// Replaces the view, with `above` scrolling by. One write: no half-drawn view is ever seen.
    fn draw(&mut self, above: &str) {
        let terminal = (self.size)();
        let mut text = String::from("\x1b[?2026h");
        if self.drawn {
            // Clears from the view's first line to the end of the screen.
            text.push_str("\r\x1b[J");
        }
        text.push_str(&above.replace('\n', "\r\n"));
        let lines = view::lines(&self.state, terminal, Instant::now());
        let busy = !self.state.images.is_empty() || !self.state.transfers.is_empty();
        self.drawn = busy;
        if busy {
            text.push_str(&lines.join("\r\n"));
            let up = lines.len() - 1;
            text.push('\r');
            if up > 0 {
                text.push_str(&format!("\x1b[{up}A"));
            }
        }
        text.push_str("\x1b[?2026l");
        // A terminal that is gone ends nobody's build.
        let _ = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush());
    }

    fn mark(&self, good: bool) -> String {
        let (text, colour) = match (good, self.style.unicode) {
            (true, true) => ("✓", 32),
            (true, false) => ("+", 32),
            (false, true) => ("✗", 31),
            (false, false) => ("x", 31),
        };
        if self.style.colour { format!("\x1b[{colour}m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn failure(&self, what: &str, diagnostic: &Diagnostic) -> String {
        let drawn = diagnostic::render(std::slice::from_ref(diagnostic), &self.sources, self.style);
        format!("{} {what}\n\n{drawn}", self.mark(false))
    }

    /// What an event leaves behind above the view.
    fn lasting(&self, event: &Event) -> Option<String> {
        Some(match event {
            Event::ImageBuilt { image, reference, size, seconds: took, cached } => {
                let cached = if *cached { ", all from the cache" } else { "" };
                format!("{} {image}  {reference}  {} in {}{cached}\n", self.mark(true), bytes(*size), seconds(*took))
            }
            Event::ImageTagged { image, references } => {
                format!("{} {image}  tagged {}\n", self.mark(true), references.join(", "))
            }
            Event::ImageFailed { image, diagnostic } => self.failure(&format!("{image} failed"), diagnostic),
            Event::ImageSkipped { image, because } => format!("{} {image} skipped: {because}\n", self.mark(false)),
            Event::DownloadRetried { url, attempt, because } => format!("{url}  attempt {attempt}: {because}\n"),
            Event::PushRetried { reference, attempt, because, .. } => {
                format!("{reference}  attempt {attempt}: {because}\n")
            }
            Event::Pushed { reference, digest, .. } => format!("{} pushed {reference}@{digest}\n", self.mark(true)),
            Event::PushFailed { reference, diagnostic, .. } => {
                self.failure(&format!("push of {reference} failed"), diagnostic)
            }
            Event::PushSkipped { image, because } => format!("{image} not pushed: {because}\n"),
            Event::Note { message } => format!("{message}\n"),
            Event::Finished(summary) => format!("{}\n", sentence(summary)),
            Event::Started { .. }
            | Event::ImageStarted { .. }
            | Event::StepStarted { .. }
            | Event::StepOutput { .. }
            | Event::StepFinished { .. }
            | Event::CheckStarted { .. }
            | Event::CheckPassed { .. }
            | Event::ImageUpToDate { .. }
            | Event::DownloadStarted { .. }
            | Event::DownloadProgress { .. }
            | Event::DownloadFinished { .. }
            | Event::PullStarted { .. }
            | Event::PullFinished { .. }
            | Event::PushStarted { .. }
            | Event::PushProgress { .. }
            | Event::PushUpToDate { .. } => return None,
        })
    }
}

impl<W: Write + Send, S: Fn() -> Terminal + Send> Report for Live<W, S> {
    fn hear(&mut self, event: &Event) {
        self.state.hear(event, Instant::now());
        if let Some(text) = self.lasting(event) {
            self.draw(&text);
        }
    }

    fn interval(&self) -> Option<Duration> {
        Some(INTERVAL)
    }

    fn tick(&mut self) {
        if self.drawn || !self.state.images.is_empty() || !self.state.transfers.is_empty() {
            self.draw("");
        }
    }

    fn end(&mut self) {
        self.state = State::default();
        if self.drawn {
            self.draw("");
        }
    }
}

#[cfg(test)]
mod tests;
