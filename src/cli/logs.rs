//! `f3s logs`: what the last runs said of each image.

use std::fs::Metadata;
use std::path::Path;

use clap_complete::engine::ArgValueCompleter;

use super::args::Global;
use super::complete;
use super::failure::Failure;
use super::output;
use super::project::Project;
use crate::diagnostic::{Diagnostic, nearest};
use crate::report::{LOGS_KEPT, Logs, bytes};

#[derive(clap::Args)]
pub struct Args {
    /// An image, as plans and progress call it; a list of all logs when left out
    #[arg(value_name = "IMAGE", add = ArgValueCompleter::new(complete::recipe_name))]
    image: Option<String>,
    /// How many runs to go back
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..LOGS_KEPT as i64))]
    back: u8,
}

pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    let project = Project::open(global, &[])?;
    let folder = project.logs();
    let names = names(&folder);
    let Some(image) = &args.image else {
        let width = names.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        let lines: Vec<String> =
            names.iter().map(|(name, size)| format!("{name:width$}  {}\n", bytes(size.len()))).collect();
        if lines.is_empty() {
            output::note("no image was built here yet");
        }
        return output::print(&lines.concat());
    };
    match std::fs::read_to_string(Logs::file(&folder, image, args.back.into())) {
        Ok(text) => output::print(&text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let near = nearest(image, names.iter().map(|(name, _)| name.as_str()));
            let error = Diagnostic::error(format!("there is no such log of `{image}`"));
            let error = error.hint_if(near.filter(|near| near != image).map(|near| format!("did you mean `{near}`?")));
            Err(Failure::Usage(error.hint("`f3s logs` lists what there is; up-to-date images leave no log")))
        }
        Err(error) => Err(error.into()),
    }
}

/// The images that have a log of their last run, by name.
fn names(folder: &Path) -> Vec<(String, Metadata)> {
    let mut names: Vec<(String, Metadata)> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().to_string_lossy().strip_suffix(".log")?.to_owned();
            // `NAME.1.log` is an earlier one.
            let earlier = name.rsplit_once('.').and_then(|(_, back)| back.parse::<usize>().ok());
            Some((Logs::image(&name), entry.metadata().ok()?)).filter(|_| earlier.is_none_or(|back| back >= LOGS_KEPT))
        })
        .collect();
    names.sort_by(|a, b| a.0.cmp(&b.0));
    names
}

/// The log, of these images, that was written last: an image and its text.
pub fn last(folder: &Path, images: &[String]) -> Option<(String, String)> {
    let logs = names(folder).into_iter().filter(|(name, _)| images.contains(name));
    let (image, _) = logs.max_by_key(|(_, metadata)| metadata.modified().ok())?;
    let text = std::fs::read_to_string(Logs::file(folder, &image, 0)).ok()?;
    Some((image, text))
}
