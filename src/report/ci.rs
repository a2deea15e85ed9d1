//! Plain lines for logs of continuous integration: each image's lines in a group that folds, failures as annotations with
//! file and line.
//!
//! GitHub: docs.github.com, "Workflow commands". GitLab: docs.gitlab.com, "Custom collapsible sections".

use std::collections::BTreeMap;
use std::io::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use super::diagnostic::Style;
use super::{Plain, Report};
use crate::diagnostic::{Diagnostic, Sources};
use crate::event::Event;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    GitHub,
    GitLab,
}

impl Service {
    /// The service that f3s runs in, by the variables that it sets.
    pub fn of_environment() -> Option<Service> {
        let is = |name: &str| std::env::var(name).is_ok_and(|value| value == "true");
        match () {
            () if is("GITHUB_ACTIONS") => Some(Service::GitHub),
            () if is("GITLAB_CI") => Some(Service::GitLab),
            () => None,
        }
    }
}

pub struct Ci<W> {
    service: Service,
    out: W,
    sources: Sources,
    style: Style,
    /// Lines of images that are not done: images run at the same time, groups cannot.
    images: BTreeMap<String, Vec<u8>>,
}

impl<W: Write> Ci<W> {
    pub fn new(service: Service, out: W, sources: Sources, style: Style) -> Self {
        Ci { service, out, sources, style, images: BTreeMap::new() }
    }

    fn plain(&self, event: &Event) -> Vec<u8> {
        let mut lines = Vec::new();
        Plain::new(&mut lines, self.sources.clone(), self.style).hear(event);
        lines
    }

    fn group(&self, image: &str, lines: &[u8]) -> Vec<u8> {
        let time = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let section: String =
            image.chars().map(|c| if c.is_ascii_alphanumeric() || "_.-".contains(c) { c } else { '_' }).collect();
        let (start, end) = match self.service {
            Service::GitHub => (format!("::group::{image}\n"), "::endgroup::\n".to_owned()),
            Service::GitLab => (
                format!("\x1b[0Ksection_start:{time}:f3s_{section}[collapsed=true]\r\x1b[0K{image}\n"),
                format!("\x1b[0Ksection_end:{time}:f3s_{section}\r\x1b[0K\n"),
            ),
        };
        [start.as_bytes(), lines, end.as_bytes()].concat()
    }

    /// A failure where a reviewer sees it; GitLab has no such command.
    fn annotation(&self, diagnostic: &Diagnostic) -> String {
        if self.service == Service::GitLab {
            return String::new();
        }
        let place = diagnostic.origin.as_ref().map(|origin| {
            let place = &origin.place;
            format!(" file={},line={},col={}", property(&place.file), place.line, place.column)
        });
        let notes: String = diagnostic.notes.iter().map(|note| format!("\n{note}")).collect();
        format!("::error{}::{}\n", place.unwrap_or_default(), escaped(&format!("{}{notes}", diagnostic.message)))
    }
}

fn escaped(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    escaped(text).replace(':', "%3A").replace(',', "%2C")
}

impl<W: Write + Send> Report for Ci<W> {
    fn hear(&mut self, event: &Event) {
        let lines = self.plain(event);
        let mut text = Vec::new();
        match event.image() {
            None => text = lines,
            Some(image) => {
                let kept = self.images.entry(image.to_owned()).or_default();
                kept.extend(lines);
                if event.ends_image() {
                    let kept = self.images.remove(image).unwrap_or_default();
                    text = self.group(image, &kept);
                }
            }
        }
        if let Event::Mistaken { diagnostics } = event {
            text.extend(diagnostics.iter().flat_map(|diagnostic| self.annotation(diagnostic).into_bytes()));
        }
        if let Event::ImageFailed { diagnostic, .. } | Event::PushFailed { diagnostic, .. } = event {
            text.extend(self.annotation(diagnostic).into_bytes());
        }
        let _ = self.out.write_all(&text).and_then(|()| self.out.flush());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Place;

    fn said(service: Service, events: &[Event]) -> String {
        let mut out = Vec::new();
        let mut report = Ci::new(service, &mut out, Sources::default(), Style::PLAIN);
        events.iter().for_each(|event| report.hear(event));
        drop(report);
        String::from_utf8(out).unwrap()
    }

    fn output(image: &str, line: &str) -> Event {
        Event::StepOutput { image: image.to_owned(), line: line.to_owned() }
    }

    #[test]
    fn images_that_run_together_are_groups_apart_and_failures_are_annotated() {
        let diagnostic = Diagnostic::error("exit code 1").at(Place::new("scripts/a.rhai", 3, 1)).note("100%\nof it");
        let events = [
            output("a", "one"),
            output("b", "two"),
            Event::ImageUpToDate { image: "b".to_owned() },
            Event::ImageFailed { image: "a".to_owned(), diagnostic: Box::new(diagnostic) },
        ];
        let text = said(Service::GitHub, &events);
        assert!(
            text.starts_with("::group::b\nb  | two\nb  up to date\n::endgroup::\n::group::a\na  | one\na  failed\n"),
            "{text}"
        );
        assert!(
            text.ends_with("::endgroup::\n::error file=scripts/a.rhai,line=3,col=1::exit code 1%0A100%25%0Aof it\n"),
            "{text}"
        );
        let text = said(Service::GitLab, &events[1..3]);
        assert!(
            text.contains("section_start:") && text.contains(":f3s_b[collapsed=true]\r") && !text.contains("::error"),
            "{text}"
        );
    }
}
