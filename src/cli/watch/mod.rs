//! `f3s watch`: builds, waits for a change of what was read, builds what the change touches.

mod command;
pub mod keys;
mod session;

use super::args::{Global, Select};
use super::build::{self, Flags};
use super::consent::Asking;
use super::failure::Failure;
use super::project::{Location, Project};
use crate::diagnostic::{Diagnostic, Sources};
use crate::watch::Ear;
use session::Session;

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    select: Select,
    #[command(flatten)]
    flags: Flags,
    /// Push, too, after every round that succeeds
    #[arg(long)]
    push: bool,
    /// Run checks, which is the default
    #[arg(long, overrides_with = "no_check")]
    check: bool,
    /// Leave out checks
    #[arg(long)]
    no_check: bool,
    /// Run this by `sh -c` after every round that succeeds, with the images' references in F3S_IMAGES; what still runs of the
    /// round before is ended
    #[arg(long, value_name = "COMMAND")]
    exec: Option<String>,
    /// Clear the screen before every round
    #[arg(long)]
    clear: bool,
    /// Look at the files twice a second, for file systems without events
    #[arg(long)]
    poll: bool,
}

pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    let location = Location::find(global, &args.select.recipes)?;
    consent(global, args, &location)?;
    let ear = Ear::new(&location.root, args.poll).map_err(|error| {
        let error = Diagnostic::error(format!("files cannot be watched: {error}"));
        Failure::Failed(error.hint("`--poll` needs no help of the system"), Sources::default())
    })?;
    build::block_on(async { Session::new(global, args, location, ear).run().await })
}

/// Asks before the first round, while there is no live view yet. Mistakes of scripts are left to that round.
fn consent(global: &Global, args: &Args, location: &Location) -> Result<(), Failure> {
    let Ok(project) = Project::at(global, location.clone()) else { return Ok(()) };
    let Ok((graph, sources)) = project.load(&args.select) else { return Ok(()) };
    project.consent(&graph, &sources, Asking::OnTerminal).map(|_| ())
}
