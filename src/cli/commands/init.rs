//! `f3s init`: a first recipe and a commented `f3s.toml`. Nothing that is there is overwritten.

use std::path::Path;

use crate::cli::args::Global;
use crate::cli::failure::Failure;
use crate::cli::output;
use crate::cli::project::Project;
use crate::cli::project::settings::FILE;
use crate::diagnostic::Diagnostic;

#[derive(clap::Args)]
pub struct Args {
    /// Name of the first recipe
    #[arg(value_name = "NAME", default_value = "hello")]
    name: String,
}

const RECIPE: &str = include_str!("init/recipe.rhai");
const CONFIG: &str = include_str!("init/f3s.toml");

pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    let name = args.name.strip_suffix(".rhai").unwrap_or(&args.name);
    if !crate::recipe::ImageRef::is_name(name) || name.contains('/') {
        let error = Diagnostic::error(format!("`{name}` is no name of an image"));
        return Err(Failure::Usage(error.hint("lower-case letters, digits and single `.`, `_` or `-` between them")));
    }
    let project = Project::open(global, &[])?;
    let config = project.root.join(FILE);
    // A folder that is no project yet becomes one; its own settings say where recipes are.
    let root = if config.exists() { project.root.clone() } else { project.location().here };
    let pattern = project.config.recipes.first().map_or("scripts/*.rhai", String::as_str);
    let folder = root.join(pattern.rsplit_once('/').map_or("", |(folder, _)| folder));
    let recipe = folder.join(format!("{name}.rhai"));
    if recipe.exists() {
        let error = Diagnostic::error(format!("`{}` exists", recipe.display()));
        return Err(Failure::Usage(error.hint("choose another name: `f3s init NAME`")));
    }
    std::fs::create_dir_all(&folder).map_err(|error| Failure::of_file(&folder, &error))?;
    write(&recipe, RECIPE)?;
    let config = root.join(FILE);
    if !config.exists() {
        write(&config, CONFIG)?;
    }
    output::note(&format!("next: `f3s run {name}`; `f3s doc` shows what a recipe can say"));
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(path, text).map_err(|error| Failure::of_file(path, &error))?;
    output::note(&format!("wrote {}", path.display()));
    Ok(())
}
