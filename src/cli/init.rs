//! `f3s init`: a first recipe and a commented `f3s.toml`. Nothing that is there is overwritten.

use std::path::Path;

use super::args::Global;
use super::failure::Failure;
use super::output;
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
    if !crate::recipe::ImageRef::is_name(&args.name) || args.name.contains('/') {
        let error = Diagnostic::error(format!("`{}` is no name of an image", args.name));
        return Err(Failure::Usage(error.hint("lower-case letters, digits and single `.`, `_` or `-` between them")));
    }
    let folder = global.directory.as_deref().unwrap_or(Path::new("."));
    let recipe = folder.join("scripts").join(format!("{}.rhai", args.name));
    let config = folder.join("f3s.toml");
    if recipe.exists() {
        let error = Diagnostic::error(format!("`{}` exists", recipe.display()));
        return Err(Failure::Usage(error.hint("choose another name: `f3s init NAME`")));
    }
    std::fs::create_dir_all(folder.join("scripts"))?;
    std::fs::write(&recipe, RECIPE)?;
    output::note(&format!("wrote {}", recipe.display()));
    if !config.exists() {
        std::fs::write(&config, CONFIG)?;
        output::note(&format!("wrote {}", config.display()));
    }
    output::note(&format!("next: `f3s run {}`; `f3s doc` shows what a recipe can say", args.name));
    Ok(())
}
