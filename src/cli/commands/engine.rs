//! `f3s engine`: the private engine.

use clap::Subcommand;

use crate::cli::args::Global;
use crate::cli::failure::Failure;
use crate::cli::{connection, output};
use crate::diagnostic::Sources;
use crate::engine::Private;

#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Start it, if it does not run
    Start,
    /// End it; its images stay
    Stop,
    /// Say whether it runs, and where
    Status,
}

pub fn run(_: &Global, args: &Args) -> Result<(), Failure> {
    let private = Private::of_user();
    let failed = |diagnostic| Failure::Unreachable(Some((diagnostic, Sources::default())));
    match args.command {
        Command::Start => {
            connection::block_on(async { private.start(&|message| output::note(&message)).await.map_err(failed) })?;
            output::print(&format!("{}\n", private.address()))
        }
        Command::Stop => {
            let ended = connection::block_on(async { private.stop().await.map_err(failed) })?;
            output::note(if ended { "the private engine has ended" } else { "the private engine does not run" });
            Ok(())
        }
        Command::Status => {
            let status = private.status();
            let state = status.pid.map_or_else(|| "does not run".to_owned(), |pid| format!("runs, process {pid}"));
            output::print(&format!("{state}\naddress {}\nfolder  {}\n", status.address, status.folder.display()))
        }
    }
}
