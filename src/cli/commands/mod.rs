//! The commands, one module each.

mod build;
mod check;
mod completions;
mod doc;
mod dockerfile;
mod doctor;
mod engine;
mod graph;
mod init;
mod list;
mod logs;
mod man;
mod plan;
mod prune;
mod watch;

use clap::Subcommand;

use super::args::Global;
use super::failure::Failure;
use super::help::{EXIT_CODES, KEYS};

#[derive(Subcommand)]
pub enum Command {
    /// Build, check, tag and push what the recipes say, with all they rest on
    #[command(after_long_help = EXIT_CODES)]
    Run(build::RunArgs),
    /// Build, check and tag, without pushing
    #[command(after_long_help = EXIT_CODES)]
    Build(build::Args),
    /// Build again on every change of what was read; never push unless told
    #[command(after_long_help = format!("{KEYS}\n\n{EXIT_CODES}"))]
    Watch(watch::Args),
    /// Show the images in build order with what would happen to each, and why
    Plan(plan::Args),
    /// Show the recipes with their description, parameters and references
    List(list::Args),
    /// Show what rests on what
    Graph(graph::Args),
    /// Print the Dockerfile that an image is lowered to, with the origin of each step
    Dockerfile(dockerfile::Args),
    /// Evaluate and lint recipes, without engine and network
    Check(check::Args),
    /// Show what the last runs said of an image
    Logs(logs::Args),
    /// Show the functions of the recipe language
    Doc(doc::Args),
    /// Write a first recipe and a commented f3s.toml
    Init(init::Args),
    /// Start, stop or look at f3s's private engine
    Engine(engine::Args),
    /// Look for what keeps f3s from working, and say how to mend it
    Doctor(doctor::Args),
    /// Remove earlier versions of the project's images from the engine
    Prune(prune::Args),
    /// Write manual pages
    Man(man::Args),
    /// Print the line that a shell needs to complete f3s's commands and recipes
    Completions(completions::Args),
}

/// Runs a command; without one the recipes are listed. `program`: all that f3s understands.
pub fn run(global: &Global, command: Option<&Command>, program: clap::Command) -> Result<(), Failure> {
    match command {
        None => list::run(global, &list::Args::default()),
        Some(Command::Run(args)) => build::run(global, args),
        Some(Command::Build(args)) => build::build(global, args),
        Some(Command::Watch(args)) => watch::run(global, args),
        Some(Command::Plan(args)) => plan::run(global, args),
        Some(Command::List(args)) => list::run(global, args),
        Some(Command::Graph(args)) => graph::run(global, args),
        Some(Command::Dockerfile(args)) => dockerfile::run(global, args),
        Some(Command::Check(args)) => check::run(global, args),
        Some(Command::Logs(args)) => logs::run(global, args),
        Some(Command::Doc(args)) => doc::run(args),
        Some(Command::Init(args)) => init::run(global, args),
        Some(Command::Engine(args)) => engine::run(global, args),
        Some(Command::Doctor(args)) => doctor::run(global, args),
        Some(Command::Prune(args)) => prune::run(global, args),
        Some(Command::Man(args)) => man::run(args, program),
        Some(Command::Completions(args)) => completions::run(args),
    }
}
