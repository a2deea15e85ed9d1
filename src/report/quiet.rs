//! Results, errors and what the user should know; no progress.

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
    fn say(&mut self, event: &Event) {
        let text = match event {
            Event::ImageFailed { diagnostic, .. } | Event::PushFailed { diagnostic, .. } => {
                diagnostic::render(std::slice::from_ref(&**diagnostic), &self.sources, self.style)
            }
            Event::Mistaken { diagnostics } | Event::Warned { diagnostics } => {
                diagnostic::render(diagnostics, &self.sources, self.style)
            }
            Event::ImageSkipped { image, because } => format!("{image}  skipped: {because}\n"),
            Event::Pushed { reference, digest, .. } => format!("pushed {reference}@{digest}\n"),
            Event::PushSkipped { because, .. } => format!("not pushed: {because}\n"),
            Event::Note { message } => format!("{message}\n"),
            Event::Finished(summary) => format!("{}\n", super::plain::sentence(summary)),
            Event::Started { .. }
            | Event::ImageStarted { .. }
            | Event::StepStarted { .. }
            | Event::StepOutput { .. }
            | Event::StepProgress { .. }
            | Event::StepFinished { .. }
            | Event::CheckStarted { .. }
            | Event::CheckPassed { .. }
            | Event::ImageBuilt { .. }
            | Event::ImageTagged { .. }
            | Event::ImageUpToDate { .. }
            | Event::DownloadStarted { .. }
            | Event::DownloadProgress { .. }
            | Event::DownloadRetried { .. }
            | Event::DownloadFinished { .. }
            | Event::PullStarted { .. }
            | Event::PullRetried { .. }
            | Event::PullFinished { .. }
            | Event::PullFailed { .. }
            | Event::PushStarted { .. }
            | Event::PushProgress { .. }
            | Event::PushRetried { .. }
            | Event::PushUpToDate { .. }
            | Event::ImageCancelled { .. }
            | Event::Paused
            | Event::Changed { .. }
            | Event::CommandOutput { .. }
            | Event::Superseded => return,
        };
        let _ = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Summary;

    #[test]
    fn what_was_pushed_what_was_left_out_and_why_is_said() {
        let mut out = Vec::new();
        let mut quiet = Quiet::new(&mut out, Sources::default(), Style::PLAIN);
        let because = || "no registry is configured".to_owned();
        let events = [
            Event::Note { message: "a private engine is started".to_owned() },
            Event::StepOutput { image: "a".to_owned(), line: "progress".to_owned() },
            Event::ImageSkipped { image: "b".to_owned(), because: "a is not there".to_owned() },
            Event::PushSkipped { images: vec!["a".to_owned(), "c".to_owned()], because: because() },
            Event::Pushed {
                image: "d".to_owned(),
                reference: "r.example.com/d:1".to_owned(),
                digest: "sha256:0123".to_owned(),
                seconds: 1.0,
            },
            Event::Finished(Summary { pushed: 1, ..Summary::default() }),
        ];
        events.iter().for_each(|event| quiet.hear(event));
        let expected = "a private engine is started\nb  skipped: a is not there\n\
            not pushed: no registry is configured\npushed r.example.com/d:1@sha256:0123\npushed 1 in 0.00 s\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
