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
    ] {
        engine.register_global_module(Shared::new(module));
    }
    refuse_in_texts::<run::SecretHandle>(engine, "a secret");
    refuse_in_texts::<run::SshHandle>(engine, "a handle of `ssh()`");
    refuse_in_texts::<artifacts::ArtifactHandle>(engine, "a download");
    refuse_in_texts::<structure::StageHandle>(engine, "a stage");
    refuse_in_texts::<structure::ImageHandle>(engine, "an image");
    refuse_in_texts::<parameters::Choices>(engine, "a list of choices");
    // Its name differs from run to run.
    refuse_in_texts::<rhai::FnPtr>(engine, "a function");
    refuse_standard(engine);
}

/// Functions of the language that would end a recipe before its end, or wait.
pub const REFUSED: [&str; 2] = ["exit", "sleep"];

fn refuse_standard(engine: &mut Engine) {
    let [exit, sleep] = REFUSED;
    let refused =
        |name: &'static str| -> Outcome<()> { Err(raise(Diagnostic::error(format!("a recipe cannot `{name}`")))) };
    engine.register_fn(exit, move || refused(exit));
    engine.register_fn(exit, move |_: rhai::Dynamic| refused(exit));
    engine.register_fn(sleep, move |_: i64| refused(sleep));
}

/// A handle is no text: joined to one it would be its Rust name.
fn refuse_in_texts<T: rhai::Variant + Clone>(engine: &mut Engine, what: &'static str) {
    let refused = move || -> Outcome<rhai::ImmutableString> {
        Err(raise(Diagnostic::error(format!("{what} cannot be joined to a text"))))
    };
    engine.register_fn("+", move |_: rhai::ImmutableString, _: T| refused());
    engine.register_fn("+", move |_: T, _: rhai::ImmutableString| refused());
    engine.register_fn("to_string", move |_: &mut T| refused());
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
