//! The command line: arguments, one file per command, and what each kind of failure exits with.

mod args;
mod commands;
mod completion;
mod connection;
mod environment;
mod failure;
mod help;
mod keys;
mod logins;
mod output;
mod project;
mod reporter;
mod signals;
mod state;

use std::ffi::OsStr;
use std::process::ExitCode;

use clap::builder::Resettable;
use clap::{CommandFactory, FromArgMatches, Parser};

use args::Global;
use commands::Command;
use help::{ENVIRONMENT, EXAMPLES, EXIT_CODES};

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

/// Parses the command line, runs the command, says what went wrong.
pub fn main() -> ExitCode {
    completion::answer(Cli::command);
    // Help and mistakes of usage are said before the arguments are known.
    output::choose_colours(output::color_of(std::env::args()));
    let cli = Cli::from_arg_matches(&without_empty_variables(Cli::command()).get_matches());
    let Cli { global, command } = cli.unwrap_or_else(|error| error.exit());
    output::set_up(global.color);
    match commands::run(&global, command.as_ref(), Cli::command()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output::say_failure(&failure, global.color);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
