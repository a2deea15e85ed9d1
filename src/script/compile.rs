//! From a script's text to what can be run.

use rhai::{AST, Engine};

use super::errors;
use super::limits::MAX_SCRIPT;
use super::lint::{Lint, unterminated_comment};
use crate::diagnostic::{Diagnostic, Place};

/// The text of a script's file, whatever editor wrote it: without a mark at its beginning, with lines that end in `\n` alone,
/// also within the texts that it holds.
pub fn text_of(bytes: Vec<u8>) -> Result<String, std::string::FromUtf8Error> {
    let text = String::from_utf8(bytes)?;
    Ok(text.trim_start_matches('\u{feff}').replace("\r\n", "\n"))
}

/// Compiles and lints a script.
pub fn compile(engine: &Engine, lint: &Lint, file: &str, text: &str) -> Result<AST, Vec<Diagnostic>> {
    if text.len() > MAX_SCRIPT {
        let message = format!("the script is {} KB long; the limit is {} KB", text.len() / 1000, MAX_SCRIPT / 1024);
        let error = Diagnostic::error(message).at(Place::start_of(file));
        return Err(vec![error.hint("move data into a file and `copy` it, or split the recipe")]);
    }
    if let Some(error) = unterminated_comment(file, text) {
        return Err(vec![error]);
    }
    let mut ast = engine.compile(text).map_err(|error| vec![errors::of_parsing(file, text, &error)])?;
    ast.set_source(file);
    let mistakes = lint.examine(file, text, &ast);
    if mistakes.is_empty() { Ok(ast) } else { Err(mistakes) }
}
