//! Arguments that several commands share.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, ValueEnum};

use super::failure::Failure;
use super::output::When;
use super::reporter::Progress;
use crate::config::{Original, Registry, Replacement};
use crate::consent::Allowance;
use crate::diagnostic::Diagnostic;
use crate::script::Setting;

/// The variable that allows what `--allow` does.
pub const ALLOW: &str = "F3S_ALLOW";

/// The variable that names the registry.
pub const REGISTRY: &str = "F3S_REGISTRY";

/// Where the project is and how f3s speaks; before or behind any command.
#[derive(Args, Clone, Debug)]
pub struct Global {
    /// Work as if started in this folder
    #[arg(short = 'C', long = "directory", value_name = "DIR", global = true, help_heading = "Global options")]
    pub directory: Option<PathBuf>,
    /// Prefix of the images that `push()` sends, such as `registry.example.com/team`
    #[arg(long, env = REGISTRY, value_name = "PREFIX", value_parser = Registry::from_str, global = true, help_heading = "Global options")]
    pub registry: Option<Registry>,
    /// Fetch what begins with FROM from TO instead; may be repeated
    #[arg(long = "mirror", value_name = "FROM=TO", value_parser = parse_mirror, global = true, help_heading = "Global options")]
    pub mirrors: Vec<(Original, Replacement)>,
    /// Address of the engine [default: the docker context, then the usual sockets]
    #[arg(long, env = "DOCKER_HOST", value_name = "ADDRESS", global = true, help_heading = "Global options")]
    pub host: Option<String>,
    /// Allow what projects want of your machine: `engine` (one that only the project names), `network.host`, `ssh`,
    /// `read=PATH` (a secret's file outside of the project); may be repeated
    #[arg(long, value_name = "WHAT", value_parser = Allowance::from_str, global = true, help_heading = "Global options")]
    pub allow: Vec<Allowance>,
    /// When to colour
    #[arg(long, value_enum, default_value_t = When::Auto, value_name = "WHEN", global = true, help_heading = "Global options")]
    pub color: When,
}

impl Global {
    /// What the flags and the variable allow.
    pub fn allowed(&self) -> Result<Vec<Allowance>, Failure> {
        let text = std::env::var(ALLOW).unwrap_or_default();
        let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
        let of_variable = words.map(|word| Allowance::try_from(word.to_owned())).collect::<Result<Vec<_>, _>>();
        let of_variable =
            of_variable.map_err(|error| Failure::Usage(Diagnostic::error(error).note(format!("from {ALLOW}"))))?;
        Ok(self.allow.iter().cloned().chain(of_variable).collect())
    }
}

#[derive(ValueEnum, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    #[default]
    Text,
    Json,
}

/// Which images.
#[derive(Args, Clone, Debug, Default)]
pub struct Select {
    /// Recipes: a path, a name, or a glob over names [default: all of the project]
    #[arg(value_name = "RECIPE")]
    pub recipes: Vec<String>,
    /// Set a parameter, of one recipe or of all that declare it; may be repeated
    #[arg(long = "set", value_name = "[RECIPE.]NAME=VALUE", value_parser = parse_setting)]
    pub set: Vec<Setting>,
}

/// What all commands that build understand.
#[derive(Args, Clone)]
pub struct Flags {
    /// Build at most this many images at the same time [default: the number of processors]
    #[arg(short, long, env = "F3S_JOBS", value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,
    /// How progress is shown
    #[arg(long, env = "F3S_PROGRESS", value_enum, default_value_t = Progress::Auto, value_name = "KIND")]
    pub progress: Progress,
}

impl Flags {
    /// How many images are made at the same time, if somebody said so. `configured`: by the project.
    pub fn jobs(&self, configured: Option<usize>) -> Option<usize> {
        self.jobs.map(usize::from).or(configured)
    }
}

fn parse_mirror(text: &str) -> Result<(Original, Replacement), String> {
    let (from, to) = text.split_once('=').ok_or("write FROM=TO, two URL prefixes")?;
    Ok((Original::try_from(from.to_owned())?, Replacement::try_from(to.to_owned())?))
}

fn parse_setting(text: &str) -> Result<Setting, String> {
    let (left, value) = text.split_once('=').ok_or("write NAME=VALUE or RECIPE.NAME=VALUE")?;
    // A recipe's name may hold dots, a parameter's may not.
    let (recipe, name) = match left.rsplit_once('.') {
        Some((recipe, name)) => (Some(recipe.to_owned()), name),
        None => (None, left),
    };
    if name.is_empty() || recipe.as_ref().is_some_and(String::is_empty) {
        return Err("write NAME=VALUE or RECIPE.NAME=VALUE".to_owned());
    }
    Ok(Setting { recipe, name: name.to_owned(), value: value.to_owned() })
}
