//! Progress as lines, one per event, each behind the image's name: stable for logs of CI.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::{Duration, Instant};

use super::diagnostic::{self, Style};
use super::{Report, bytes, count, seconds};
use crate::diagnostic::Sources;
use crate::event::{Event, Summary};

/// Clears a terminal and begins at its top; filtered out where standard error is none.
pub const CLEAR: &str = "\x1b[2J\x1b[H";
/// How often a download, or a line of output that lacks its end, says how far it is.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(5);

/// How often steps that say nothing are looked at, and after how long it is said that they still run: services of continuous
/// integration end what is silent for minutes.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);
const SILENCE: Duration = Duration::from_secs(30);

/// A step or check that runs.
struct Running {
    since: Instant,
    /// When something was last said of it.
    heard: Instant,
}

pub struct Plain<W> {
    pub(super) out: W,
    sources: Sources,
    style: Style,
    /// When each download, or each image's line without an end, last said something.
    said: BTreeMap<String, Instant>,
    /// By image and step.
    running: BTreeMap<(String, String), Running>,
}

impl<W: Write> Plain<W> {
    pub fn new(out: W, sources: Sources, style: Style) -> Self {
        Plain { out, sources, style, said: BTreeMap::new(), running: BTreeMap::new() }
    }

    fn line(&mut self, subject: &str, text: &str) {
        // A closed pipe ends nobody's build.
        let _ = writeln!(self.out, "{subject}  {text}");
    }

    fn drawn(&mut self, diagnostic: &crate::diagnostic::Diagnostic) {
        let text = diagnostic::render(std::slice::from_ref(diagnostic), &self.sources, self.style);
        let _ = write!(self.out, "\n{text}");
    }

    /// Keeps in mind what runs, to say so when it is silent for long.
    fn remember(&mut self, event: &Event) {
        let now = Instant::now();
        match event {
            Event::StepStarted { image, step, cached: false, .. } => {
                self.running.insert((image.clone(), step.clone()), Running { since: now, heard: now });
            }
            Event::CheckStarted { image, check, .. } => {
                self.running.insert((image.clone(), of_check(check)), Running { since: now, heard: now });
            }
            Event::StepFinished { image, step, .. } => _ = self.running.remove(&(image.clone(), step.clone())),
            Event::CheckPassed { image, check, .. } => _ = self.running.remove(&(image.clone(), of_check(check))),
            Event::StepOutput { image: of, .. } | Event::StepProgress { image: of, .. } => {
                let of_image = self.running.iter_mut().filter(|((image, _), _)| image == of);
                of_image.for_each(|(_, running)| running.heard = now);
            }
            Event::Finished(_) => self.running.clear(),
            event => {
                let ends = event.ends_image() || matches!(event, Event::ImageCancelled { .. });
                if let Some(of) = event.image().filter(|_| ends) {
                    self.running.retain(|(image, _), _| image != of);
                }
            }
        }
    }

    fn say_what_is_silent(&mut self, now: Instant) {
        let mut silent = Vec::new();
        for ((image, step), running) in &mut self.running {
            if now.duration_since(running.heard) >= SILENCE {
                running.heard = now;
                let time = seconds(now.duration_since(running.since).as_secs_f64());
                silent.push((image.clone(), format!("{step}  still runs after {time}")));
            }
        }
        silent.iter().for_each(|(image, text)| self.line(image, text));
    }

    /// True when so much time has passed that it may say something again.
    fn is_due(&mut self, subject: &str) -> bool {
        let now = Instant::now();
        let is_due = self.said.get(subject).is_none_or(|last| now.duration_since(*last) >= PROGRESS_INTERVAL);
        if is_due {
            self.said.insert(subject.to_owned(), now);
        }
        is_due
    }

    fn download_progress(&mut self, url: &str, done: u64, total: Option<u64>) {
        if self.is_due(url) {
            let of = total.map(|total| format!(" of {}", bytes(total))).unwrap_or_default();
            self.line("download", &format!("{url}  {}{of}", bytes(done)));
        }
    }
}

impl<W: Write + Send> Report for Plain<W> {
    fn interval(&self) -> Option<Duration> {
        Some(LOOK_INTERVAL)
    }

    fn tick(&mut self) {
        self.say_what_is_silent(Instant::now());
    }

    fn say(&mut self, event: &Event) {
        self.remember(event);
        match event {
            Event::Started { images, to_build } => {
                self.line("f3s", &format!("{}, {to_build} to build", count(*images, "image")))
            }
            Event::ImageStarted { image, reason, builds: true } => self.line(image, &format!("builds: {reason}")),
            Event::ImageStarted { image, reason, builds: false } => self.line(image, reason),
            Event::StepStarted { image, step, place, cached } => {
                let cached = if *cached { "  (cached)" } else { "" };
                self.line(image, &format!("{step}  {}:{}{cached}", place.file, place.line));
            }
            Event::StepOutput { image, line } => self.line(image, &format!("| {line}")),
            Event::StepProgress { image, line } => {
                if self.is_due(image) {
                    self.line(image, &format!("| {line}"));
                }
            }
            Event::StepFinished { image, step, seconds: took } => {
                self.line(image, &format!("{step}  done in {}", seconds(*took)));
            }
            Event::CheckStarted { .. } => {}
            Event::CheckPassed { image, check, seconds: took } => {
                self.line(image, &format!("check `{check}` passed in {}", seconds(*took)));
            }
            Event::ImageBuilt { image, reference, size, seconds: took, cached } => {
                let cached = if *cached { ", all from the cache" } else { "" };
                self.line(image, &format!("built {reference}, {} in {}{cached}", bytes(*size), seconds(*took)));
            }
            Event::ImageTagged { image, references } => self.line(image, &format!("tagged {}", references.join(", "))),
            Event::ImageUpToDate { image } => self.line(image, "up to date"),
            Event::ImageFailed { image, diagnostic } => {
                self.line(image, "failed");
                self.drawn(diagnostic);
            }
            Event::ImageSkipped { image, because } => self.line(image, &format!("skipped: {because}")),
            Event::DownloadStarted { url, total } => {
                let total = total.map(|total| format!("  {}", bytes(total))).unwrap_or_default();
                self.said.insert(url.clone(), Instant::now());
                self.line("download", &format!("{url}{total}"));
            }
            Event::DownloadProgress { url, bytes, total } => self.download_progress(url, *bytes, *total),
            Event::DownloadRetried { url, attempt, because } => {
                self.line("download", &format!("{url}  attempt {attempt}: {because}"));
            }
            Event::DownloadFinished { url, bytes: count, seconds: took } => {
                self.line("download", &format!("{url}  {} in {}", bytes(*count), seconds(*took)));
            }
            Event::PullStarted { reference } => self.line("pull", reference),
            Event::PullRetried { reference, attempt, because } => {
                self.line("pull", &format!("{reference}  attempt {attempt}: {because}"));
            }
            Event::PullFinished { reference, seconds: took } => {
                self.line("pull", &format!("{reference}  done in {}", seconds(*took)));
            }
            Event::PullFailed { reference } => self.line("pull", &format!("{reference}  failed")),
            Event::PushStarted { image, reference } => self.line(image, &format!("pushes {reference}")),
            Event::PushProgress { .. } => {}
            Event::PushRetried { image, reference, attempt, because } => {
                self.line(image, &format!("pushes {reference}, attempt {attempt}: {because}"));
            }
            Event::Pushed { image, reference, digest, seconds: took } => {
                self.line(image, &format!("pushed {reference}@{digest} in {}", seconds(*took)));
            }
            Event::PushUpToDate { image, reference } => self.line(image, &format!("{reference} is pushed already")),
            Event::PushSkipped { images, because } => {
                self.line("f3s", &format!("not pushed: {because} ({})", images.join(", ")))
            }
            Event::Paused | Event::ImageCancelled { .. } => {}
            Event::PushFailed { image, reference, diagnostic } => {
                self.line(image, &format!("push of {reference} failed"));
                self.drawn(diagnostic);
            }
            Event::Note { message } => self.line("f3s", message),
            Event::Changed { what, clear } => {
                let clear = if *clear { CLEAR } else { "" };
                let _ = writeln!(self.out, "{clear}{what}");
            }
            Event::Mistaken { diagnostics } | Event::Warned { diagnostics } => {
                let _ = write!(self.out, "{}", diagnostic::render(diagnostics, &self.sources, self.style));
            }
            Event::CommandOutput { line } => self.line("exec", &format!("| {line}")),
            Event::Superseded => {}
            Event::Finished(summary) => {
                let _ = writeln!(self.out, "{}", sentence(summary));
            }
        }
        let _ = self.out.flush();
    }
}

fn of_check(check: &str) -> String {
    format!("check `{check}`")
}

/// `built 4, up to date 6, pushed 4 in 12.3 s`.
pub fn sentence(summary: &Summary) -> String {
    let counts = [
        ("built", summary.built),
        ("tagged", summary.tagged),
        ("up to date", summary.up_to_date),
        ("pushed", summary.pushed),
        ("failed", summary.failed),
        ("skipped", summary.skipped),
    ];
    let parts: Vec<String> =
        counts.iter().filter(|(_, count)| *count > 0).map(|(what, count)| format!("{what} {count}")).collect();
    let parts = if parts.is_empty() { "nothing to do".to_owned() } else { parts.join(", ") };
    let interrupted = if summary.interrupted { "interrupted: " } else { "" };
    format!("{interrupted}{parts} in {}", seconds(summary.seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_without_line_breaks_says_something_now_and_then() {
        let mut out = Vec::new();
        let mut plain = Plain::new(&mut out, Sources::default(), Style::PLAIN);
        for percent in 1..90 {
            plain.hear(&Event::StepProgress { image: "a".to_owned(), line: format!("{percent}%") });
        }
        plain.hear(&Event::StepOutput { image: "a".to_owned(), line: "100%".to_owned() });
        assert_eq!(String::from_utf8(out).unwrap(), "a  | 1%\na  | 100%\n");
    }

    #[test]
    fn a_step_that_is_silent_for_long_is_said_to_run_still() {
        let mut out = Vec::new();
        let mut plain = Plain::new(&mut out, Sources::default(), Style::PLAIN);
        let place = crate::diagnostic::Place::new("scripts/a.rhai", 2, 1);
        plain.hear(&Event::StepStarted { image: "a".into(), step: "run(\"make\")".into(), place, cached: false });
        let start = Instant::now();
        for after in [20, 40, 45, 80] {
            plain.say_what_is_silent(start + Duration::from_secs(after));
        }
        plain.hear(&Event::ImageUpToDate { image: "a".into() });
        plain.say_what_is_silent(start + Duration::from_secs(200));
        let text = String::from_utf8(out).unwrap();
        let silent: Vec<&str> = text.lines().filter(|line| line.contains("still runs after")).collect();
        assert_eq!(silent.len(), 2, "{text}");
        assert!(silent[0].starts_with("a  run(\"make\")  still runs after 40"), "{text}");
    }

    #[test]
    fn the_summary_is_one_sentence() {
        let summary = Summary { built: 4, up_to_date: 6, pushed: 4, seconds: 12.34, ..Summary::default() };
        assert_eq!(sentence(&summary), "built 4, up to date 6, pushed 4 in 12.3 s");
        assert_eq!(sentence(&Summary::default()), "nothing to do in 0.00 s");
    }
}
