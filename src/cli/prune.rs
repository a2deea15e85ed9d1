//! `f3s prune`: internal references that no recipe makes any more. Final tags are the user's and stay, unless `--all`.

use std::collections::BTreeSet;

use tokio::sync::mpsc;

use super::args::{Global, Select};
use super::failure::Failure;
use super::project::Project;
use super::{build, output};
use crate::diagnostic::Sources;
use crate::engine::Engine;
use crate::pipeline;
use crate::plan::{PlanOptions, Present};

#[derive(clap::Args)]
pub struct Args {
    /// Remove all images that f3s built on this engine, with their tags
    #[arg(long)]
    all: bool,
    /// Only say what would be removed
    #[arg(long)]
    dry_run: bool,
}

/// What stands before every internal reference.
const PREFIX: &str = "f3s/";

pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    let project = Project::open(global, &[])?;
    build::runtime()?.block_on(async {
        let (events, _receiver) = mpsc::unbounded_channel();
        let engine = build::connect(&project, false, &events).await?;
        let failed = |error| build::failure(error, &Sources::default());
        let present = engine.present().await.map_err(failed)?;
        let keep = if args.all { BTreeSet::new() } else { current(global, &project, &present)? };
        let unwanted = unwanted(&present, &keep, args.all);
        for reference in &unwanted {
            output::print(&format!("{reference}\n"))?;
            if !args.dry_run {
                engine.remove(reference).await.map_err(failed)?;
            }
        }
        let done = if args.dry_run { "would be removed" } else { "removed" };
        output::note(&format!("{} references {done}", unwanted.len()));
        Ok(())
    })
}

/// The fingerprints that the project's recipes make now, as prefixes of references.
fn current(global: &Global, project: &Project, present: &Present) -> Result<BTreeSet<String>, Failure> {
    let (graph, sources) = project.load(global, &Select::default())?;
    let plan = pipeline::plan(&graph, present, &*project.world, &project.config, &PlanOptions::default())
        .map_err(|mistakes| Failure::Wrong(mistakes, sources))?;
    Ok(plan.images.iter().map(|image| image.internal.to_string()).collect())
}

/// References to remove, children before parents as far as their names tell: the engine keeps what others rest on.
fn unwanted(present: &Present, keep: &BTreeSet<String>, all: bool) -> Vec<String> {
    let internal: Vec<(&String, &str)> = present
        .0
        .iter()
        .filter(|(name, _)| name.starts_with(PREFIX))
        .map(|(name, image)| (name, image.id.as_str()))
        .collect();
    let kept = |name: &str| {
        keep.iter()
            .any(|kept| name == kept || name.strip_prefix(kept.as_str()).is_some_and(|rest| rest.starts_with('-')))
    };
    let mut unwanted: Vec<String> =
        internal.iter().filter(|(name, _)| !kept(name)).map(|(name, _)| (*name).clone()).collect();
    if all {
        let ids: BTreeSet<&str> = internal.iter().map(|(_, id)| *id).collect();
        let tags = present.0.iter().filter(|(name, image)| {
            !name.starts_with(PREFIX) && !name.contains('@') && ids.contains(image.id.as_str())
        });
        unwanted.extend(tags.map(|(name, _)| name.clone()));
    }
    unwanted
}
