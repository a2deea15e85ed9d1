//! `f3s run` and `f3s build`: the main job.

use std::collections::BTreeSet;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::args::{Global, Select};
use super::consent::Asking;
use super::failure::Failure;
use super::hold::{self, Hold};
use super::output;
use super::project::Project;
use super::seal;
use super::signals;
use super::speaker::{Progress, Speaker};
use crate::artifact::{Logins, Store};
use crate::config::{EngineConfig, Transfers};
use crate::diagnostic::{Diagnostic, Sources};
use crate::engine::{self, Access, BuildOptions, Docker, Engine, EngineError};
use crate::event::{Event, Events};
use crate::graph::Graph;
use crate::pipeline::{self, ExecuteOptions, Flights, Outcome, Stock};
use crate::plan::{Action, PlanOptions, PlannedImage, Present};

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    select: Select,
    #[command(flatten)]
    flags: Flags,
    /// After a failure go on with images that do not rest on the failed one
    #[arg(short, long)]
    keep_going: bool,
    /// Build what was asked for although nothing changed; what rests on it is built anew only if asked for, too
    #[arg(long)]
    force: bool,
    /// Look for newer versions of images of registries
    #[arg(long)]
    pull: bool,
}

#[derive(clap::Args)]
pub struct RunArgs {
    #[command(flatten)]
    build: Args,
    /// Push again what was pushed: the engine sends the layers that a registry has lost
    #[arg(long)]
    verify: bool,
}

/// What all commands that build understand.
#[derive(clap::Args, Clone)]
pub struct Flags {
    /// Build at most this many images at the same time [default: the number of processors]
    #[arg(short, long, env = "F3S_JOBS", value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,
    /// How progress is shown
    #[arg(long, env = "F3S_PROGRESS", value_enum, default_value_t = Progress::Auto, value_name = "KIND")]
    pub progress: Progress,
}

impl Flags {
    pub fn jobs(&self) -> Option<usize> {
        self.jobs.map(usize::from)
    }
}

/// What becomes of images once they are built.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Push {
    None,
    /// What the registries lack.
    Missing,
    All,
}

pub fn run(global: &Global, args: &RunArgs) -> Result<(), Failure> {
    make(global, &args.build, if args.verify { Push::All } else { Push::Missing })
}

pub fn build(global: &Global, args: &Args) -> Result<(), Failure> {
    make(global, args, Push::None)
}

fn make(global: &Global, args: &Args, push: Push) -> Result<(), Failure> {
    let project = Project::open(global, &args.select.recipes)?;
    let (graph, sources) = project.load(&args.select)?;
    let access = project.consent(&graph, &sources, Asking::OnTerminal)?;
    let (events, speaker) = Speaker::start(args.flags.progress, global, &project.location(), &sources);
    warn(graph.warnings(), &events);
    let result = block_on(async {
        let cancel = CancellationToken::new();
        tokio::spawn(signals::cancel(cancel.clone(), events.downgrade()));
        tokio::spawn(signals::sleep_on_stop(events.downgrade()));
        let (family, keep_going) = ((&graph, &sources), args.keep_going);
        let stocked = async {
            let engine = connect(&project.config.engine, true, &events).await?;
            let stock =
                stock(&engine, family, (args.pull, keep_going, project.config.transfers), &events, &cancel).await?;
            Ok::<_, Failure>((engine, stock))
        };
        let (engine, Stock { present, missing }) = tokio::select! {
            stocked = stocked => stocked?,
            () = cancel.cancelled() => return Err(Failure::Interrupted),
        };
        let (source_date_epoch, seal) = (source_date_epoch()?, Some(seal::of_user()?));
        let mut wanted = PlanOptions { force: args.force, source_date_epoch, seal, ..PlanOptions::default() };
        let mut plan = project.plan(family, &present, &wanted)?;
        let lost = async {
            match push {
                Push::None => BTreeSet::new(),
                Push::Missing => pipeline::lost(&engine, &plan, &present, &events).await,
                Push::All => plan.images.iter().flat_map(|image| image.pushes.clone()).collect(),
            }
        };
        let lost = tokio::select! {
            lost = lost => lost,
            () = cancel.cancelled() => return Err(Failure::Interrupted),
        };
        if !lost.is_empty() {
            wanted.lost = lost;
            plan = project.plan(family, &present, &wanted)?;
        }
        let push = push != Push::None;
        let is_done = |image: &PlannedImage| image.action == Action::UpToDate && (image.is_pushed || !push);
        let _hold = if plan.images.iter().all(is_done) {
            None
        } else {
            let held = async {
                let hold = hold(&engine, &events).await?;
                Ok::<_, Failure>((hold, engine.present().await.map_err(|error| failure(error, &sources))?))
            };
            let (hold, now) = tokio::select! {
                held = held => held?,
                () = cancel.cancelled() => return Err(Failure::Interrupted),
            };
            // What was there may have been pruned since.
            if now != present {
                plan = project.plan(family, &now, &wanted)?;
            }
            Some(hold)
        };
        // One image without its secret does not keep the others from being tried, if that is wanted.
        let built = plan.images.iter().filter(|image| image.action == Action::Build && !keep_going);
        for image in built {
            engine::examine_secrets(image, &access).map_err(|error| Failure::Failed(error, sources.clone()))?;
        }
        let store = Store::open(&project.cache, &project.config, Logins::of_user())?;
        let options =
            ExecuteOptions { keep_going, force: args.force, push, missing, ..options(&project, access.clone())? };
        let flights = Flights::new(cancel, jobs(&project, &args.flags));
        let outcome = pipeline::execute(&engine, &store, &plan, &options, &events, &flights).await;
        flights.settle().await;
        Ok::<Outcome, Failure>(outcome)
    });
    drop(events);
    speaker.join();
    let outcome = result?;
    if outcome.summary.interrupted {
        Err(Failure::Interrupted)
    } else if outcome.unreachable {
        Err(Failure::Unreachable(None))
    } else if outcome.errors.is_empty() {
        Ok(())
    } else {
        Err(Failure::Reported)
    }
}

/// What the engine has, after pulling what it lacks, or all with `pull`. An image that cannot be pulled is an error unless
/// `keep_going`.
pub async fn stock(
    engine: &Docker,
    (graph, sources): (&Graph, &Sources),
    (pull, keep_going, transfers): (bool, bool, Transfers),
    events: &Events,
    cancel: &CancellationToken,
) -> Result<Stock, Failure> {
    let mut stock = pipeline::stock(engine, graph, pull, transfers, events, cancel)
        .await
        .map_err(|error| failure(error, sources))?;
    if keep_going {
        return Ok(stock);
    }
    match stock.missing.pop_first() {
        Some((_, error)) => Err(failure(error, sources)),
        None => Ok(stock),
    }
}

/// Keeps what the engine has from being pruned.
pub async fn hold(engine: &Docker, events: &Events) -> Result<Hold, Failure> {
    hold::for_run(engine, |message| {
        let _ = events.send(Event::Note { message });
    })
    .await
}

/// Says what scripts probably do not mean.
pub fn warn(diagnostics: Vec<Diagnostic>, events: &Events) {
    if !diagnostics.is_empty() {
        let _ = events.send(Event::Warned { diagnostics });
    }
}

/// How many images are made at the same time, if somebody said so.
pub fn jobs(project: &Project, flags: &Flags) -> Option<usize> {
    flags.jobs().or(project.config.jobs)
}

/// How the project's images are built, unless a command says otherwise.
pub fn options(project: &Project, access: Access) -> Result<ExecuteOptions, Failure> {
    let network = project.config.network.clone();
    Ok(ExecuteOptions {
        project: project.root.clone(),
        transfers: project.config.transfers,
        build: BuildOptions { network, no_cache: false, source_date_epoch: source_date_epoch()?, access },
        ..ExecuteOptions::default()
    })
}

/// Runs the asynchronous part of a command. What still blocks a thread when it is done, such as a read from a server that
/// sends nothing, is not waited for.
pub fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime.block_on(work);
    runtime.shutdown_background();
    result
}

/// Finds the engine and, if `start` allows it, starts f3s's own.
pub async fn connect(config: &EngineConfig, start: bool, events: &Events) -> Result<Docker, Failure> {
    let say = |message: String| {
        let _ = events.send(Event::Note { message });
    };
    engine::connect(config, start, &say).await.map_err(|error| match error {
        // An address that is none.
        EngineError::Refused(diagnostic) => Failure::Usage(diagnostic),
        error => failure(error, &Sources::default()),
    })
}

/// What the engine has; nothing, with a word about it, when there is no engine.
pub fn listing(project: &Project) -> Result<Present, Failure> {
    project.consent_to_engine()?;
    block_on(async {
        let (events, _receiver) = mpsc::unbounded_channel();
        match connect(&project.config.engine, false, &events).await {
            Ok(engine) => engine.present().await.map_err(|error| failure(error, &Sources::default())),
            // An address that was set and does not answer is worth the same word.
            Err(Failure::Unreachable(_)) => {
                output::note("no engine answers: this is the plan for one without images");
                Ok(Present::default())
            }
            Err(failure) => Err(failure),
        }
    })
}

pub fn failure(error: EngineError, sources: &Sources) -> Failure {
    match error {
        EngineError::Unreachable(diagnostic) => Failure::Unreachable(Some((diagnostic, sources.clone()))),
        EngineError::Failed(diagnostic) | EngineError::Refused(diagnostic) => {
            Failure::Failed(diagnostic, sources.clone())
        }
        EngineError::Cancelled => Failure::Interrupted,
    }
}

/// The last second that a file's time can hold, in nanoseconds.
const LAST_EPOCH: i64 = i64::MAX / 1_000_000_000 - 1;

/// `SOURCE_DATE_EPOCH`: seconds since the epoch.
pub fn source_date_epoch() -> Result<Option<i64>, Failure> {
    let Ok(text) = std::env::var("SOURCE_DATE_EPOCH") else { return Ok(None) };
    if text.is_empty() {
        return Ok(None);
    }
    match text.parse() {
        Ok(epoch) if (0..=LAST_EPOCH).contains(&epoch) => Ok(Some(epoch)),
        _ => {
            let message = format!("SOURCE_DATE_EPOCH is `{text}`, which is no number of seconds up to {LAST_EPOCH}");
            Err(Failure::Usage(Diagnostic::error(message).hint("see reproducible-builds.org/specs/source-date-epoch")))
        }
    }
}
