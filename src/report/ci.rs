//! Plain lines for logs of continuous integration: each image's lines in a group that folds, failures as annotations with
//! file and line.
//!
//! GitHub: docs.github.com, "Workflow commands". GitLab: docs.gitlab.com, "Custom collapsible sections".

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::diagnostic::{self, Style};
use super::{Plain, Report};
use crate::diagnostic::{Diagnostic, Severity, Sources};
use crate::event::Event;
use crate::harmless::{self, Service};

pub struct Ci<W: Write> {
    service: Service,
    out: W,
    sources: Sources,
    style: Style,
    plain: Plain<Vec<u8>>,
    /// Lines of images that are not done: images run at the same time, groups cannot.
    images: BTreeMap<String, Vec<u8>>,
}

impl<W: Write> Ci<W> {
    pub fn new(service: Service, out: W, sources: Sources, style: Style) -> Self {
        let plain = Plain::new(Vec::new(), sources.clone(), style);
        Ci { service, out, sources, style, plain, images: BTreeMap::new() }
    }

    /// The event in plain lines.
    fn lines(&mut self, event: &Event) -> Vec<u8> {
        self.plain.hear(event);
        let lines = std::mem::take(&mut self.plain.out);
        self.tamed(&String::from_utf8_lossy(&lines))
    }

    /// A failure for everybody to see: where it happened no group may hide it.
    fn failure(&self, diagnostic: &Diagnostic) -> Vec<u8> {
        let text = diagnostic::render(std::slice::from_ref(diagnostic), &self.sources, self.style);
        let mut text = self.tamed(&text);
        if self.service == Service::GitHub {
            text.extend(annotation(diagnostic, &self.sources).into_bytes());
        }
        text
    }

    /// Commands to the service are f3s's own only.
    fn tamed(&self, text: &str) -> Vec<u8> {
        self.service.tamed(text).into_bytes()
    }

    /// The lines of an image in its group; nothing when there are none.
    fn end_group(&mut self, image: &str) -> Vec<u8> {
        match self.images.remove(image) {
            Some(lines) => self.group(image, &lines),
            None => Vec::new(),
        }
    }

    /// Images that were not heard to end, such as those of a run that broke off.
    fn end_all_groups(&mut self) -> Vec<u8> {
        let images: Vec<String> = self.images.keys().cloned().collect();
        images.iter().flat_map(|image| self.end_group(image)).collect()
    }

    fn write(&mut self, text: &[u8]) {
        // A closed pipe ends nobody's build.
        let _ = self.out.write_all(text).and_then(|()| self.out.flush());
    }

    fn group(&self, image: &str, lines: &[u8]) -> Vec<u8> {
        let time = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let section: String =
            image.chars().map(|c| if c.is_ascii_alphanumeric() || "_.-".contains(c) { c } else { '_' }).collect();
        let (start, end) = match self.service {
            Service::GitHub => (format!("::group::{}\n", escaped(image)), "::endgroup::\n".to_owned()),
            Service::GitLab => (
                format!("\x1b[0Ksection_start:{time}:f3s_{section}[collapsed=true]\r\x1b[0K{image}\n"),
                format!("\x1b[0Ksection_end:{time}:f3s_{section}\r\x1b[0K\n"),
            ),
        };
        [start.as_bytes(), lines, end.as_bytes()].concat()
    }
}

/// A mistake as GitHub shows it beside the line.
pub fn annotation(diagnostic: &Diagnostic, sources: &Sources) -> String {
    let diagnostic = diagnostic.harmless();
    let level = match diagnostic.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let workspace = std::env::var_os("GITHUB_WORKSPACE").filter(|folder| !folder.is_empty()).map(PathBuf::from);
    let place = diagnostic.origin.as_ref().map(|origin| {
        let place = &origin.place;
        let file = file_in(workspace.as_deref(), sources.root.as_deref(), &place.file);
        format!(" file={},line={},col={}", property(&harmless::line(&file)), place.line, place.column)
    });
    let notes: String = diagnostic.notes.iter().map(|note| format!("\n{note}")).collect();
    format!("::{level}{}::{}\n", place.unwrap_or_default(), escaped(&format!("{}{notes}", diagnostic.message)))
}

/// A file of the project as seen from the folder that GitHub has checked out, where that holds the project.
fn file_in(workspace: Option<&Path>, root: Option<&Path>, file: &str) -> String {
    let inside = || {
        let workspace = workspace?.canonicalize().ok()?;
        let path = root?.join(file);
        Some(path.strip_prefix(workspace).ok()?.to_string_lossy().into_owned())
    };
    inside().unwrap_or_else(|| file.to_owned())
}

fn escaped(text: &str) -> String {
    text.replace("##[", "##\\[").replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    escaped(text).replace(':', "%3A").replace(',', "%2C")
}

impl<W: Write + Send> Report for Ci<W> {
    fn say(&mut self, event: &Event) {
        let text = match (event, event.image()) {
            (Event::ImageFailed { image, diagnostic }, _) => {
                let failed = self.tamed(&format!("{image}  failed\n"));
                // A second failure of an image has no group of its own.
                let group = match self.images.get_mut(image) {
                    Some(lines) => {
                        lines.extend(failed);
                        self.end_group(image)
                    }
                    None => failed,
                };
                [group, self.failure(diagnostic)].concat()
            }
            (Event::PushFailed { image, reference, diagnostic }, _) => {
                let failed = self.tamed(&format!("{image}  push of {reference} failed\n"));
                self.images.entry(image.clone()).or_default().extend(failed);
                [self.end_group(image), self.failure(diagnostic)].concat()
            }
            (Event::Mistaken { diagnostics } | Event::Warned { diagnostics }, _) => {
                diagnostics.iter().flat_map(|diagnostic| self.failure(diagnostic)).collect()
            }
            (Event::Finished(_), _) => [self.end_all_groups(), self.lines(event)].concat(),
            (_, None) => self.lines(event),
            (_, Some(image)) => {
                let lines = self.lines(event);
                self.images.entry(image.to_owned()).or_default().extend(lines);
                if event.ends_image() { self.end_group(image) } else { Vec::new() }
            }
        };
        self.write(&text);
    }
}

impl<W: Write> Drop for Ci<W> {
    fn drop(&mut self) {
        let text = self.end_all_groups();
        self.write(&text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Place;
    use crate::event::Summary;

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
            text.contains("\na  failed\n::endgroup::\nerror: exit code 1\n"),
            "the reason stands behind the group: {text}"
        );
        assert!(
            text.ends_with("\n\n::error file=scripts/a.rhai,line=3,col=1::exit code 1%0A100%25%0Aof it\n"),
            "{text}"
        );
        let text = said(Service::GitLab, &events[1..3]);
        assert!(
            text.contains("section_start:") && text.contains(":f3s_b[collapsed=true]\r") && !text.contains("::error"),
            "{text}"
        );
    }

    #[test]
    fn several_failures_of_an_image_and_a_run_that_breaks_off_lose_nothing() {
        let failed = |message: &str| Event::ImageFailed {
            image: "a".to_owned(),
            diagnostic: Box::new(Diagnostic::error(message)),
        };
        let text = said(Service::GitHub, &[output("b", "two"), output("a", "one"), failed("first"), failed("second")]);
        assert_eq!(text.matches("::group::a\n").count(), 1, "{text}");
        assert!(text.contains("\n::error::first\n") && text.contains("\n::error::second\n"), "{text}");
        // What was not heard to end stands at the end.
        assert!(text.ends_with("::group::b\nb  | two\n::endgroup::\n"), "{text}");
        let text = said(Service::GitLab, &[output("b", "two"), Event::Finished(Summary::default())]);
        let (lines, summary) = (text.find("b  | two").unwrap(), text.find("nothing to do").unwrap());
        assert!(lines < summary && text.matches("section_end").count() == 1, "{text}");
    }

    #[test]
    fn files_are_named_as_the_checked_out_folder_knows_them() {
        let folder = tempfile::tempdir().unwrap();
        let workspace = folder.path().canonicalize().unwrap();
        let (project, other) = (workspace.join("images"), tempfile::tempdir().unwrap());
        let named = |workspace: Option<&Path>, root: &Path| file_in(workspace, Some(root), "scripts/a.rhai");
        assert_eq!(named(Some(&workspace), &project), "images/scripts/a.rhai");
        assert_eq!(named(Some(&workspace), &workspace), "scripts/a.rhai");
        assert_eq!(named(Some(other.path()), &project), "scripts/a.rhai");
        assert_eq!(named(None, &project), "scripts/a.rhai");
    }
}
