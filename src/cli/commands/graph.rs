//! `f3s graph`: what rests on what.

use clap::ValueEnum;

use crate::cli::args::{Global, Select};
use crate::cli::failure::Failure;
use crate::cli::output;
use crate::cli::project::Project;
use crate::graph::Graph;

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    select: Select,
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(ValueEnum, Clone, Copy, Default)]
enum Format {
    /// Every image below the one it rests on
    #[default]
    Tree,
    /// For Graphviz
    Dot,
    /// For Markdown pages
    Mermaid,
    Json,
}

pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    let project = Project::open(global, &args.select.recipes)?;
    let (graph, _) = project.load(&args.select)?;
    match args.format {
        Format::Tree => output::print(&tree(&graph, output::is_utf8())),
        Format::Dot => output::print(&dot(&graph)),
        Format::Mermaid => output::print(&mermaid(&graph)),
        Format::Json => {
            let images: Vec<_> = graph
                .images
                .iter()
                .map(|node| {
                    let parents: Vec<String> = node.parents.iter().map(|index| name(&graph, *index)).collect();
                    serde_json::json!({ "name": node.recipe.key.to_string(), "recipe": node.recipe.file, "parents": parents })
                })
                .collect();
            output::print_json(&serde_json::json!({ "version": 1, "images": images }))
        }
    }
}

fn name(graph: &Graph, index: usize) -> String {
    graph.images[index].recipe.key.to_string()
}

/// `(parent, child)` by index.
fn edges(graph: &Graph) -> impl Iterator<Item = (usize, usize)> + '_ {
    graph.images.iter().enumerate().flat_map(|(child, node)| node.parents.iter().map(move |parent| (*parent, child)))
}

fn tree(graph: &Graph, utf8: bool) -> String {
    let mut text = String::new();
    let roots = (0..graph.images.len()).filter(|index| graph.images[*index].parents.is_empty());
    for root in roots {
        text.push_str(&format!("{}\n", name(graph, root)));
        branch(graph, root, "", utf8, &mut text);
    }
    text
}

fn branch(graph: &Graph, parent: usize, indent: &str, utf8: bool, text: &mut String) {
    let children: Vec<usize> = edges(graph).filter(|(from, _)| *from == parent).map(|(_, child)| child).collect();
    for (position, child) in children.iter().enumerate() {
        let last = position + 1 == children.len();
        let (corner, below) = match (last, utf8) {
            (true, true) => ("└── ", "    "),
            (false, true) => ("├── ", "│   "),
            (true, false) => ("`-- ", "    "),
            (false, false) => ("|-- ", "|   "),
        };
        // An image with several parents is drawn below each, its own children below the first.
        let first = graph.images[*child].parents[0] == parent;
        let more = if first { "" } else { " ..." };
        text.push_str(&format!("{indent}{corner}{}{more}\n", name(graph, *child)));
        if first {
            branch(graph, *child, &format!("{indent}{below}"), utf8, text);
        }
    }
}

fn dot(graph: &Graph) -> String {
    let quoted = |index: usize| {
        let name = name(graph, index).replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        format!("\"{name}\"")
    };
    let mut text = String::from("digraph f3s {\n    rankdir = LR;\n    node [shape = box];\n");
    for index in 0..graph.images.len() {
        text.push_str(&format!("    {};\n", quoted(index)));
    }
    for (parent, child) in edges(graph) {
        text.push_str(&format!("    {} -> {};\n", quoted(parent), quoted(child)));
    }
    text + "}\n"
}

fn mermaid(graph: &Graph) -> String {
    let mut text = String::from("flowchart LR\n");
    for index in 0..graph.images.len() {
        let name = name(graph, index).replace('"', "#quot;").replace('\n', " ");
        text.push_str(&format!("    i{index}[\"{name}\"]\n"));
    }
    for (parent, child) in edges(graph) {
        text.push_str(&format!("    i{parent} --> i{child}\n"));
    }
    text
}
