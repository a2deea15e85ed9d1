//! The library: functions written in Rhai, embedded in the binary, global for every recipe.

use std::sync::OnceLock;

use include_dir::{Dir, include_dir};
use rhai::{AST, Engine, Module, Scope, Shared};

use crate::diagnostic::Sources;

static FILES: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/stdlib");

/// What stands before a library file's name in places.
const PREFIX: &str = "<stdlib>/";

/// True for a file of the library, as it stands in `Place::file`.
pub fn is_library(file: &str) -> bool {
    file.starts_with(PREFIX)
}

/// Name (`<stdlib>/apk.rhai`) and text of every library file, sorted by name.
pub fn files() -> impl Iterator<Item = (String, &'static str)> {
    let mut files: Vec<_> = FILES
        .files()
        .filter(|file| file.path().extension().is_some_and(|extension| extension == "rhai"))
        .map(|file| {
            let text = file.contents_utf8().expect("library files are UTF-8");
            (format!("{PREFIX}{}", file.path().display()), text)
        })
        .collect();
    files.sort();
    files.into_iter()
}

/// The library compiled once per process: compiling is what costs.
fn compiled(engine: &Engine) -> &'static [AST] {
    static COMPILED: OnceLock<Vec<AST>> = OnceLock::new();
    COMPILED.get_or_init(|| {
        files()
            .map(|(name, text)| {
                let mut ast = engine.compile(text).unwrap_or_else(|error| panic!("{name}: {error}"));
                ast.set_source(name);
                ast
            })
            .collect()
    })
}

/// Makes the library's functions global. Host functions must be registered already.
pub fn register(engine: &mut Engine) {
    for ast in compiled(engine) {
        let module = Module::eval_ast_as_new(Scope::new(), ast, engine)
            .unwrap_or_else(|error| panic!("{}: {error}", ast.source().unwrap_or_default()));
        engine.register_global_module(Shared::new(module));
    }
}

/// The scripts of the library, for looking at their functions and for drawing carets under their lines.
pub fn scripts(engine: &Engine) -> &'static [AST] {
    compiled(engine)
}

pub fn add_sources(sources: &mut Sources) {
    for (name, text) in files() {
        sources.insert(name, text);
    }
}
