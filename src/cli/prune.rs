//! `f3s prune`: internal references of images that the project has made and makes no more. Final tags are the user's and
//! stay, unless `--all`.

use std::collections::{BTreeMap, BTreeSet};

use tokio::sync::mpsc;

use super::args::{Global, Select};
use super::failure::Failure;
use super::project::Project;
use super::{build, output};
use crate::artifact::{self, Cleared};
use crate::diagnostic::{Diagnostic, Diagnostics, Sources};
use crate::engine::{Engine, EngineError};
use crate::plan::{Internal, PlanOptions, PlannedImage, Present};
use crate::report::{bytes, count};

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
    build::block_on(async {
        let (events, _receiver) = mpsc::unbounded_channel();
        let engine = build::connect(&project.config.engine, false, &events).await?;
        let failed = |error| build::failure(error, &Sources::default());
        let present = engine.present().await.map_err(failed)?;
        let unwanted = match args.all {
            true => everything(&present),
            false => outdated(&present, &current(&project, &present)?),
        };
        let mut kept: Vec<Diagnostic> = Vec::new();
        for reference in &unwanted {
            let removed = if args.dry_run { Ok(()) } else { engine.remove(reference).await };
            match removed {
                Ok(()) => output::print(&format!("{reference}\n"))?,
                // A container still needs it: the others go all the same.
                Err(EngineError::Failed(why)) => kept.push(why.note(format!("{reference} stays"))),
                Err(error) => return Err(failed(error)),
            }
        }
        let done = if args.dry_run { "would be removed" } else { "removed" };
        output::note(&format!("{} {done}", count(unwanted.len() - kept.len(), "reference")));
        match kept.is_empty() {
            true => Ok(()),
            false => {
                output::note(&Diagnostics(kept).to_string());
                Err(Failure::Reported)
            }
        }
    })
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
    let options = PlanOptions { source_date_epoch: build::source_date_epoch()?, ..PlanOptions::default() };
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

/// References of images that this project has made and makes no more. What another project makes, too, stays.
fn outdated(present: &Present, current: &[PlannedImage]) -> Vec<String> {
    let made: BTreeSet<String> = current.iter().map(|image| image.internal.to_string()).collect();
    let markers: Vec<String> = current.iter().filter_map(|image| Some(image.owned.as_ref()?.to_string())).collect();
    let own = markers.first().and_then(|marker| Internal::parse(marker)?.owner);
    let mut images: BTreeMap<&str, Vec<(&str, Internal)>> = BTreeMap::new();
    for name in present.0.keys() {
        if let Some(internal) = Internal::parse(name).filter(|internal| !made.contains(internal.image)) {
            images.entry(internal.image).or_default().push((name, internal));
        }
    }
    let unwanted = images.into_values().flat_map(|names| {
        let owners: BTreeSet<&str> = names.iter().filter_map(|(_, internal)| internal.owner).collect();
        let is_ours = own.is_some_and(|own| owners.contains(own));
        let is_shared = owners.len() > 1;
        names.into_iter().filter(move |(_, internal)| is_ours && (!is_shared || internal.owner == own))
    });
    unwanted.map(|(name, _)| name.to_owned()).collect()
}

/// Every internal reference, and every tag of their images.
fn everything(present: &Present) -> Vec<String> {
    let is_internal = |name: &str| Internal::parse(name).is_some();
    let ids: BTreeSet<&str> =
        present.0.iter().filter(|(name, _)| is_internal(name)).map(|(_, image)| image.id.as_str()).collect();
    let tagged = present.0.iter().filter(|(name, image)| !name.contains('@') && ids.contains(image.id.as_str()));
    tagged.map(|(name, _)| name.clone()).collect()
}
