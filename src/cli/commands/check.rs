//! `f3s check`: everything that can be wrong without an engine.

use crate::cli::args::{Global, Select};
use crate::cli::failure::Failure;
use crate::cli::output;
use crate::cli::project::Project;
use crate::plan::{PlanOptions, Present};
use crate::report::count;

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    select: Select,
}

pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    let project = Project::open(global, &args.select.recipes)?;
    let (graph, sources) = project.load(&args.select)?;
    let plan = project.plan((&graph, &sources), &Present::default(), &PlanOptions::default())?;
    let warnings = graph.warnings();
    output::say(&warnings, &sources, global.color);
    let steps: usize = plan.images.iter().map(|image| image.steps.len()).sum();
    let checks: usize = plan.images.iter().map(|image| image.checks.len()).sum();
    let images = count(plan.images.len(), "image");
    let found = if warnings.is_empty() { "no mistakes".to_owned() } else { count(warnings.len(), "warning") };
    output::note(&format!("{images}, {}, {}: {found}", count(steps, "step"), count(checks, "check")));
    Ok(())
}
