//! `f3s prune`: internal references of the project's recipes that they make no more. Final tags are the user's and stay,
//! unless `--all`.

use std::collections::BTreeSet;

use tokio::sync::mpsc;

use super::args::{Global, Select};
use super::failure::Failure;
use super::project::Project;
use super::{build, output};
use crate::diagnostic::{Diagnostic, Diagnostics, Sources};
use crate::engine::{Engine, EngineError};
use crate::plan::{PlanOptions, Present};
use crate::recipe::ImageRef;
use crate::report::count;

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

/// What the project's recipes make now.
fn current(project: &Project, present: &Present) -> Result<Vec<ImageRef>, Failure> {
    let (graph, sources) = project.load(&Select::default())?;
    let options =
        PlanOptions { force: false, source_date_epoch: build::source_date_epoch()?, ..PlanOptions::default() };
    let plan = project.plan((&graph, &sources), present, &options)?;
    Ok(plan.images.into_iter().map(|image| image.internal).collect())
}

/// Internal references of these recipes with another fingerprint. Other projects' recipes are not looked at.
fn outdated(present: &Present, current: &[ImageRef]) -> Vec<String> {
    let is_ours = |name: &str| {
        current.iter().any(|image| name.rsplit_once(':').is_some_and(|(own, _)| own == image.repository()))
    };
    let is_current = |name: &str| {
        let marks = |current: &ImageRef| {
            name.strip_prefix(&current.to_string()).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
        };
        current.iter().any(marks)
    };
    present.0.keys().filter(|name| is_ours(name) && !is_current(name)).cloned().collect()
}

/// Every internal reference, and every tag of their images.
fn everything(present: &Present) -> Vec<String> {
    let is_internal = |name: &str| name.starts_with(PREFIX);
    let ids: BTreeSet<&str> =
        present.0.iter().filter(|(name, _)| is_internal(name)).map(|(_, image)| image.id.as_str()).collect();
    let tagged = present.0.iter().filter(|(name, image)| !name.contains('@') && ids.contains(image.id.as_str()));
    tagged.map(|(name, _)| name.clone()).collect()
}
