//! `f3s watch`: builds, waits for a change of what was read, builds what the change touches.

mod args;
mod command;
mod session;

use crate::cli::args::Global;
use crate::cli::connection;
use crate::cli::failure::Failure;
use crate::cli::project::Asking;
use crate::cli::project::{Location, Project};
use crate::diagnostic::{Diagnostic, Sources};
use crate::watch::Ear;
pub use args::Args;
use session::Session;

pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    let location = Location::find(global, &args.select.recipes)?;
    consent(global, args, &location)?;
    let ear = Ear::new(&location.root, args.poll).map_err(|error| {
        let error = Diagnostic::error(format!("files cannot be watched: {error}"));
        Failure::Failed(error.hint("`--poll` needs no help of the system"), Sources::default())
    })?;
    connection::block_on(async { Session::new(global, args, location, ear).run().await })
}

/// Asks before the first round, while there is no live view yet. Mistakes of scripts are left to that round.
fn consent(global: &Global, args: &Args, location: &Location) -> Result<(), Failure> {
    let Ok(project) = Project::at(global, location.clone()) else { return Ok(()) };
    let Ok((graph, sources)) = project.load(&args.select) else { return Ok(()) };
    project.consent(&graph, &sources, Asking::OnTerminal).map(|_| ())
}
