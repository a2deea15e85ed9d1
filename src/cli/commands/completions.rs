//! `f3s completions`: completion that asks f3s itself, so that it knows recipes.

use clap::ValueEnum;

use crate::cli::failure::Failure;
use crate::cli::output;

#[derive(clap::Args)]
pub struct Args {
    #[arg(value_enum)]
    shell: Shell,
}

#[derive(ValueEnum, Clone, Copy)]
enum Shell {
    Bash,
    Zsh,
    Fish,
}

pub fn run(args: &Args) -> Result<(), Failure> {
    let (line, file) = match args.shell {
        Shell::Bash => ("source <(COMPLETE=bash f3s)", "~/.bashrc"),
        Shell::Zsh => ("source <(COMPLETE=zsh f3s)", "~/.zshrc"),
        Shell::Fish => ("COMPLETE=fish f3s | source", "~/.config/fish/completions/f3s.fish"),
    };
    output::note(&format!("# add this line to {file}"));
    output::print(&format!("{line}\n"))
}
