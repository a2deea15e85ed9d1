//! `f3s logs`: what the last runs said of each image.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::cli::args::Global;
use crate::cli::failure::Failure;
use crate::cli::output;
use crate::cli::project::Location;
use crate::diagnostic::{Diagnostic, nearest};
use crate::report::{LOG_OF_RUN, LOGS_KEPT, Logs, bytes};

#[derive(clap::Args)]
pub struct Args {
    /// An image, as plans and progress call it, or `(run)` for what belongs to none; a list of all logs when left out
    #[arg(value_name = "IMAGE")]
    image: Option<String>,
    /// How many runs to go back
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..LOGS_KEPT as i64))]
    back: u8,
}

pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    let folder = Location::find(global, &[])?.logs();
    let logs = Logs::files(&folder);
    let Some(image) = &args.image else {
        if logs.is_empty() {
            output::note("no image was built here yet");
        }
        return output::print(&listed(&logs));
    };
    if let Some(file) = logs.get(image).and_then(|files| files.get(usize::from(args.back))) {
        return output::print(&std::fs::read_to_string(file)?);
    }
    let near = nearest(image, logs.keys().map(String::as_str));
    let error = Diagnostic::error(format!("there is no such log of `{image}`"));
    let error = error.hint_if(near.filter(|near| near != image).map(|near| format!("did you mean `{near}`?")));
    Err(Failure::Usage(error.hint("`f3s logs` lists what there is; up-to-date images leave no log")))
}

/// The logs with their sizes, that of the run itself behind those of images.
fn listed(logs: &BTreeMap<String, Vec<PathBuf>>) -> String {
    let width = logs.keys().map(|name| name.chars().count()).max().unwrap_or(0);
    let (run, images): (Vec<_>, Vec<_>) = logs.iter().partition(|(name, _)| *name == LOG_OF_RUN);
    let line = |(name, files): (&String, &Vec<PathBuf>)| {
        let size = files.first().and_then(|file| file.metadata().ok()).map_or(0, |metadata| metadata.len());
        format!("{name:width$}  {}\n", bytes(size))
    };
    images.into_iter().chain(run).map(line).collect()
}

/// The log, of these images, that was written last: an image and its text.
pub fn last(folder: &Path, images: &[String]) -> Option<(String, String)> {
    let written = |file: &PathBuf| file.metadata().and_then(|metadata| metadata.modified()).ok();
    let logs = Logs::files(folder).into_iter().filter(|(name, _)| images.contains(name));
    let newest = logs.filter_map(|(name, files)| Some((name, files.into_iter().next()?)));
    let (image, file) = newest.max_by_key(|(_, file)| written(file))?;
    Some((image, std::fs::read_to_string(file).ok()?))
}
