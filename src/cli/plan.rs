//! `f3s plan`: what would happen, in build order, and why.

use serde::Serialize;

use super::args::{Format, Global, Select};
use super::failure::Failure;
use super::project::Project;
use super::{build, output, seal};
use crate::plan::{Action, Plan, PlanOptions, PlannedImage, Present};

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    select: Select,
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Do not ask the engine: plan as if it had no images
    #[arg(long)]
    offline: bool,
    /// Plan to build what was asked for although nothing changed
    #[arg(long)]
    force: bool,
}

/// Version 1 of the format; documented in the README.
#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    images: Vec<Image<'a>>,
}

#[derive(Serialize)]
struct Image<'a> {
    name: &'a str,
    reference: String,
    recipe: &'a str,
    action: Action,
    reason: &'a str,
    fingerprint: &'a crate::plan::Fingerprint,
    parents: Vec<&'a str>,
    steps: Vec<Step<'a>>,
}

#[derive(Serialize)]
struct Step<'a> {
    summary: &'a str,
    file: &'a str,
    line: u32,
    column: u32,
}

pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    let project = Project::open(global, &args.select.recipes)?;
    let (graph, sources) = project.load(&args.select)?;
    let present = if args.offline { Present::default() } else { build::listing(&project)? };
    let (source_date_epoch, seal) = (build::source_date_epoch()?, seal::if_any()?);
    let options = PlanOptions { force: args.force, source_date_epoch, seal, ..PlanOptions::default() };
    let plan = project.plan((&graph, &sources), &present, &options)?;
    match args.format {
        Format::Json => output::print_json(&document(&plan)),
        Format::Text => output::print(&text(&plan)),
    }
}

fn document(plan: &Plan) -> Document<'_> {
    Document { version: 1, images: plan.images.iter().map(|image| describe(plan, image)).collect() }
}

fn describe<'a>(plan: &'a Plan, image: &'a PlannedImage) -> Image<'a> {
    let step = |step: &'a crate::recipe::Step| Step {
        summary: &step.summary,
        file: &step.origin.place.file,
        line: step.origin.place.line,
        column: step.origin.place.column,
    };
    Image {
        name: &image.name,
        reference: image.references[0].to_string(),
        recipe: &image.recipe,
        action: image.action,
        reason: &image.reason,
        fingerprint: &image.fingerprint,
        parents: image.parents.iter().map(|index| plan.images[*index].name.as_str()).collect(),
        steps: image.steps.iter().map(step).collect(),
    }
}

fn text(plan: &Plan) -> String {
    let word = |image: &PlannedImage| match image.action {
        Action::Build => "build",
        Action::UpToDate => "up to date",
        Action::Tag => "tag",
    };
    let width = plan.images.iter().map(|image| image.name.chars().count()).max().unwrap_or(0);
    let lines = plan.images.iter().map(|image| {
        let reference = image.references[0].to_string();
        format!("{:10}  {:width$}  {}  ({reference})\n", word(image), image.name, image.reason)
    });
    let counts = [("to build", Action::Build), ("to tag", Action::Tag), ("up to date", Action::UpToDate)];
    let counts: Vec<String> = counts
        .into_iter()
        .map(|(what, action)| (what, plan.count(action)))
        .filter(|(_, count)| *count > 0)
        .map(|(what, count)| format!("{count} {what}"))
        .collect();
    format!("{}{}\n", lines.collect::<String>(), counts.join(", "))
}
