//! The host functions, by noun. The doc comment over a function is its user documentation: first line, options,
//! errors, one example and the Dockerfile lines it lowers to. Everything else is derived from it.

mod artifacts;
mod checks;
mod configuration;
mod files;
mod identity;
mod library_support;
mod parameters;
mod run;
mod structure;

use rhai::{Engine, Shared, exported_module};

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
    ] {
        engine.register_global_module(Shared::new(module));
    }
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
