//! The live view: one line per running image at the bottom of the terminal, what is finished scrolls by above it.
//!
//! The cursor stays visible and at the start of the view's first line between two drawings: however f3s ends, there is
//! nothing to restore.

mod state;
mod view;

use std::io::Write;
use std::time::{Duration, Instant};

use super::diagnostic::{self, Style};
use super::plain::{CLEAR, sentence};
use super::{Report, bytes, seconds};
use crate::diagnostic::{Diagnostic, Sources};
use crate::event::Event;
use state::State;
pub use view::Terminal;

const INTERVAL: Duration = Duration::from_millis(100);
/// Erases the view. Not from the corner of the screen, behind a blank: what is erased from there counts as a cleared screen,
/// which terminals such as tmux keep among what scrolled by.
const ERASE: &str = "\r \x1b[J\r\x1b[K";

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

    fn is_busy(&self) -> bool {
        !self.state.images.is_empty() || !self.state.transfers.is_empty()
    }

    /// Replaces the view, with `above` scrolling by. One write, in which every line takes the place of an old one: no
    /// half-drawn view is ever seen, not even where the terminal does not know of synchronized updates (mode 2026).
    fn draw(&mut self, above: &str) {
        let lines = if self.is_busy() { view::lines(&self.state, (self.size)(), Instant::now()) } else { Vec::new() };
        let mut text = String::from("\x1b[?2026h");
        if self.drawn {
            // What comes above may be wrapped by the terminal: what it covers is not known.
            text.push_str(if above.is_empty() && !lines.is_empty() { "\r" } else { ERASE });
        }
        text.push_str(&above.replace('\n', "\r\n"));
        text.push_str(&lines.join("\x1b[K\r\n"));
        if !lines.is_empty() {
            // The rest of the last line, and what the view had below.
            text.push_str(if self.drawn { "\x1b[J\r" } else { "\r" });
        }
        if lines.len() > 1 {
            text.push_str(&format!("\x1b[{}A", lines.len() - 1));
        }
        text.push_str("\x1b[?2026l");
        self.drawn = !lines.is_empty();
        // A terminal that is gone ends nobody's build.
        let _ = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush());
    }

    /// Leaves the view where it is: somebody else writes next.
    fn step_below(&mut self) {
        if std::mem::take(&mut self.drawn) {
            let lines = view::lines(&self.state, (self.size)(), Instant::now()).len();
            let _ = write!(self.out, "{}", "\r\n".repeat(lines)).and_then(|()| self.out.flush());
        }
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
            Event::PullRetried { reference, attempt, because }
            | Event::PushRetried { image: _, reference, attempt, because } => {
                format!("{reference}  attempt {attempt}: {because}\n")
            }
            Event::Pushed { reference, digest, .. } => format!("{} pushed {reference}@{digest}\n", self.mark(true)),
            Event::PushFailed { reference, diagnostic, .. } => {
                self.failure(&format!("push of {reference} failed"), diagnostic)
            }
            Event::PushSkipped { images, because } => format!("not pushed: {because} ({})\n", images.join(", ")),
            Event::Note { message } => format!("{message}\n"),
            Event::Changed { what, clear } => format!("{}{what}\n", if *clear { CLEAR } else { "" }),
            Event::Mistaken { diagnostics } | Event::Warned { diagnostics } => {
                diagnostic::render(diagnostics, &self.sources, self.style)
            }
            Event::CommandOutput { line } => format!("{line}\n"),
            Event::Finished(summary) => format!("{}\n", sentence(summary)),
            Event::Started { .. }
            | Event::ImageStarted { .. }
            | Event::StepStarted { .. }
            | Event::StepOutput { .. }
            | Event::StepProgress { .. }
            | Event::StepFinished { .. }
            | Event::CheckStarted { .. }
            | Event::CheckPassed { .. }
            | Event::ImageUpToDate { .. }
            | Event::DownloadStarted { .. }
            | Event::DownloadProgress { .. }
            | Event::DownloadFinished { .. }
            | Event::PullStarted { .. }
            | Event::PullFinished { .. }
            | Event::PullFailed { .. }
            | Event::PushStarted { .. }
            | Event::PushProgress { .. }
            | Event::PushUpToDate { .. }
            | Event::ImageCancelled { .. }
            | Event::Paused
            | Event::Superseded => return None,
        })
    }
}

impl<W: Write + Send, S: Fn() -> Terminal + Send> Report for Live<W, S> {
    fn say(&mut self, event: &Event) {
        self.state.hear(event, Instant::now());
        if *event == Event::Paused {
            self.step_below();
        }
        if let Some(text) = self.lasting(event) {
            self.draw(&text);
        }
    }

    fn interval(&self) -> Option<Duration> {
        Some(INTERVAL)
    }

    fn tick(&mut self) {
        if self.drawn || self.is_busy() {
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
