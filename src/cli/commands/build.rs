//! `f3s run` and `f3s build`: the main job.

use std::collections::BTreeSet;

use tokio_util::sync::CancellationToken;

use crate::artifact::Store;
use crate::cli::args::{Flags, Global, Select};
use crate::cli::failure::Failure;
use crate::cli::project::Asking;
use crate::cli::project::Project;
use crate::cli::reporter::{self, Reporter};
use crate::cli::signals;
use crate::cli::state::key;
use crate::cli::{connection, environment, logins};
use crate::engine::{self, Access, BuildOptions, Engine};
use crate::pipeline::{self, Asked, ExecuteOptions, Jobs, Outcome, Stock};
use crate::plan::{Action, PlanOptions, PlannedImage};

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
    /// Look for every layer of what was pushed, and push again what lacks one
    #[arg(long)]
    verify: bool,
}

/// What becomes of images once they are built.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Push {
    None,
    /// What the registries lack.
    Missing,
    /// The same; they are asked for every layer.
    Verified,
}

pub fn run(global: &Global, args: &RunArgs) -> Result<(), Failure> {
    make(global, &args.build, if args.verify { Push::Verified } else { Push::Missing })
}

pub fn build(global: &Global, args: &Args) -> Result<(), Failure> {
    make(global, args, Push::None)
}

fn make(global: &Global, args: &Args, push: Push) -> Result<(), Failure> {
    let project = Project::open(global, &args.select.recipes)?;
    let (graph, sources) = project.load(&args.select)?;
    let access = project.consent(&graph, &sources, Asking::OnTerminal)?;
    let (events, reporter) = Reporter::start(args.flags.progress, global.color, project.location().logs(), &sources);
    reporter::warn(graph.warnings(), &events);
    let result = connection::block_on(async {
        let cancel = CancellationToken::new();
        tokio::spawn(signals::cancel(cancel.clone(), events.downgrade()));
        tokio::spawn(signals::sleep_on_stop(events.downgrade()));
        let (family, keep_going) = ((&graph, &sources), args.keep_going);
        let mut asked = match push {
            Push::None => Asked::default(),
            Push::Missing | Push::Verified => {
                let is_here = engine::is_here(&project.config.engine);
                pipeline::ask_registries(&graph, &project.config, is_here, push == Push::Verified)
            }
        };
        let stocked = async {
            let engine = connection::connect(&project.config.engine, true, &events).await?;
            let stock =
                connection::stock(&engine, family, (args.pull, keep_going, project.config.transfers), &events, &cancel)
                    .await?;
            Ok::<_, Failure>((engine, stock))
        };
        let (engine, Stock { present, missing }) = tokio::select! {
            stocked = stocked => stocked?,
            () = cancel.cancelled() => return Err(Failure::Interrupted),
        };
        let (source_date_epoch, seal) = (environment::source_date_epoch()?, Some(key::of_user()?));
        let mut wanted = PlanOptions { force: args.force, source_date_epoch, seal, ..PlanOptions::default() };
        let mut plan = project.plan(family, &present, &wanted)?;
        let lost = async {
            match push {
                Push::None => BTreeSet::new(),
                Push::Missing | Push::Verified => {
                    let (whole, planned) = (push == Push::Verified, (&plan, &present));
                    pipeline::lost(&engine, &mut asked, whole, planned, &events).await
                }
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
                let hold = connection::hold(&engine, &events).await?;
                Ok::<_, Failure>((hold, engine.present().await.map_err(|error| connection::failure(error, &sources))?))
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
        let store = Store::open(&project.cache, &project.config, logins::for_plan(&plan)?)?;
        let options =
            ExecuteOptions { keep_going, force: args.force, push, missing, ..options(&project, access.clone())? };
        let jobs = Jobs::new(cancel, args.flags.jobs(project.config.jobs));
        let outcome = pipeline::execute(&engine, &store, &plan, &options, &events, &jobs).await;
        jobs.settle().await;
        Ok::<Outcome, Failure>(outcome)
    });
    drop(events);
    reporter.join();
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

/// How the project's images are built, unless a command says otherwise.
pub fn options(project: &Project, access: Access) -> Result<ExecuteOptions, Failure> {
    let network = project.config.network.clone();
    Ok(ExecuteOptions {
        project: project.root.clone(),
        transfers: project.config.transfers,
        build: BuildOptions { network, no_cache: false, source_date_epoch: environment::source_date_epoch()?, access },
        ..ExecuteOptions::default()
    })
}
