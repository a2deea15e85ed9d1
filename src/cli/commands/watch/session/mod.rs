//! A session of watch mode: rounds, one for every change that makes a difference.
//!
//! A round begins with evaluation. Then the engine is asked what it has, which may take long; meanwhile changes and keys are
//! heard, and a change begins anew. The plan tells whether there is anything to do. If so, the round before is superseded: what
//! the new plan has no use for is cancelled, what it needs goes on and is waited for.

mod prepare;
mod preparing;

use std::collections::{BTreeMap, BTreeSet};
use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::args::Args;
use super::command::Exec;
use crate::artifact::Store;
use crate::cli::args::Global;
use crate::cli::commands::{build, logs};
use crate::cli::failure::Failure;
use crate::cli::keys::{self, Key, Keys};
use crate::cli::logins;
use crate::cli::project::{Location, Project};
use crate::cli::reporter::Reporter;
use crate::cli::signals;
use crate::cli::state::engine_lock::EngineLock;
use crate::config::EngineConfig;
use crate::diagnostic::{Diagnostic, Sources};
use crate::engine::{Docker, EngineError};
use crate::event::{Event, Events};
use crate::pipeline::{self, ExecuteOptions, Jobs, Outcome};
use crate::plan::{Action, Plan, Purpose};
use crate::recipe::ImageRef;
use crate::report::count;
use crate::script::Evaluations;
use crate::transport::Address;
use crate::watch::Ear;
use preparing::{Preparing, stocked};

/// How long an engine that is gone is left alone before f3s looks again.
const ENGINE_RETRY: Duration = Duration::from_secs(2);
/// After rounds that fail for want of it again and again f3s waits longer, up to this.
const LONGEST_RETRY: Duration = Duration::from_secs(64);
/// Changed files that are named; more are counted.
const NAMED: usize = 3;

pub struct Session<'a> {
    global: &'a Global,
    args: &'a Args,
    location: Location,
    cancel: CancellationToken,
    ear: Ear,
    evaluations: Evaluations,
    sources: Sources,
    events: Events,
    reporter: Reporter,
    jobs: Jobs,
    engine: Option<Docker>,
    /// Where an engine was found, by which settings: it is waited for, no other takes its place.
    found: Option<(EngineConfig, Address)>,
    /// What the round that is being prepared is about.
    changed: BTreeSet<PathBuf>,
    preparing: Option<Preparing>,
    running: Option<Running>,
    /// What the last round wanted; `None` when it failed and is worth another try.
    last: Option<Vec<Purpose>>,
    /// What was warned of.
    warned: Vec<Diagnostic>,
    /// The last look was at something wrong.
    wrong: bool,
    /// The last look found no engine, or no registry to pull from.
    gone: bool,
    /// How long it is left alone.
    retry: Duration,
    /// Build what was asked for although nothing changed, once.
    force: bool,
    /// Images of which every command is a layer of its own.
    fine: BTreeSet<String>,
    /// The names of the last plan's images.
    images: Vec<String>,
    selected: Option<String>,
    /// The command of `--exec`.
    command: Option<Exec>,
}

/// A round that is executed.
struct Running {
    task: JoinHandle<Outcome>,
    references: Vec<String>,
    hold: Arc<EngineLock>,
}

impl Session<'_> {
    pub fn new<'a>(global: &'a Global, args: &'a Args, location: Location, ear: Ear) -> Session<'a> {
        let (cancel, sources) = (CancellationToken::new(), Sources::in_folder(&location.root));
        let (events, reporter) = Reporter::start(args.flags.progress, global.color, location.logs(), &sources);
        tokio::spawn(signals::cancel(cancel.clone(), events.downgrade()));
        tokio::spawn(signals::sleep_on_stop(events.downgrade()));
        let configured = Project::at(global, location.clone()).ok().and_then(|project| project.config.jobs);
        Session {
            global,
            args,
            location,
            ear,
            evaluations: Evaluations::default(),
            sources,
            events,
            reporter,
            jobs: Jobs::new(cancel.clone(), args.flags.jobs(configured)),
            cancel,
            engine: None,
            found: None,
            changed: BTreeSet::new(),
            preparing: None,
            running: None,
            last: None,
            warned: Vec::new(),
            wrong: false,
            gone: false,
            retry: ENGINE_RETRY,
            force: false,
            fine: BTreeSet::new(),
            images: Vec::new(),
            selected: None,
            command: None,
        }
    }

    /// Until Ctrl-C, which is an error, or `q`, which is none.
    pub async fn run(mut self) -> Result<(), Failure> {
        let mut keys = Keys::listen();
        let cancel = self.cancel.clone();
        self.begin(BTreeSet::new());
        loop {
            tokio::select! {
                changed = self.ear.change() => {
                    self.retry = ENGINE_RETRY;
                    self.begin(changed);
                }
                stocked = stocked(&mut self.preparing) => self.prepared(stocked),
                outcome = finished(&mut self.running) => self.finish(outcome),
                () = tokio::time::sleep(self.retry), if self.gone && self.preparing.is_none() => {
                    self.begin(BTreeSet::new());
                }
                key = Keys::next(&mut keys) => match key {
                    Key::Quit => {
                        self.quit().await;
                        return Ok(());
                    }
                    Key::Next => self.select_next(),
                    Key::Log => self.show_log(),
                    Key::Rebuild | Key::Force => {
                        self.force = key == Key::Force;
                        self.last = None;
                        self.begin(BTreeSet::new());
                    }
                },
                () = cancel.cancelled() => {
                    self.quit().await;
                    return Err(Failure::Interrupted);
                }
            }
        }
    }

    fn start(
        &mut self,
        Preparing { project, ended, access, .. }: &Preparing,
        (engine, hold): (Docker, Arc<EngineLock>),
        missing: BTreeMap<ImageRef, EngineError>,
        plan: Plan,
    ) {
        let wanted: Vec<Purpose> = plan.images.iter().map(|image| image.purpose()).collect();
        let done = plan.count(Action::UpToDate) == plan.images.len();
        if self.last.as_ref() == Some(&wanted) && (done || self.running.is_some()) {
            let changed = named(&std::mem::take(&mut self.changed));
            let mended = if std::mem::take(&mut self.wrong) { "mended, " } else { "" };
            return self.say(Event::Changed { what: format!("{changed}: {mended}nothing to do"), clear: false });
        }
        let tags = self.jobs.keep_only(Some(&plan).filter(|_| !self.force));
        if let Some(superseded) = self.running.take() {
            superseded.task.abort();
            self.say(Event::Superseded);
        }
        if tags || self.jobs.ended() != *ended {
            // Something that is wanted no more may have moved tags since the engine was asked.
            self.last = None;
            return self.begin(BTreeSet::new());
        }
        self.announce();
        self.wrong = false;
        let logins = logins::for_plan(&plan);
        let store = logins.and_then(|logins| Ok(Store::open(&project.cache, &project.config, logins)?));
        let (store, options) = match store.and_then(|store| Ok((store, build::options(project, access.clone())?))) {
            Ok(opened) => opened,
            Err(failure) => return self.fail(failure),
        };
        // One broken recipe does not keep the others from being tried.
        let force = std::mem::take(&mut self.force);
        let options = ExecuteOptions { keep_going: true, push: self.args.push, force, missing, ..options };
        self.last = Some(wanted);
        self.images = plan.images.iter().map(|image| image.name.clone()).collect();
        let references = plan.images.iter().map(|image| image.references[0].to_string()).collect();
        let (events, jobs) = (self.events.clone(), self.jobs.clone());
        let task =
            tokio::spawn(async move { pipeline::execute(&engine, &store, &plan, &options, &events, &jobs).await });
        self.running = Some(Running { task, references, hold });
    }

    fn finish(&mut self, outcome: Outcome) {
        let Some(running) = self.running.take() else { return };
        if !outcome.errors.is_empty() {
            self.last = None;
        }
        if outcome.unreachable {
            self.engine = None;
            self.gone = true;
            self.retry = (self.retry * 2).min(LONGEST_RETRY);
            return self.note("waiting for the engine or the registry".to_owned());
        }
        self.retry = ENGINE_RETRY;
        self.note(self.waiting());
        if outcome.errors.is_empty()
            && outcome.summary.skipped == 0
            && let Some(command) = &self.args.exec
        {
            // What still runs of the round before is ended first.
            self.command = None;
            match Exec::start(command, &running.references, self.events.clone()) {
                Ok(exec) => self.command = Some(exec),
                Err(error) => self.note(format!("`{command}` cannot be run: {error}")),
            }
        }
    }

    /// Says why a round did not come to be.
    fn fail(&mut self, failure: Failure) {
        let is_gone = matches!(failure, Failure::Unreachable(_));
        let was_gone = std::mem::replace(&mut self.gone, is_gone);
        if is_gone {
            self.engine = None;
            self.last = None;
        } else {
            self.wrong = true;
        }
        // Said once, not with every look.
        if is_gone && was_gone && self.changed.is_empty() {
            return;
        }
        self.announce();
        let diagnostics = failure.into_diagnostics();
        self.say(Event::Mistaken { diagnostics });
        self.note(if is_gone { "waiting for it".to_owned() } else { self.waiting() });
    }

    /// Selects the image whose log key `l` shows.
    fn select_next(&mut self) {
        let next = self.selected.as_ref().and_then(|name| self.images.iter().position(|image| image == name));
        self.selected = self.images.get(next.map_or(0, |at| at + 1)).or(self.images.first()).cloned();
        if let Some(selected) = &self.selected {
            self.note(format!("{selected} is selected"));
        }
    }

    /// Shows the whole log of the selected image, or of the one that was built last or failed to be.
    fn show_log(&self) {
        let images = self.selected.as_ref().map_or(&self.images[..], std::slice::from_ref);
        match logs::last(&self.location.logs(), images) {
            Some((image, text)) => self.note(format!("the log of {image}:\n{}", text.trim_end())),
            None => self.note("no log: nothing of it was built here yet".to_owned()),
        }
    }

    fn waiting(&self) -> String {
        let keys = if std::io::stdin().is_terminal() { keys::HELP } else { "Ctrl-C ends" };
        format!("watching {}; {keys}", count(self.ear.files(), "path"))
    }

    fn note(&self, message: String) {
        self.say(Event::Note { message });
    }

    fn say(&self, event: Event) {
        let _ = self.events.send(event);
    }

    /// Says what the round is about, if it is about a change.
    fn announce(&mut self) {
        let changed = std::mem::take(&mut self.changed);
        if !changed.is_empty() {
            self.say(Event::Changed { what: named(&changed), clear: self.args.clear });
        }
    }

    /// Waits until the engine's steps have ended, and all is said.
    async fn quit(self) {
        self.cancel.cancel();
        drop((self.command, self.preparing));
        if let Some(running) = self.running {
            let _ = running.task.await;
        }
        self.jobs.settle().await;
        drop(self.events);
        let _ = tokio::task::spawn_blocking(|| self.reporter.join()).await;
    }
}

/// The outcome of a round when it is there; never, when none runs.
async fn finished(running: &mut Option<Running>) -> Outcome {
    let Some(running) = running else { return std::future::pending().await };
    (&mut running.task).await.unwrap_or_else(|_| Outcome {
        errors: vec![Diagnostic::error("f3s made a mistake: see above")],
        ..Outcome::default()
    })
}

/// `scripts/a.rhai, scripts/b.rhai and 3 other files changed`.
fn named(changed: &BTreeSet<PathBuf>) -> String {
    let shown = |path: &PathBuf| if path.as_os_str().is_empty() { "files".into() } else { path.display().to_string() };
    let names: Vec<String> = changed.iter().take(NAMED).map(shown).collect();
    match changed.len().saturating_sub(NAMED) {
        _ if changed.is_empty() => "nothing changed".to_owned(),
        0 => format!("{} changed", names.join(", ")),
        others => format!("{} and {} changed", names.join(", "), count(others, "other file")),
    }
}
