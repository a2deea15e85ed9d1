//! Results and errors only.

use std::io::Write;

use super::Report;
use super::diagnostic::{self, Style};
use crate::diagnostic::Sources;
use crate::event::Event;

pub struct Quiet<W> {
    out: W,
    sources: Sources,
    style: Style,
}

impl<W: Write> Quiet<W> {
    pub fn new(out: W, sources: Sources, style: Style) -> Self {
        Quiet { out, sources, style }
    }
}

impl<W: Write + Send> Report for Quiet<W> {
    fn hear(&mut self, event: &Event) {
        let text = match event {
            Event::ImageFailed { diagnostic, .. } | Event::PushFailed { diagnostic, .. } => {
                diagnostic::render(std::slice::from_ref(&**diagnostic), &self.sources, self.style)
            }
            Event::Mistaken { diagnostics } => diagnostic::render(diagnostics, &self.sources, self.style),
            Event::Finished(summary) => format!("{}\n", super::plain::sentence(summary)),
            _ => return,
        };
        let _ = self.out.write_all(text.as_bytes());
    }
}
