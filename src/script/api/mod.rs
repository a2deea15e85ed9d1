//! The host functions, by noun. The doc comment over a function is its user documentation: first line, options,
//! errors, one example and the Dockerfile lines it lowers to. Everything else is derived from it.

mod artifacts;
mod checks;
mod configuration;
mod files;
mod identity;
mod joins;
mod library_support;
mod lists;
pub mod literal;
mod parameters;
mod ports;
mod run;
mod signals;
mod structure;
mod texts;

use rhai::{Engine, Shared, exported_module};

use super::arguments::{Outcome, raise};
use crate::diagnostic::Diagnostic;

/// Registers every host function globally.
pub fn register(engine: &mut Engine) {
    for module in [
        exported_module!(identity::functions),
        exported_module!(parameters::functions),
        exported_module!(run::functions),
        exported_module!(files::functions),
        exported_module!(artifacts::functions),
        exported_module!(configuration::functions),
        exported_module!(structure::functions),
        exported_module!(checks::functions),
        exported_module!(library_support::functions),
        exported_module!(literal::functions),
    ] {
        engine.register_global_module(Shared::new(module));
    }
    joins::register(engine);
    lists::register(engine);
    texts::register(engine);
    refuse_standard(engine);
}

/// Functions of the language that would end a recipe before its end, or wait.
pub const REFUSED: [&str; 2] = ["exit", "sleep"];

/// Functions of the language that are registered again, with a limit or to refuse something.
pub const OF_THE_LANGUAGE: [&str; 12] = [
    "to_string",
    "append",
    "replace",
    "split",
    "split_rev",
    "to_chars",
    "to_json",
    "sort",
    "sort_by",
    "contains",
    "index_of",
    "dedup",
];

fn refuse_standard(engine: &mut Engine) {
    let [exit, sleep] = REFUSED;
    let refused =
        |name: &'static str| -> Outcome<()> { Err(raise(Diagnostic::error(format!("a recipe cannot `{name}`")))) };
    engine.register_fn(exit, move || refused(exit));
    engine.register_fn(exit, move |_: rhai::Dynamic| refused(exit));
    engine.register_fn(sleep, move |_: i64| refused(sleep));
}

/// The option keys of a host function that takes options as its last argument.
pub fn option_keys(function: &str) -> Option<&'static [&'static str]> {
    Some(match function {
        "run" | "cleanup" => run::OPTIONS,
        "secret" => run::SECRET_OPTIONS,
        "copy" => files::COPY_OPTIONS,
        "write" => files::WRITE_OPTIONS,
        "download" => artifacts::DOWNLOAD_OPTIONS,
        "git" => artifacts::GIT_OPTIONS,
        "unpack" => artifacts::UNPACK_OPTIONS,
        "place" => artifacts::PLACE_OPTIONS,
        "healthcheck" => configuration::HEALTHCHECK_OPTIONS,
        "check" => checks::CHECK_OPTIONS,
        "check_file" => checks::FILE_OPTIONS,
        _ => return None,
    })
}
