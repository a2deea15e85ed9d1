//! `f3s man`: manual pages, from the same source as `--help`.

use std::path::PathBuf;

use clap::CommandFactory;

use super::failure::Failure;
use super::output;

#[derive(clap::Args)]
pub struct Args {
    /// Where the pages go, one for every command
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
}

pub fn run(args: &Args) -> Result<(), Failure> {
    std::fs::create_dir_all(&args.folder)?;
    clap_mangen::generate_to(super::Cli::command(), &args.folder)?;
    output::note(&format!("`man -l {}` shows the first one", args.folder.join("f3s.1").display()));
    Ok(())
}
