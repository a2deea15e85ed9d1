//! `f3s list`: the recipes of the project.

use serde::Serialize;

use crate::cli::args::{Format, Global, Select};
use crate::cli::failure::Failure;
use crate::cli::output;
use crate::cli::project::Project;
use crate::plan::{PlanOptions, Present};
use crate::recipe::{Param, Value};

#[derive(clap::Args, Default)]
pub struct Args {
    #[command(flatten)]
    select: Select,
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Serialize)]
struct Listed<'a> {
    name: &'a str,
    recipe: &'a str,
    description: &'a str,
    references: Vec<String>,
    params: Vec<ListedParam<'a>>,
}

#[derive(Serialize)]
struct ListedParam<'a> {
    name: &'a str,
    value: &'a Value,
    default: &'a Value,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    choices: &'a [Value],
    axis: bool,
    doc: &'a str,
}

pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    let project = Project::open(global, &args.select.recipes)?;
    let (graph, sources) = project.load(&args.select)?;
    let plan = project.plan((&graph, &sources), &Present::default(), &PlanOptions::default())?;
    let asked = graph.images.iter().zip(&plan.images).filter(|(node, _)| node.requested);
    let mut listed: Vec<Listed> = asked
        .map(|(node, image)| Listed {
            name: &image.name,
            recipe: &image.recipe,
            description: &image.description,
            references: image.references.iter().map(ToString::to_string).collect(),
            params: node.recipe.params.iter().map(listed_param).collect(),
        })
        .collect();
    listed.sort_by(|a, b| a.name.cmp(b.name));
    match args.format {
        Format::Json => output::print_json(&serde_json::json!({ "version": 1, "recipes": listed })),
        Format::Text => output::print(&text(&listed)),
    }
}

fn listed_param(param: &Param) -> ListedParam<'_> {
    ListedParam {
        name: &param.name,
        value: &param.value,
        default: &param.default,
        choices: &param.choices,
        axis: param.axis,
        doc: &param.doc,
    }
}

fn text(listed: &[Listed]) -> String {
    let width = listed.iter().map(|item| item.name.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for item in listed {
        let summary = item.description.lines().next().unwrap_or_default();
        text.push_str(format!("{:width$}  {summary}", item.name).trim_end());
        text.push('\n');
        text.push_str(&format!("{:width$}  {}\n", "", item.references.join(", ")));
        for param in &item.params {
            let choices: Vec<String> = param.choices.iter().map(ToString::to_string).collect();
            let choices = if choices.is_empty() { String::new() } else { format!(" ({})", choices.join(" | ")) };
            let line = format!("{:width$}  --set {}={}{choices}  {}", "", param.name, param.value, param.doc);
            text.push_str(line.trim_end());
            text.push('\n');
        }
    }
    text
}
