//! `f3s prune`: images that the project has made and makes no more. Final tags are the user's and stay, unless `--all`.

mod unwanted;

use tokio::sync::mpsc;

use crate::artifact::{self, Cleared};
use crate::cli::args::{Global, Select};
use crate::cli::failure::Failure;
use crate::cli::project::Project;
use crate::cli::state::{engine_lock, key};
use crate::cli::{connection, environment, output};
use crate::diagnostic::{Diagnostic, Diagnostics, Sources};
use crate::engine::{Docker, Engine, EngineError};
use crate::plan::{PlanOptions, PlannedImage, Present};
use crate::report::{bytes, count};
use unwanted::Unwanted;

#[derive(clap::Args)]
pub struct Args {
    /// Remove all images that f3s built on this engine, with their tags
    #[arg(long)]
    all: bool,
    /// Remove the downloads that f3s keeps, instead of images
    #[arg(long, conflicts_with = "all")]
    downloads: bool,
    /// Only say what would be removed
    #[arg(long)]
    dry_run: bool,
}

pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    let project = Project::open(global, &[])?;
    if args.downloads {
        return downloads(&project, args.dry_run);
    }
    project.consent_to_engine()?;
    let (dry_run, note) = (args.dry_run, |message: String| output::note(&message));
    connection::block_on(async {
        let (events, _receiver) = mpsc::unbounded_channel();
        let engine = connection::connect(&project.config.engine, false, &events).await?;
        let failed = |error| connection::failure(error, &Sources::default());
        // What a run has found or made must stay until it is done.
        let _hold = if dry_run { None } else { Some(engine_lock::for_prune(&engine, note).await?) };
        if !dry_run {
            // A container of a check that was killed would keep its image.
            engine.sweep().await.map_err(failed)?;
        }
        let present = engine.present().await.map_err(failed)?;
        let unwanted = match args.all {
            true => unwanted::everything(&present),
            false => unwanted::outdated(&present, &current(&project, &present)?),
        };
        let before = engine.usage().await.map_err(failed)?;
        let mut removal = Removal { engine: &engine, dry_run, images: 0, references: 0, kept: Vec::new() };
        removal.run(&unwanted).await.map_err(failed)?;
        let freed = if dry_run { 0 } else { engine.freed_since(&before).await.map_err(failed)? };
        removal.say(freed)
    })
}

/// What goes, and what went.
struct Removal<'a> {
    engine: &'a Docker,
    dry_run: bool,
    images: usize,
    references: usize,
    kept: Vec<Diagnostic>,
}

impl Removal<'_> {
    async fn run(&mut self, unwanted: &[Unwanted]) -> Result<(), EngineError> {
        let in_use = self.engine.in_use().await?;
        for image in unwanted {
            if let Some(container) = in_use.get(&image.id).filter(|_| image.whole) {
                let name = image.references.first().map_or(image.id.as_str(), String::as_str);
                output::note(&format!("{name} stays: the container {container} is of it"));
                continue;
            }
            let mut removed = true;
            for reference in &image.references {
                removed &= self.remove(reference).await?;
            }
            self.images += usize::from(removed && image.whole);
        }
        Ok(())
    }

    async fn remove(&mut self, reference: &str) -> Result<bool, EngineError> {
        let removed = if self.dry_run { Ok(()) } else { self.engine.remove(reference).await };
        match removed {
            Ok(()) => {
                self.references += 1;
                let _ = output::print(&format!("{reference}\n"));
                Ok(true)
            }
            // The others go all the same.
            Err(EngineError::Failed(why)) => {
                self.kept.push(why.note(format!("{reference} stays")));
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    fn say(self, freed: u64) -> Result<(), Failure> {
        let gone = format!("{} with {}", count(self.images, "image"), count(self.references, "reference"));
        if self.dry_run {
            output::note(&format!("{gone} would be removed"));
        } else {
            output::note(&format!("{gone} removed, {} freed", bytes(freed)));
        }
        if self.kept.is_empty() {
            return Ok(());
        }
        output::note(&Diagnostics(self.kept).to_string());
        Err(Failure::Reported)
    }
}

/// What is fetched again when a build needs it. What is being fetched, or used by a build, stays.
fn downloads(project: &Project, dry_run: bool) -> Result<(), Failure> {
    let Cleared { removed, kept } = artifact::clear(&project.cache, dry_run)?;
    let done = if dry_run { "would be removed" } else { "removed" };
    let used = if kept > 0 { format!(", {} in use stay", bytes(kept)) } else { String::new() };
    output::note(&format!("{} of downloads {done}{used}", bytes(removed)));
    Ok(())
}

/// What the project's recipes make now.
fn current(project: &Project, present: &Present) -> Result<Vec<PlannedImage>, Failure> {
    let (graph, sources) = project.load(&Select::default())?;
    let seal = Some(key::of_user()?);
    let options = PlanOptions { source_date_epoch: environment::source_date_epoch()?, seal, ..PlanOptions::default() };
    let images = project.plan((&graph, &sources), present, &options)?.images;
    // Without its base, it is not known which version of an image is the current one.
    let missing = images.iter().flat_map(|image| &image.external).find(|base| present.get(&base.to_string()).is_none());
    match missing {
        None => Ok(images),
        Some(base) => {
            let error = Diagnostic::error(format!("`{base}` is not on the engine: what rests on it is not known"));
            Err(Failure::Failed(error.hint("`f3s build` pulls it; then prune"), sources))
        }
    }
}
