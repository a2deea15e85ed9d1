//! What `f3s watch` understands.

use crate::cli::args::{Flags, Select};

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    pub select: Select,
    #[command(flatten)]
    pub flags: Flags,
    /// Push, too, after every round that succeeds
    #[arg(long)]
    pub push: bool,
    /// Run checks, which is the default
    #[arg(long, overrides_with = "no_check")]
    pub check: bool,
    /// Leave out checks
    #[arg(long)]
    pub no_check: bool,
    /// Run this by `sh -c` after every round that succeeds, with the images' references in F3S_IMAGES; what still runs of the
    /// round before is ended
    #[arg(long, value_name = "COMMAND")]
    pub exec: Option<String>,
    /// Clear the screen before every round
    #[arg(long)]
    pub clear: bool,
    /// Look at the files twice a second, for file systems without events
    #[arg(long)]
    pub poll: bool,
}
