//! `f3s dockerfile`: nothing hidden, no lock-in.

use crate::cli::args::{Global, Select};
use crate::cli::failure::Failure;
use crate::cli::output;
use crate::cli::project::Project;
use crate::harmless;
use crate::plan::{PlanOptions, PlannedImage, Present};

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    select: Select,
    /// Leave out the comments that say where each step comes from
    #[arg(long)]
    no_comments: bool,
}

pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    let project = Project::open(global, &args.select.recipes)?;
    let (graph, sources) = project.load(&args.select)?;
    let plan = project.plan((&graph, &sources), &Present::default(), &PlanOptions::default())?;
    let requested: Vec<&PlannedImage> = plan.images.iter().filter(|image| image.requested).collect();
    let texts: Vec<String> =
        requested.iter().map(|image| text(image, requested.len() > 1, !args.no_comments)).collect();
    output::print_exact(&texts.join("\n"))
}

fn text(image: &PlannedImage, several: bool, comments: bool) -> String {
    if !comments && !several {
        return image.dockerfile.text.clone();
    }
    let mut text = String::new();
    if several {
        text.push_str(&format!("# {}\n", image.name));
    }
    for instruction in &image.dockerfile.instructions {
        if comments {
            let steps = instruction.steps.iter().map(|index| &image.steps[*index]);
            let mut origins: Vec<String> = steps
                .map(|step| format!("# {}\n", harmless::line(&format!("{}  {}", step.origin.place, step.summary))))
                .collect();
            // A library function records several steps from one line.
            origins.dedup();
            text.push_str(&origins.concat());
        }
        text.push_str(&instruction.text);
        text.push('\n');
    }
    text
}
