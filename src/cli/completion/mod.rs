//! What completion offers for recipes, settings and functions, asked by a shell while a line is typed.

mod bash;

use std::ffi::OsStr;
use std::path::PathBuf;

use clap::Command;
use clap_complete::CompleteEnv;
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate, PathCompleter, ValueCompleter};
use clap_complete::env::{Fish, Shells, Zsh};

use super::project::names;
use crate::consent::Allowance;
use crate::folders;
use crate::harmless;
use crate::recipe::{Param, Value};
use crate::script::reference;

/// Answers a shell that asks what could stand next, and ends f3s then. `program`: all that f3s understands.
pub fn answer(program: fn() -> Command) {
    let shells = Shells(&[&bash::WholeWords, &Zsh, &Fish]);
    CompleteEnv::with_factory(|| with_candidates(program())).shells(shells).complete();
}

/// Arguments that are called alike take the same in every command.
fn with_candidates(command: Command) -> Command {
    let command = command.mut_args(|arg| match arg.get_id().as_str() {
        "allow" => arg.add(ArgValueCompleter::new(allowance)),
        "function" => arg.add(ArgValueCompleter::new(function)),
        "image" => arg.add(ArgValueCompleter::new(recipe_name)),
        "recipes" => arg.add(ArgValueCompleter::new(recipe)),
        "set" => arg.add(ArgValueCompleter::new(setting)),
        _ => arg,
    });
    command.mut_subcommands(with_candidates)
}

/// Names of recipes, and paths once one is begun.
fn recipe(current: &OsStr) -> Vec<CompletionCandidate> {
    let names = recipe_name(current);
    let begun = current.to_string_lossy();
    if begun.is_empty() || !(names.is_empty() || begun.contains('/')) {
        return names;
    }
    let recipes = |path: &std::path::Path| path.extension().is_some_and(|extension| extension == "rhai");
    let mut paths = PathCompleter::any().filter(recipes);
    if let Some(folder) = folder() {
        paths = paths.current_dir(folder);
    }
    names.into_iter().chain(paths.complete(current)).collect()
}

/// Names of recipes.
fn recipe_name(current: &OsStr) -> Vec<CompletionCandidate> {
    let names = folder().and_then(|folder| names::recipes(&folder)).unwrap_or_default();
    let current = current.to_string_lossy();
    let names = names.into_iter().filter(|name| name.starts_with(&*current) && is_typed(name));
    names.map(CompletionCandidate::new).collect()
}

/// What `--allow` takes; behind `read=` a path.
fn allowance(current: &OsStr) -> Vec<CompletionCandidate> {
    let current = current.to_string_lossy();
    let Some(begun) = current.strip_prefix("read=") else {
        let words = Allowance::WORDS.into_iter().chain(["read="]).filter(|word| word.starts_with(&*current));
        return words.map(CompletionCandidate::new).collect();
    };
    let paths = PathCompleter::any().complete(OsStr::new(begun));
    paths.into_iter().map(|path| path.add_prefix("read=")).collect()
}

/// Functions of the recipe language.
fn function(current: &OsStr) -> Vec<CompletionCandidate> {
    let current = current.to_string_lossy();
    let functions = reference::functions().into_iter().filter(|function| function.name.starts_with(&*current));
    functions.map(|function| CompletionCandidate::new(function.name).help(Some(function.summary.into()))).collect()
}

/// `NAME=` of every parameter; behind the `=` the values that are allowed, or the default.
fn setting(current: &OsStr) -> Vec<CompletionCandidate> {
    let current = current.to_string_lossy();
    let params = folder().and_then(|folder| names::params(&folder)).unwrap_or_default();
    let (recipe, rest) = current.rsplit_once('.').filter(|(recipe, _)| !recipe.contains('=')).unwrap_or(("", &current));
    let prefix = if recipe.is_empty() { String::new() } else { format!("{recipe}.") };
    let of_recipe = params.into_iter().filter(|(owner, _)| recipe.is_empty() || owner == recipe);
    let mut candidates: Vec<(String, String)> = Vec::new();
    for (_, param) in of_recipe {
        if rest.contains('=') {
            candidates
                .extend(values(&param).iter().map(|value| (format!("{}={value}", param.name), param.doc.clone())));
        } else {
            candidates.push((format!("{}=", param.name), param.doc));
        }
    }
    candidates.retain(|(text, _)| text.starts_with(rest) && is_typed(text));
    candidates.sort();
    candidates.dedup_by(|a, b| a.0 == b.0);
    let candidate = |(text, doc): (String, String)| {
        CompletionCandidate::new(format!("{prefix}{text}")).help(Some(harmless::line(&doc).into()))
    };
    candidates.into_iter().map(candidate).collect()
}

/// What has control characters would act on the terminal that it is offered on.
fn is_typed(text: &str) -> bool {
    harmless::line(text) == text
}

fn values(param: &Param) -> Vec<Value> {
    match (&param.choices[..], &param.default) {
        ([], Value::Bool(_)) => vec![Value::Bool(true), Value::Bool(false)],
        ([], default) => vec![default.clone()],
        (choices, _) => choices.to_vec(),
    }
}

/// The folder that the command will work in: the one that `-C` of the line names, else the shell's. The shell hands
/// the line over behind `--`.
fn folder() -> Option<PathBuf> {
    let here = std::env::current_dir().ok()?;
    let line = std::env::args_os().skip_while(|word| word != "--").skip(1);
    let mut words = line.map(|word| word.to_string_lossy().into_owned());
    let mut named = None;
    while let Some(word) = words.next() {
        named = match word.as_str() {
            "-C" | "--directory" => words.next().or(named),
            _ => word.strip_prefix("--directory=").or(word.strip_prefix("-C")).map(str::to_owned).or(named),
        };
    }
    // No shell has expanded it yet.
    let home = |rest: &str| Some(folders::home()?.join(rest));
    Some(match named {
        None => here,
        Some(named) => match named.strip_prefix("~/").and_then(home) {
            Some(folder) => folder,
            None => here.join(named),
        },
    })
}
