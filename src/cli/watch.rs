//! `f3s watch`: builds, waits for a change of what was read, builds what the change touches.

use std::collections::BTreeSet;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::time::Duration;

use tokio::process::{Child, Command};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::args::{Global, Select};
use super::build::{self, Flags};
use super::failure::Failure;
use super::keys::{self, Key, Keys};
use super::output;
use super::project::{self, Project};
use super::signals;
use super::speaker::Speaker;
use crate::artifact::Store;
use crate::diagnostic::{Diagnostic, Sources};
use crate::engine::Docker;
use crate::event::{Event, Events};
use crate::pipeline::{self, ExecuteOptions, Outcome, Stop};
use crate::plan::{Action, Fingerprint, Plan, PlanOptions};
use crate::recipe::CheckKind;
use crate::report::count;
use crate::script::Evaluations;
use crate::watch::Ear;
use crate::world::World;

/// How long an engine that is gone is left alone before f3s looks again.
const ENGINE_RETRY: Duration = Duration::from_secs(2);
/// Changed files that are named; more are counted.
const NAMED: usize = 3;

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    select: Select,
    #[command(flatten)]
    flags: Flags,
    /// Push, too, after every round that succeeds
    #[arg(long)]
    push: bool,
    /// Run checks, which is the default
    #[arg(long, overrides_with = "no_check")]
    check: bool,
    /// Leave out checks
    #[arg(long)]
    no_check: bool,
    /// Run this by `sh -c` after every round that succeeds, with the images' references in F3S_IMAGES; what still runs of the
    /// round before is ended
    #[arg(long, value_name = "COMMAND")]
    exec: Option<String>,
    /// Clear the screen before every round
    #[arg(long)]
    clear: bool,
    /// Look at the files twice a second, for file systems without events
    #[arg(long)]
    poll: bool,
}

pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    let project = Project::open(global, &args.select.recipes)?;
    let ear = Ear::new(&project.root, args.poll).map_err(|error| {
        let error = Diagnostic::error(format!("files cannot be watched: {error}"));
        Failure::Failed(error.hint("`--poll` needs no help of the system"), Sources::default())
    })?;
    build::block_on(async {
        let cancel = CancellationToken::new();
        tokio::spawn(signals::cancel(cancel.clone()));
        let watch = Watch {
            global,
            args,
            cancel,
            ear,
            evaluations: Evaluations::default(),
            engine: None,
            last: None,
            running: None,
            gone: false,
            force: false,
            fine: BTreeSet::new(),
            images: Vec::new(),
            selected: None,
            command: None,
        };
        watch.rounds().await
    })
}

struct Watch<'a> {
    global: &'a Global,
    args: &'a Args,
    cancel: CancellationToken,
    ear: Ear,
    evaluations: Evaluations,
    engine: Option<Docker>,
    /// What the last round was about; `None` when it failed and is worth another try.
    last: Option<Vec<Seen>>,
    running: Option<Running>,
    /// The last look found no engine, or no registry to pull from.
    gone: bool,
    /// Build what was asked for although nothing changed, once.
    force: bool,
    /// Images of which every command is a layer of its own.
    fine: BTreeSet<String>,
    /// The names of the last plan's images.
    images: Vec<String>,
    selected: Option<String>,
    /// The command of `--exec`.
    command: Option<Child>,
}

/// What of a planned image makes a difference to a round.
#[derive(PartialEq)]
struct Seen {
    fingerprint: Fingerprint,
    checked: Option<String>,
    references: Vec<String>,
}

struct Running {
    stop: Stop,
    task: JoinHandle<Outcome>,
    references: Vec<String>,
    /// Silenced when another round has taken its place: it finishes what is still wanted.
    speaker: Speaker,
    events: Events,
}

/// What a change led to.
enum Round {
    Started,
    /// The plan is the one before.
    Same,
    /// Scripts or settings are wrong, or something else that the next change may mend.
    Wrong,
    /// The engine, or a registry that a base comes from, is not there.
    NoEngine,
}

impl Watch<'_> {
    async fn rounds(mut self) -> Result<(), Failure> {
        let (mut keys, mut wrong) = (Keys::listen(), false);
        let mut changed = BTreeSet::new();
        loop {
            let cancel = self.cancel.clone();
            // An engine or a registry that does not answer is no reason to wait.
            let round = tokio::select! {
                round = self.round(&changed) => round,
                () = cancel.cancelled() => {
                    self.quit().await?;
                    return Err(Failure::Interrupted);
                }
            };
            match round {
                Round::Same if wrong => self.note(format!("{}: mended, nothing to do", named(&changed))),
                Round::Same => self.note(format!("{}: nothing to do", named(&changed))),
                Round::Wrong => self.note(self.waiting()),
                Round::Started | Round::NoEngine => {}
            }
            wrong = matches!(round, Round::Wrong);
            let mut retry = matches!(round, Round::NoEngine);
            changed = loop {
                tokio::select! {
                    changed = self.ear.change() => break changed,
                    key = Keys::next(&mut keys) => match key {
                        Key::Quit => {
                            self.cancel.cancel();
                            return self.quit().await;
                        }
                        Key::Next => self.select_next(),
                        Key::Log => self.show_log(),
                        Key::Rebuild | Key::Force => {
                            self.force = key == Key::Force;
                            self.last = None;
                            break BTreeSet::new();
                        }
                    },
                    outcome = finished(&mut self.running) => retry |= self.finish(outcome),
                    () = tokio::time::sleep(ENGINE_RETRY), if retry => break BTreeSet::new(),
                    () = self.cancel.cancelled() => {
                        self.quit().await?;
                        return Err(Failure::Interrupted);
                    }
                }
            };
        }
    }

    /// Evaluates, plans and, if the plan is another one, starts to build.
    async fn round(&mut self, changed: &BTreeSet<PathBuf>) -> Round {
        let started = self.start(changed).await;
        let was_gone = std::mem::replace(&mut self.gone, matches!(started, Err(Failure::Unreachable(_))));
        match started {
            Ok(round) => round,
            Err(failure @ Failure::Unreachable(_)) => {
                // Said once, not with every look.
                if !was_gone {
                    failure.say(self.global);
                    output::note("waiting for it");
                }
                self.engine = None;
                self.last = None;
                Round::NoEngine
            }
            Err(failure) => {
                self.announce(changed);
                failure.say(self.global);
                Round::Wrong
            }
        }
    }

    async fn start(&mut self, changed: &BTreeSet<PathBuf>) -> Result<Round, Failure> {
        let project = Project::open(self.global, &self.args.select.recipes)?;
        let loaded = project.load_again(&self.args.select, &self.evaluations);
        // Also when it failed: what was read until then is where it will be mended.
        self.listen(&project);
        let (graph, sources) = loaded?;
        let (events, speaker) = Speaker::start(self.args.flags.progress, self.global, &project, &sources);
        let engine = match &self.engine {
            Some(engine) => engine.clone(),
            None => self.engine.insert(build::connect(&project, true, &events).await?).clone(),
        };
        let mut plan = loop {
            let source_date_epoch = build::source_date_epoch()?;
            let options = PlanOptions { force: self.force, fine: self.fine.clone(), source_date_epoch };
            let family = (&graph, &sources);
            let present = build::stock(&engine, family, (false, false), &events, &self.cancel).await?.present;
            let plan = project.plan(family, &present, &options);
            self.listen(&project);
            let plan = plan?;
            // What is pushed is what `f3s run` would push.
            if self.args.push || !self.refine(&plan) {
                break plan;
            }
        };
        for image in plan.images.iter_mut().filter(|image| self.fine.contains(&image.name)) {
            // Finely built, an image keeps what a later step of its layer removes.
            image.checks.retain(|check| !matches!(check.kind, CheckKind::Size(_)));
        }
        if self.args.no_check && !self.args.check {
            for image in &mut plan.images {
                image.checks.clear();
                image.checked = None;
            }
        }
        let seen = seen(&plan);
        if self.last.as_ref() == Some(&seen) {
            return Ok(Round::Same);
        }
        self.give_way(&plan);
        self.announce(changed);
        self.last = Some(seen);
        let references = plan.images.iter().map(|image| image.references[0].to_string()).collect();
        self.images = plan.images.iter().map(|image| image.name.clone()).collect();
        let store = Store::open(&project.cache, project.config.mirrors.clone())?;
        let push = self.args.push;
        // One broken recipe does not keep the others from being tried.
        let force = std::mem::take(&mut self.force);
        let options = ExecuteOptions { keep_going: true, push, force, ..build::options(&project, &self.args.flags)? };
        let stop = Stop::new(self.cancel.clone());
        let (stopping, said) = (stop.clone(), events.clone());
        let task =
            tokio::spawn(async move { pipeline::execute(&engine, &store, &plan, &options, &said, &stopping).await });
        self.running = Some(Running { stop, task, references, speaker, events });
        Ok(Round::Started)
    }

    /// Images that are to be built are built finely from now on; true when that changes the plan.
    fn refine(&mut self, plan: &Plan) -> bool {
        let before = self.fine.len();
        let built = plan.images.iter().filter(|image| image.action == Action::Build);
        self.fine.extend(built.map(|image| image.name.clone()));
        self.fine.len() > before
    }

    fn listen(&mut self, project: &Project) {
        self.ear.listen(&project.world.reads(), &project::settings_files(&project.root));
    }

    /// Ends what the new plan has no use for; what it needs goes on, and the new round joins it in the engine.
    fn give_way(&mut self, plan: &Plan) {
        if let Some(running) = self.running.take() {
            running.speaker.silence();
            running.stop.all_but(&plan.images.iter().map(|image| image.fingerprint.clone()).collect());
        }
    }

    /// True when the engine is gone and must be looked for again.
    fn finish(&mut self, outcome: Outcome) -> bool {
        let Some(running) = self.running.take() else { return false };
        // The summary comes before what is said here.
        drop(running.events);
        running.speaker.join();
        if !outcome.errors.is_empty() {
            self.last = None;
        }
        if outcome.unreachable {
            self.engine = None;
            output::note("waiting for the engine or the registry");
            return true;
        }
        output::note(&self.waiting());
        if outcome.errors.is_empty()
            && let Some(command) = &self.args.exec
        {
            self.execute(command, &running.references);
        }
        false
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
        let Ok(project) = Project::open(self.global, &self.args.select.recipes) else { return };
        let images = self.selected.as_ref().map_or(&self.images[..], std::slice::from_ref);
        match super::logs::last(&project.logs(), images) {
            Some((image, text)) => self.note(format!("the log of {image}:\n{}", text.trim_end())),
            None => self.note("no log: nothing of it was built here yet".to_owned()),
        }
    }

    fn execute(&mut self, command: &str, references: &[String]) {
        // Dropping it ends what still runs.
        self.command = None;
        let mut shell = Command::new("sh");
        shell.args(["-c", command]).env("F3S_IMAGES", references.join(" ")).kill_on_drop(true);
        match shell.spawn() {
            Ok(child) => self.command = Some(child),
            Err(error) => output::note(&format!("`{command}` cannot be run: {error}")),
        }
    }

    fn waiting(&self) -> String {
        let keys = if std::io::stdin().is_terminal() { keys::HELP } else { "Ctrl-C ends" };
        format!("watching {}; {keys}", count(self.ear.files(), "path"))
    }

    /// Says something, above the view of a round that runs.
    fn note(&self, message: String) {
        match &self.running {
            Some(running) => _ = running.events.send(Event::Note { message }),
            None => output::note(&message),
        }
    }

    fn announce(&self, changed: &BTreeSet<PathBuf>) {
        if self.args.clear && std::io::stderr().is_terminal() {
            let _ = write!(std::io::stderr(), "\x1b[2J\x1b[H");
        }
        if !changed.is_empty() {
            self.note(named(changed));
        }
    }

    /// Waits until the engine's steps have ended.
    async fn quit(mut self) -> Result<(), Failure> {
        if let Some(running) = self.running.take() {
            let _ = running.task.await;
            drop(running.events);
            running.speaker.join();
        }
        Ok(())
    }
}

/// The outcome of a round when it is there; never, when none runs.
async fn finished(running: &mut Option<Running>) -> Outcome {
    match running {
        Some(running) => (&mut running.task).await.unwrap_or_default(),
        None => std::future::pending().await,
    }
}

fn seen(plan: &Plan) -> Vec<Seen> {
    let images = plan.images.iter().map(|image| Seen {
        fingerprint: image.fingerprint.clone(),
        checked: image.checked.as_ref().map(ToString::to_string),
        references: image.references.iter().chain(&image.pushes).map(ToString::to_string).collect(),
    });
    images.collect()
}

/// `scripts/a.rhai, scripts/b.rhai and 3 others changed`.
fn named(changed: &BTreeSet<PathBuf>) -> String {
    let names: Vec<String> = changed.iter().take(NAMED).map(|path| path.display().to_string()).collect();
    match changed.len().saturating_sub(NAMED) {
        0 => format!("{} changed", names.join(", ")),
        others => format!("{} and {} changed", names.join(", "), count(others, "other file")),
    }
}
