//! Arguments that several commands share.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, ValueEnum};
use clap_complete::engine::ArgValueCompleter;

use super::complete;
use crate::config::{Original, Replacement};
use crate::consent::Allowance;
use crate::script::Setting;

/// The variable that names the registry.
pub const REGISTRY: &str = "F3S_REGISTRY";

/// Where the project is and how f3s speaks; before or behind any command.
#[derive(Args, Clone, Debug)]
pub struct Global {
    /// Work as if started in this folder
    #[arg(short = 'C', long = "directory", value_name = "DIR", global = true, help_heading = "Global options")]
    pub directory: Option<PathBuf>,
    /// Prefix of the images that `push()` sends, such as `registry.example.com/team`
    #[arg(long, env = REGISTRY, value_name = "PREFIX", global = true, help_heading = "Global options")]
    pub registry: Option<String>,
    /// Fetch what begins with FROM from TO instead; may be repeated
    #[arg(long = "mirror", value_name = "FROM=TO", value_parser = parse_mirror, global = true, help_heading = "Global options")]
    pub mirrors: Vec<(Original, Replacement)>,
    /// Address of the engine [default: the docker context, then the usual sockets]
    #[arg(long, env = "DOCKER_HOST", value_name = "ADDRESS", global = true, help_heading = "Global options")]
    pub host: Option<String>,
    /// Allow what projects want of your machine: `engine` (one that only the project names), `network.host`, `ssh`,
    /// `read=PATH` (a secret's file outside of the project); may be repeated
    #[arg(long, value_name = "WHAT", value_parser = Allowance::from_str, add = ArgValueCompleter::new(complete::allowance), global = true, help_heading = "Global options")]
    pub allow: Vec<Allowance>,
    /// When to colour
    #[arg(long, value_enum, default_value_t = When::Auto, value_name = "WHEN", global = true, help_heading = "Global options")]
    pub color: When,
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    Auto,
    Always,
    Never,
}

/// `--color` of a command line that is not parsed yet.
pub fn color_of(mut words: impl Iterator<Item = String>) -> When {
    let mut color = When::Auto;
    while let Some(word) = words.next().filter(|word| word != "--") {
        let value = if word == "--color" { words.next() } else { word.strip_prefix("--color=").map(str::to_owned) };
        color = value.and_then(|value| When::from_str(&value, false).ok()).unwrap_or(color);
    }
    color
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
    #[arg(value_name = "RECIPE", add = ArgValueCompleter::new(complete::recipe))]
    pub recipes: Vec<String>,
    /// Set a parameter, of one recipe or of all that declare it; may be repeated
    #[arg(long = "set", value_name = "[RECIPE.]NAME=VALUE", value_parser = parse_setting, add = ArgValueCompleter::new(complete::setting))]
    pub set: Vec<Setting>,
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
