//! The command line: arguments, one file per command, and what each kind of failure exits with.

mod args;
mod bash;
mod build;
mod check;
mod complete;
mod completions;
mod consent;
mod doc;
mod dockerfile;
mod doctor;
mod engine;
mod failure;
mod graph;
mod hold;
mod init;
mod list;
mod logs;
mod man;
mod output;
mod plan;
mod project;
mod prune;
mod repository;
mod seal;
mod settings;
mod signals;
mod speaker;
mod watch;

use std::ffi::OsStr;
use std::process::ExitCode;

use clap::builder::Resettable;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use clap_complete::CompleteEnv;
use clap_complete::env::{Fish, Shells, Zsh};

use args::Global;
use failure::Failure;

/// Builds families of layered container images from short Rhai scripts.
///
/// Each image is a recipe: `scripts/NAME.rhai`. f3s evaluates the recipes, finds what rests on what, and builds, checks,
/// tags and pushes what changed, in parallel, on a Docker engine.
#[derive(Parser)]
#[command(name = "f3s", version, max_term_width = 100, propagate_version = true)]
#[command(after_help = format!("{EXAMPLES}\n\n{EXIT_CODES}"))]
#[command(after_long_help = format!("{EXAMPLES}\n\n{EXIT_CODES}\n\n{ENVIRONMENT}"))]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Option<Command>,
}

const EXAMPLES: &str = "\
Examples:
  f3s init                            write a first recipe and a commented f3s.toml
  f3s run scripts/jmeter-master.rhai  build, check, tag and push an image and what it rests on
  f3s plan                            show what would be built, and why
  f3s doc apk                         show a function of the recipe language";

const EXIT_CODES: &str = "\
Exit codes:
  0    done
  1    a build, check or push failed
  2    usage
  3    a script or the configuration is wrong
  4    no engine or registry could be reached
  130  interrupted";

/// Options name their variables themselves.
const ENVIRONMENT: &str = "\
Environment:
  F3S_ALLOW           what projects may have of this machine, as --allow says it, separated by commas
  F3S_CONFIG          the configuration's file [default: f3s.toml, found upward from the recipes]
  F3S_CACHE_DIR       the folder of downloads and logs [default: ~/.cache/f3s]
  F3S_ENGINE_DIR      the folder of the private engine
  XDG_CONFIG_HOME     the folder above f3s/settings.toml, the user's own [default: ~/.config]
  XDG_STATE_HOME      the folder above f3s's key and what was allowed [default: ~/.local/state]
  DOCKER_CONFIG       the folder of Docker's configuration, with credentials and contexts
  DOCKER_AUTH_CONFIG  logins of registries, which go before those of Docker's configuration
  DOCKER_CONTEXT      the context that names the engine
  NETRC               the file with logins of download servers [default: ~/.netrc]
  SOURCE_DATE_EPOCH   the time of what is built, in seconds since 1970
  NO_COLOR            no colours
  CLICOLOR_FORCE      colours, also where there is no terminal
  RUST_LOG            what f3s does and how long it takes, such as f3s=info";

const KEYS: &str = "\
Keys:
  r       build again
  f       build again, even if nothing changed
  n, Tab  select the next image
  l       show the log of the selected image, or the last one
  q       quit";

#[derive(Subcommand)]
enum Command {
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

/// Parses the command line, runs the command, says what went wrong.
pub fn main() -> ExitCode {
    let shells = Shells(&[&bash::WholeWords, &Zsh, &Fish]);
    CompleteEnv::with_factory(Cli::command).shells(shells).complete();
    // Help and mistakes of usage are said before the arguments are known.
    output::choose_colours(args::color_of(std::env::args()));
    let cli = Cli::from_arg_matches(&without_empty_variables(Cli::command()).get_matches());
    let cli = cli.unwrap_or_else(|error| error.exit());
    output::set_up(&cli.global);
    match dispatch(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.say(&cli.global);
            ExitCode::from(failure.code())
        }
    }
}

/// A variable that is empty counts as one that is not set, except that an empty registry is none.
fn without_empty_variables(command: clap::Command) -> clap::Command {
    let is_empty = |name: &OsStr| std::env::var_os(name).is_some_and(|value| value.is_empty());
    let command = command.mut_args(|arg| match arg.get_env() {
        Some(name) if name != args::REGISTRY && is_empty(name) => arg.env(Resettable::Reset),
        _ => arg,
    });
    command.mut_subcommands(without_empty_variables)
}

fn dispatch(cli: &Cli) -> Result<(), Failure> {
    let global = &cli.global;
    match &cli.command {
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
        Some(Command::Man(args)) => man::run(args),
        Some(Command::Completions(args)) => completions::run(args),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
