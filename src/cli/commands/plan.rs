//! `f3s plan`: what would happen, in build order, and why.

use serde::Serialize;

use crate::cli::args::{Format, Global, Select};
use crate::cli::failure::Failure;
use crate::cli::project::Project;
use crate::cli::project::{described, printable};
use crate::cli::state::key;
use crate::cli::{connection, environment, output};
use crate::consent::{self, Want};
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
    /// List what the recipes want of this machine, too: files, variables, the ssh agent, networks, the engine
    #[arg(short, long)]
    verbose: bool,
}

/// Version 1 of the format; documented in the README.
#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    images: Vec<Image<'a>>,
    /// With `--verbose`.
    #[serde(skip_serializing_if = "Option::is_none")]
    wants: Option<Vec<Wanted>>,
}

#[derive(Serialize)]
struct Image<'a> {
    name: &'a str,
    reference: String,
    recipe: &'a str,
    action: Action,
    reason: &'a str,
    fingerprint: &'a crate::lower::Fingerprint,
    parents: Vec<&'a str>,
    steps: Vec<Step<'a>>,
}

#[derive(Serialize)]
struct Wanted {
    what: String,
    /// What `--allow` calls it; `None` for what needs no word.
    #[serde(skip_serializing_if = "Option::is_none")]
    allow: Option<String>,
    allowed: bool,
    file: String,
    line: u32,
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
    output::say(&graph.warnings(), &sources, global.color);
    let family = consent::of_family(&graph, &project.root);
    let wants = match args.verbose {
        true => Some(wanted(&project, &family)?),
        false => None,
    };
    let present = if args.offline { Present::default() } else { connection::listing(&project)? };
    let (source_date_epoch, seal) = (environment::source_date_epoch()?, key::if_any()?);
    let options = PlanOptions { force: args.force, source_date_epoch, seal, ..PlanOptions::default() };
    let plan = project.plan((&graph, &sources), &present, &options)?;
    match args.format {
        Format::Json => output::print_json(&document(&plan, wants)),
        Format::Text => output::print(&format!("{}{}", text(&plan), listed(wants.as_deref()))),
    }
}

fn document(plan: &Plan, wants: Option<Vec<Wanted>>) -> Document<'_> {
    Document { version: 1, images: plan.images.iter().map(|image| describe(plan, image)).collect(), wants }
}

/// What settings and recipes want of the machine, those first that need the user's word.
fn wanted(project: &Project, family: &[Want]) -> Result<Vec<Wanted>, Failure> {
    let mut wants: Vec<&Want> = project.wants.iter().chain(family).collect();
    wants.sort_by_key(|want| want.wish.allowance().is_none());
    let refused = project.not_allowed(&wants)?;
    let wanted = |want: &&Want| Wanted {
        what: printable(&described(want)),
        allow: want.wish.allowance().map(|allowance| allowance.to_string()),
        allowed: !refused.contains(want),
        file: want.origin.place.file.to_string(),
        line: want.origin.place.line,
    };
    Ok(wants.iter().map(wanted).collect())
}

fn listed(wants: Option<&[Wanted]>) -> String {
    let line = |want: &Wanted| {
        let word = if want.allowed { "" } else { ", not allowed" };
        format!("  {} ({}:{}{word})\n", want.what, printable(&want.file), want.line)
    };
    match wants {
        None => String::new(),
        Some([]) => "wants nothing of this machine\n".to_owned(),
        Some(wants) => format!("wants of this machine:\n{}", wants.iter().map(line).collect::<String>()),
    }
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
