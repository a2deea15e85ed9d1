//! One Rhai engine per thread, set up for recipes: the language's limits, host functions, library, imports.

use std::sync::Arc;

use rhai::debugger::DebuggerCommand;
use rhai::packages::{Package, StandardPackage};
use rhai::{AST, Dynamic, Engine, OptimizationLevel};

use super::lint::Lint;
use super::modules::ProjectModules;
use super::recorder::{Bindings, Project, Recording};
use super::{api, errors, library, meter};
use crate::diagnostic::{Diagnostic, Place, Sources};
use crate::harmless;
use crate::recipe::Recipe;

/// Bytes of one script.
pub const MAX_SCRIPT: usize = 256 * 1024;
/// A recipe runs some hundred operations; a loop that never ends reaches this in a fraction of a second.
const MAX_OPERATIONS: u64 = 5_000_000;
const MAX_CALL_DEPTH: usize = 64;
const MAX_EXPRESSION_DEPTH: usize = 64;
/// Bytes of one text, and of all texts in a list or map.
pub const MAX_STRING: usize = 16_000_000;
/// Items of a list or map, with those of the lists and maps in it.
pub const MAX_COLLECTION: usize = 10_000;
const MAX_VARIABLES: usize = 1_000;
/// Bytes of stack for a thread that parses and runs scripts: the depths above need some 10 MiB in a debug build.
pub const STACK: usize = 32 * 1024 * 1024;

pub struct Interpreter {
    engine: Engine,
    lint: Arc<Lint>,
}

/// An engine with limits, host functions and library, but without a project.
pub fn engine() -> Engine {
    let mut engine = Engine::new_raw();
    StandardPackage::new().register_into_engine(&mut engine);
    // Folded constant maps would lose the positions of their keys.
    engine.set_optimization_level(OptimizationLevel::None);
    engine.set_strict_variables(true);
    engine.set_fail_on_invalid_map_property(true);
    engine.set_max_operations(MAX_OPERATIONS);
    engine.set_max_call_levels(MAX_CALL_DEPTH);
    engine.set_max_expr_depths(MAX_EXPRESSION_DEPTH, MAX_EXPRESSION_DEPTH);
    engine.set_max_string_size(MAX_STRING);
    engine.set_max_array_size(MAX_COLLECTION);
    engine.set_max_map_size(MAX_COLLECTION);
    engine.set_max_variables(MAX_VARIABLES);
    engine.on_progress(|operations| meter::excess(operations).map(Dynamic::from));
    // The fast ones would join nothing to a text without asking.
    engine.set_fast_operators(false);
    // `eval` would hide calls from the lint; `try` would swallow diagnostics.
    for keyword in ["eval", "try", "catch"] {
        engine.disable_symbol(keyword);
    }
    engine.on_print(|text| eprintln!("{}", harmless::shown(text)));
    engine.on_debug(|text, source, position| {
        eprintln!("{}", harmless::shown(&format!("{}:{position:?}: {text}", source.unwrap_or("script"))));
    });
    // A debugger that never stops: it keeps the call stack, which origins are read from.
    #[expect(deprecated, reason = "marked volatile, not deprecated: the version is pinned")]
    engine.register_debugger(|_, debugger| debugger, |_, _, _, _, _| Ok(DebuggerCommand::Continue));
    api::register(&mut engine);
    library::register(&mut engine);
    engine
}

impl Interpreter {
    pub fn new(lint: Arc<Lint>) -> Self {
        Interpreter { engine: engine(), lint }
    }

    /// Compiles and lints a script.
    pub fn compile(engine: &Engine, lint: &Lint, file: &str, text: &str) -> Result<AST, Vec<Diagnostic>> {
        if text.len() > MAX_SCRIPT {
            let message = format!("the script is {} KB long; the limit is {} KB", text.len() / 1000, MAX_SCRIPT / 1024);
            let error = Diagnostic::error(message).at(Place::start_of(file));
            return Err(vec![error.hint("move data into a file and `copy` it, or split the recipe")]);
        }
        if let Some(error) = super::lint::unterminated_comment(file, text) {
            return Err(vec![error]);
        }
        let mut ast = engine.compile(text).map_err(|error| vec![errors::of_parsing(file, text, &error)])?;
        ast.set_source(file);
        let mistakes = lint.examine(file, text, &ast);
        if mistakes.is_empty() { Ok(ast) } else { Err(mistakes) }
    }

    /// Evaluates a recipe once, with these bindings. The texts that were read are added to `sources`.
    pub fn evaluate(
        &mut self,
        project: &Arc<Project>,
        stem: &str,
        file: &str,
        text: &str,
        bindings: Bindings,
        sources: &mut Sources,
    ) -> Result<Recipe, Vec<Diagnostic>> {
        sources.insert(file, text);
        let ast = Interpreter::compile(&self.engine, &self.lint, file, text)?;
        let recording = Recording::new(project.clone(), bindings, stem, file);
        recording.lock().sources.insert(file, text);
        recording.lock().definitions.add(file, &ast);
        self.engine.set_default_tag(recording.clone().into_tag());
        self.engine.set_module_resolver(ProjectModules::new(recording.clone(), self.lint.clone()));
        let result = self.engine.run_ast(&ast);
        self.engine.set_default_tag(Dynamic::UNIT);
        let mut recorder = recording.lock();
        sources.extend(&recorder.sources);
        if let Some(error) = recorder.refused.take() {
            return Err(vec![error]);
        }
        match result {
            Ok(()) => recorder.finish(&header(text)).map_err(|error| vec![*error]),
            Err(error) => Err(errors::of_running(file, &recorder.definitions, *error)),
        }
    }
}

/// The `//!` lines at the top of a script, as one text.
pub fn header(text: &str) -> String {
    let lines = text.lines().skip_while(|line| line.trim().is_empty());
    let lines = lines.map_while(|line| line.trim_start().strip_prefix("//!")).map(str::trim);
    lines.collect::<Vec<_>>().join("\n").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::header;

    #[test]
    fn the_header_is_the_leading_doc_comment() {
        assert_eq!(
            header("//! JMeter: controller.\n//! Runs plans.\n\nbase(\"x\");\n//! no"),
            "JMeter: controller.\nRuns plans."
        );
        assert_eq!(header("// a comment\nbase(\"x\");"), "");
    }
}
