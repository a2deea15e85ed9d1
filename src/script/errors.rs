//! From Rhai's errors to diagnostics: what the author of a recipe needs to know, at the author's own line.

use std::sync::Arc;

use rhai::{EvalAltResult, ParseError, ParseErrorType, Position};

use super::limits::{MAX_COLLECTION, MAX_STRING};
use super::meter::{Excess, MAX_MEMORY};
use super::origin::Definitions;
use super::{library, origin};
use crate::diagnostic::{Call, Diagnostic, Origin, Place};

/// Several diagnostics on their way through Rhai: what `import` of a script with mistakes raises.
#[derive(Clone)]
pub struct Many(pub Arc<Vec<Diagnostic>>);

pub fn of_parsing(file: &str, text: &str, error: &ParseError) -> Diagnostic {
    let position = error.position();
    let place = match is_behind_all(text, position) {
        // No line of the script stands there.
        true => end_of_previous(file, text, position).0,
        false => origin::place(file, position),
    };
    match &*error.0 {
        ParseErrorType::MissingToken(token, _) if token == ";" => {
            let (place, behind) = end_of_previous(file, text, position);
            if behind.is_empty() {
                return Diagnostic::error("a `;` is missing").at(place).label("expected `;` behind this");
            }
            Diagnostic::error("a `;` is missing").at(place).label(format!("expected `;` behind `{behind}`"))
        }
        ParseErrorType::MissingToken(token, why) => {
            Diagnostic::error(format!("`{token}` is missing")).at(place).label(format!("expected `{token}` {why}"))
        }
        ParseErrorType::VariableUndefined(name) => Diagnostic::error(format!("there is no variable `{name}`"))
            .at(place)
            .hint(format!("texts stand in quotes: `\"{name}\"`")),
        ParseErrorType::Reserved(word) if matches!(word.as_str(), "eval" | "try" | "catch") => {
            Diagnostic::error(format!("`{word}` does not exist in recipes")).at(place)
        }
        ParseErrorType::Reserved(word) if word == "#" => {
            Diagnostic::error("`#` begins nothing").at(place).hint("comments start with `//`, maps with `#{`")
        }
        ParseErrorType::Reserved(word) => Diagnostic::error(format!("`{word}` is a reserved word"))
            .at(place)
            .hint(format!("a variable needs another name; as a key of a map write `\"{word}\"`, with quotes")),
        ParseErrorType::ExprTooDeep => Diagnostic::error("the expression is nested too deeply").at(place),
        kind => {
            let message = first_lower(&kind.to_string());
            let error = Diagnostic::error(message).at(place);
            if is_unquoted_version(text, position) {
                return Diagnostic { message: "a version stands without quotes".to_owned(), ..error }
                    .hint("quote versions: `\"3.20\"`, since a number would lose its last zero");
            }
            error
        }
    }
}

/// True for a position behind which the script has no more text: Rhai misses the end of something there.
fn is_behind_all(text: &str, position: Position) -> bool {
    let (Some(line), Some(column)) = (position.line(), position.position()) else { return false };
    let mut lines = text.lines().skip(line - 1);
    let rest = lines.next().map_or(String::new(), |line| line.chars().skip(column.max(1) - 1).collect());
    rest.trim().is_empty() && lines.all(|line| line.trim().is_empty())
}

/// True when the mistake stands at a number such as `3.20`.
fn is_unquoted_version(text: &str, position: Position) -> bool {
    let (Some(line), Some(column)) = (position.line(), position.position()) else { return false };
    let Some(line) = text.lines().nth(line - 1) else { return false };
    let chars: Vec<char> = line.chars().collect();
    let at = column.saturating_sub(1).min(chars.len());
    let part = |c: &&char| c.is_ascii_digit() || **c == '.';
    let before: String = chars[..at].iter().rev().take_while(part).collect::<Vec<_>>().into_iter().rev().collect();
    let after: String = chars[at..].iter().take_while(part).collect();
    let number = format!("{before}{after}");
    number.contains('.') && number.starts_with(|c: char| c.is_ascii_digit())
}

/// The last character before a position that is neither white space nor comment, and the word it ends.
fn end_of_previous(file: &str, text: &str, position: Position) -> (Place, String) {
    let line = position.line().unwrap_or(1);
    let column = position.position().unwrap_or(1);
    let lines: Vec<&str> = text.lines().collect();
    for number in (1..=line.min(lines.len())).rev() {
        let mut visible: String = lines[number - 1].to_owned();
        if number == line {
            visible = visible.chars().take(column - 1).collect();
        }
        if visible.trim_start().starts_with("//") {
            continue;
        }
        let visible = visible.trim_end();
        if !visible.is_empty() {
            let last = visible.rsplit(|c: char| c.is_whitespace()).next().unwrap_or(visible);
            let short = if last.chars().count() > 24 { String::new() } else { last.to_owned() };
            return (Place::new(file, number as u32, visible.chars().count() as u32), short);
        }
    }
    (origin::place(file, position), String::new())
}

fn first_lower(text: &str) -> String {
    let mut chars = text.trim_end_matches('.').chars();
    chars.next().map(|first| first.to_lowercase().chain(chars).collect()).unwrap_or_default()
}

/// Diagnostics of an error that ended a run. `main` is the recipe's file.
pub fn of_running(main: &str, definitions: &Definitions, error: EvalAltResult) -> Vec<Diagnostic> {
    // Outermost first: each call holds the error of what it called.
    let mut calls: Vec<Call> = Vec::new();
    let mut file: Arc<str> = main.into();
    let mut error = error;
    loop {
        match error {
            EvalAltResult::ErrorInFunctionCall(function, source, inner, position) => {
                if !position.is_none() && !origin::is_closure(&function) {
                    calls.push(Call { function: function.as_str().into(), place: origin::place(&file, position) });
                }
                if !source.is_empty() {
                    file = definitions.file_of(&function, &source);
                }
                error = *inner;
            }
            EvalAltResult::ErrorInModule(_, inner, _) => error = *inner,
            EvalAltResult::ErrorRuntime(payload, position) => {
                if let Some(many) = payload.clone().try_cast::<Many>() {
                    return many.0.to_vec();
                }
                if let Some(diagnostic) = payload.clone().try_cast::<Arc<Diagnostic>>() {
                    let diagnostic = (*diagnostic).clone();
                    // An operator knows no place of its own.
                    return vec![match diagnostic.origin {
                        Some(_) => diagnostic,
                        None => diagnostic.at(located(&file, position, calls)),
                    }];
                }
                let message = format!("the script threw `{payload}`");
                return vec![Diagnostic::error(message).at(located(&file, position, calls))];
            }
            error => {
                let ends = !matches!(error, EvalAltResult::ErrorTerminated(..));
                let position = error.position();
                let position = if ends { position } else { position.or_else(definitions.busy()) };
                let origin = located(&file, position, calls);
                return vec![plain(error).at(origin)];
            }
        }
    }
}

/// The user's line and the library calls below it.
fn located(file: &str, position: Position, mut calls: Vec<Call>) -> Origin {
    calls.push(Call { function: "".into(), place: origin::place(file, position) });
    let user = calls.iter().rposition(|call| !library::is_library(&call.place.file)).unwrap_or(0);
    let mut trace = calls.split_off(user + 1);
    let place = calls.pop().expect("the user's call").place;
    trace.retain(|call| !call.place.file.is_empty());
    Origin { place, trace }
}

fn plain(error: EvalAltResult) -> Diagnostic {
    match error {
        EvalAltResult::ErrorStackOverflow(_) => Diagnostic::error("functions call each other too deeply")
            .label("more than 64 calls deep")
            .hint("look for a function that calls itself without an end"),
        EvalAltResult::ErrorVariableNotFound(name, _) => Diagnostic::error(format!("there is no variable `{name}`")),
        EvalAltResult::ErrorPropertyNotFound(name, _) => Diagnostic::error(format!("there is no property `{name}`")),
        EvalAltResult::ErrorModuleNotFound(path, _) => Diagnostic::error(format!("there is no module `{path}`"))
            .hint("imports are relative to the importing file and leave out `.rhai`"),
        EvalAltResult::ErrorFunctionNotFound(signature, _) => {
            let (name, types) = signature.split_once(" (").unwrap_or((&signature, ""));
            let types = types.trim_end_matches(')');
            let message = if name.chars().any(char::is_alphanumeric) {
                format!("`{name}` does not take ({})", readable_types(types))
            } else {
                format!("`{name}` does not work between {}", readable_types(types).replace(", ", " and "))
            };
            Diagnostic::error(message)
        }
        EvalAltResult::ErrorDataTooLarge(what, _) if what.contains("string") => {
            Diagnostic::error(format!("a text has more than {} MB", MAX_STRING / 1_000_000))
                .hint("large content is a file: `copy` it, or `download` it")
        }
        EvalAltResult::ErrorDataTooLarge(what, _) => {
            let what = if what.contains("map") { "map" } else { "list" };
            Diagnostic::error(format!("a {what} has more than {MAX_COLLECTION} items"))
                .hint("look for a loop without an end; recipes describe images, they do not compute")
        }
        EvalAltResult::ErrorTooManyVariables(_) => Diagnostic::error("there are too many variables"),
        EvalAltResult::ErrorTerminated(excess, _) if excess.clone().try_cast() == Some(Excess::Memory) => {
            Diagnostic::error(format!("the script takes more than {} MB of memory", MAX_MEMORY / 1_000_000))
                .label("it is not done here")
                .hint("look for a loop that makes ever larger values; large content is a file: `copy` it")
        }
        EvalAltResult::ErrorTerminated(excess, _) => Diagnostic::error("the script does not end")
            .label(match excess.try_cast() {
                Some(Excess::Work) => "still running here after the work of 5 million operations",
                Some(Excess::Memory | Excess::Time) | None => "still running here after a second of processor time",
            })
            .hint("look for a loop without an end; recipes describe images, they do not compute"),
        error => {
            let text = error.to_string();
            // The position stands beside the caret already.
            let text = text.rsplit_once(" (line ").map_or(text.as_str(), |(text, _)| text);
            Diagnostic::error(first_lower(text))
        }
    }
}

fn readable_types(types: &str) -> String {
    let readable = types.split(", ").map(|name| match name.trim() {
        "&str | ImmutableString | String" | "ImmutableString" => "string",
        "i64" => "int",
        "array" | "Array" => "list",
        "()" => "nothing",
        "Fn" | "FnPtr" => "function",
        other if other.contains("::") => "handle",
        other => other,
    });
    readable.collect::<Vec<_>>().join(", ")
}
