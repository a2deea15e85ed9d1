//! The logs of every image and of the run itself, kept in files: a quiet screen loses nothing.
//!
//! Every log is a file of its own, `IMAGE@TIME.log`: runs at the same time never write into one another's, and no name of an
//! image ends another's. The times order the logs of an image, also where two begin within one of them or the clock was set
//! back. Older ones than the last few go when a new one begins.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::diagnostic::Style;
use super::{Plain, Report};
use crate::diagnostic::Sources;
use crate::event::Event;
use crate::folders;

/// Runs whose logs are kept, for every image.
pub const KEPT: usize = 3;

/// What the log of all that belongs to no image is called; no image can be called so.
pub const OF_RUN: &str = "(run)";

pub struct Logs {
    folder: PathBuf,
    sources: Sources,
    /// By the names of images, and `OF_RUN`.
    open: BTreeMap<String, Plain<File>>,
}

impl Logs {
    pub fn new(folder: PathBuf, sources: Sources) -> Self {
        Logs { folder, sources, open: BTreeMap::new() }
    }

    /// The files of all logs by name, the last one of each first.
    pub fn files(folder: &Path) -> BTreeMap<String, Vec<PathBuf>> {
        let mut files: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let file = entry.file_name().to_string_lossy().into_owned();
            if let Some((name, _)) = file.strip_suffix(".log").and_then(|stem| stem.rsplit_once('@')) {
                files.entry(decoded(name)).or_default().push(entry.path());
            }
        }
        // The times have the same number of digits.
        files.values_mut().for_each(|logs| logs.sort_by(|a, b| b.cmp(a)));
        files
    }

    /// Starts a log; the oldest ones go.
    fn begin(&mut self, name: &str) -> std::io::Result<()> {
        folders::make(&self.folder)?;
        let file = create(&self.folder, name)?;
        self.open.insert(name.to_owned(), Plain::new(file, self.sources.clone(), Style::PLAIN));
        for old in Self::files(&self.folder).remove(name).into_iter().flatten().skip(KEPT) {
            let _ = std::fs::remove_file(old);
        }
        Ok(())
    }

    /// The log that an event belongs to, begun if it is not there.
    fn log_of(&mut self, event: &Event) -> Option<&mut Plain<File>> {
        let begins = matches!(event, Event::ImageStarted { .. });
        if matches!(event, Event::ImageUpToDate { .. }) {
            // A later round of watch mode found nothing to do.
            return None;
        }
        let name = match event.image() {
            Some(image) if begins || self.open.contains_key(image) => image,
            // Images that are only checked, tagged or pushed have no log of their own.
            Some(_) | None => OF_RUN,
        };
        if begins || (!self.open.contains_key(name) && is_worth_a_log(event)) {
            let begun = self.begin(name);
            begun.map_err(|error| tracing::debug!(%error, name, "the log cannot be kept")).ok()?;
        }
        self.open.get_mut(name)
    }
}

/// A run that has nothing to do leaves the log of the one that did something.
fn is_worth_a_log(event: &Event) -> bool {
    !matches!(
        event,
        Event::Started { .. } | Event::Finished(_) | Event::PushUpToDate { .. } | Event::PushSkipped { .. }
    )
}

impl Report for Logs {
    fn say(&mut self, event: &Event) {
        if let Some(log) = self.log_of(event) {
            log.hear(event);
        }
    }
}

/// A new file: the time, in milliseconds, is later than that of every other log of this name.
fn create(folder: &Path, name: &str) -> std::io::Result<File> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
    // The name of an older one may be free again: it would stand before the others.
    let last = Logs::files(folder).get(name).and_then(|logs| time_of(logs.first()?));
    let mut time = last.map_or(now, |last| now.max(last + 1));
    loop {
        match File::create_new(folder.join(format!("{}@{time:015}.log", encoded(name)))) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => time += 1,
            created => return created,
        }
    }
}

fn time_of(log: &Path) -> Option<u128> {
    log.file_stem()?.to_str()?.rsplit_once('@')?.1.parse().ok()
}

fn encoded(name: &str) -> String {
    name.replace('%', "%25").replace('/', "%2F").replace('@', "%40")
}

fn decoded(name: &str) -> String {
    name.replace("%40", "@").replace("%2F", "/").replace("%25", "%")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn started(image: &str) -> Event {
        Event::ImageStarted { image: image.to_owned(), reason: "changed".to_owned(), builds: true }
    }

    fn output(image: &str, line: &str) -> Event {
        Event::StepOutput { image: image.to_owned(), line: line.to_owned() }
    }

    fn note(message: &str) -> Event {
        Event::Note { message: message.to_owned() }
    }

    fn texts(folder: &Path, name: &str) -> Vec<String> {
        let files = Logs::files(folder).remove(name).unwrap_or_default();
        files.iter().map(|file| std::fs::read_to_string(file).unwrap()).collect()
    }

    #[test]
    fn names_with_dots_signs_and_numbers_have_logs_of_their_own() {
        let folder = tempfile::tempdir().unwrap();
        let names = ["php7.2", "x", "x.1", "x@1", "x[at=a@b/c%40]"];
        for run in 0..KEPT + 2 {
            let mut logs = Logs::new(folder.path().to_owned(), Sources::default());
            for name in names {
                logs.hear(&started(name));
                logs.hear(&output(name, &format!("run {run} of {name}")));
            }
        }
        assert_eq!(Logs::files(folder.path()).into_keys().collect::<Vec<_>>(), names);
        for name in names {
            let texts = texts(folder.path(), name);
            assert_eq!(texts.len(), KEPT);
            assert!(texts[0].contains(&format!("| run 4 of {name}\n")), "{texts:?}");
            assert!(texts[2].contains(&format!("| run 2 of {name}\n")), "{texts:?}");
        }
    }

    #[test]
    fn a_log_that_begins_later_is_a_later_one_whatever_the_clock_says() {
        let folder = tempfile::tempdir().unwrap();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
        let mut logs = Logs::new(folder.path().to_owned(), Sources::default());
        // The clock was set back, or several began within a millisecond of which the first are gone.
        let earlier = folder.path().join(format!("a@{:015}.log", now + 3_600_000));
        std::fs::write(&earlier, "earlier").unwrap();
        for run in 0..KEPT {
            logs.hear(&started("a"));
            logs.hear(&output("a", &format!("run {run}")));
        }
        let texts = texts(folder.path(), "a");
        assert_eq!(texts.len(), KEPT);
        for (text, run) in texts.iter().zip((0..KEPT).rev()) {
            assert!(text.contains(&format!("| run {run}\n")), "{texts:?}");
        }
        assert!(!earlier.exists());
    }

    #[test]
    fn runs_at_the_same_time_have_whole_logs() {
        let folder = tempfile::tempdir().unwrap();
        let mut runs = [0, 1].map(|_| Logs::new(folder.path().to_owned(), Sources::default()));
        runs.iter_mut().for_each(|logs| logs.hear(&started("a")));
        for line in ["one", "two"] {
            runs.iter_mut().enumerate().for_each(|(run, logs)| logs.hear(&output("a", &format!("{line} of {run}"))));
        }
        assert_eq!(
            texts(folder.path(), "a"),
            [1, 0].map(|run| format!("a  builds: changed\na  | one of {run}\na  | two of {run}\n"))
        );
    }

    #[test]
    fn what_belongs_to_no_image_is_kept_too() {
        let folder = tempfile::tempdir().unwrap();
        let mut logs = Logs::new(folder.path().to_owned(), Sources::default());
        logs.hear(&note("a private engine is started"));
        logs.hear(&Event::PullStarted { reference: "alpine:3.13".to_owned() });
        logs.hear(&started("a"));
        logs.hear(&output("a", "building"));
        // It was not built: it has no log of its own.
        let check = Event::CheckPassed { image: "b".to_owned(), check: "true".to_owned(), seconds: 0.1 };
        logs.hear(&check);
        let of_run = "f3s  a private engine is started\npull  alpine:3.13\nb  check `true` passed in 0.10 s\n";
        assert_eq!(texts(folder.path(), OF_RUN), [of_run]);
        // A run without work does not push that log out.
        let mut idle = Logs::new(folder.path().to_owned(), Sources::default());
        idle.hear(&Event::Started { images: 1, to_build: 0 });
        idle.hear(&Event::ImageUpToDate { image: "a".to_owned() });
        assert_eq!(texts(folder.path(), OF_RUN).len(), 1);
    }
}
