//! Evaluates recipes: one Rhai engine per thread, set up for one recipe after the other.

use std::sync::Arc;

use rhai::{Dynamic, Engine};

use super::compile::compile;
use super::lint::Lint;
use super::modules::ProjectModules;
use super::recorder::{Bindings, Project, Recording};
use super::{errors, language, meter};
use crate::diagnostic::{Diagnostic, Sources};
use crate::recipe::Recipe;

pub struct Interpreter {
    engine: Engine,
    lint: Arc<Lint>,
}

impl Interpreter {
    pub fn new(lint: Arc<Lint>) -> Self {
        Interpreter { engine: language::engine(), lint }
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
        let ast = compile(&self.engine, &self.lint, file, text)?;
        let recording = Recording::new(project.clone(), bindings, stem, file);
        recording.lock().sources.insert(file, text);
        recording.lock().definitions.add(file, &ast);
        self.engine.set_default_tag(recording.clone().into_tag());
        self.engine.set_module_resolver(ProjectModules::new(recording.clone(), self.lint.clone()));
        meter::start_run();
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
