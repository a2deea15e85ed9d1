//! Where a host call comes from: the user's line, the calls through library functions, the call's own text.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rhai::debugger::CallStackFrame;
use rhai::{AST, ASTNode, Expr, NativeCallContext, Position, Stmt};

use super::library;
use crate::diagnostic::{Call, Origin, Place};

/// The longest summary of a step, in characters.
const SUMMARY_LENGTH: usize = 60;
/// How many characters of a call are looked at for it: white space may be among them.
const LONGEST_CALL: usize = 4000;

/// The place of `position` in `file`; the start of the file where Rhai knows no position.
pub fn place(file: &str, position: Position) -> Place {
    Place::new(file, position.line().unwrap_or(1) as u32, position.position().unwrap_or(1).max(1) as u32)
}

/// True for the name that Rhai gives a closure.
pub fn is_closure(function: &str) -> bool {
    function.starts_with("anon$")
}

/// Which file of a recipe defines which functions. Rhai runs a function of the recipe that was handed to a module, closure
/// or not, under the module's name.
#[derive(Debug, Default)]
pub struct Definitions {
    /// The recipe's file.
    main: Arc<str>,
    by_file: BTreeMap<Arc<str>, BTreeSet<String>>,
    /// Where the values of `"${..}"` stand.
    interpolated: BTreeMap<Arc<str>, BTreeSet<Position>>,
    /// Where a loop stands in the recipe that looks into lists or maps: Rhai does not say where that is.
    looking: Option<Position>,
}

impl Definitions {
    pub fn new(main: &str) -> Definitions {
        Definitions { main: main.into(), ..Definitions::default() }
    }

    pub fn add(&mut self, file: &str, ast: &AST) {
        let names = ast.iter_fn_def().map(|function| function.name.to_string()).collect();
        self.by_file.insert(file.into(), names);
        let mut positions = BTreeSet::new();
        let mut looking = self.looking;
        ast.walk(&mut |path: &[ASTNode]| {
            if let Some(ASTNode::Expr(Expr::InterpolatedString(parts, _))) = path.last() {
                positions.extend(parts.iter().map(Expr::position));
            }
            if let Some(ASTNode::Expr(Expr::Index(..) | Expr::Dot(..))) = path.last()
                && *file == *self.main
                && let Some(outer) = path.iter().rev().find_map(loop_of)
            {
                looking.get_or_insert(outer);
            }
            true
        });
        self.interpolated.insert(file.into(), positions);
        self.looking = looking;
    }

    /// Where a script that does not end is probably busy, if Rhai does not know.
    pub fn busy(&self) -> Position {
        self.looking.unwrap_or(Position::NONE)
    }

    pub fn is_interpolated(&self, file: &str, position: Position) -> bool {
        self.interpolated.get(file).is_some_and(|positions| positions.contains(&position))
    }

    fn has(&self, file: &str, function: &str) -> bool {
        self.by_file.get(file).is_some_and(|names| names.contains(function))
    }

    /// A closure of this script that the recipe holds, too: word for word, and at the same line and column.
    pub fn twin(&self, ast: &AST) -> Option<Position> {
        let twin = |name: &str| is_closure(name) && self.has(&self.main, name);
        ast.iter_fn_def().find(|function| twin(&function.name)).map(|function| function.body.start_position())
    }

    /// The file that the body of a function stands in, where Rhai ran it under the name of the file `source`.
    pub fn file_of(&self, function: &str, source: &str) -> Arc<str> {
        let of_main = self.has(&self.main, function) && (is_closure(function) || !self.has(source, function));
        if of_main { self.main.clone() } else { source.into() }
    }

    /// The file of the code that is running, by the debugger's frames.
    pub fn file_of_running(&self, frames: &[CallStackFrame]) -> Option<Arc<str>> {
        frames.iter().rev().find_map(|frame| Some(self.file_of(&frame.fn_name, frame.source.as_deref()?)))
    }
}

/// Where a loop begins.
fn loop_of(node: &ASTNode) -> Option<Position> {
    match node {
        ASTNode::Stmt(statement @ (Stmt::While(..) | Stmt::Do(..) | Stmt::For(..))) => Some(statement.position()),
        _ => None,
    }
}

/// The origin of the host call that is running.
///
/// The debugger's frames hold the position of each call; the file of that position is that of the frame before.
pub fn of_call(ctx: &NativeCallContext, definitions: &Definitions) -> Origin {
    let frames = ctx.debugger().map_or(&[][..], |debugger| debugger.call_stack());
    let mut calls: Vec<Call> = Vec::with_capacity(frames.len());
    let main = &definitions.main;
    let mut file: Arc<str> = main.clone();
    for frame in frames {
        // A closure is called from Rust: it has no position of its own.
        if !frame.pos.is_none() && !is_closure(&frame.fn_name) {
            calls.push(Call { function: frame.fn_name.as_str().into(), place: place(&file, frame.pos) });
        }
        if let Some(source) = &frame.source {
            file = definitions.file_of(&frame.fn_name, source);
        }
    }
    let user = calls.iter().rposition(|call| !library::is_library(&call.place.file));
    match user {
        Some(user) => Origin { place: calls[user].place.clone(), trace: calls.split_off(user + 1) },
        None => Origin::from(place(main, ctx.call_position())),
    }
}

/// The name of the scripted function that made the host call that is running.
pub fn enclosing_function(ctx: &NativeCallContext) -> String {
    let frames = ctx.debugger().map_or(&[][..], |debugger| debugger.call_stack());
    frames.iter().rev().nth(1).map_or_else(|| ctx.fn_name().to_owned(), |frame| frame.fn_name.to_string())
}

/// The call at a column of the first line of `text` as it is written there, on one line and cut to a readable length.
pub fn summary(text: &str, column: u32) -> String {
    let start = text.char_indices().nth(column as usize - 1).map_or(text.len(), |(at, _)| at);
    // What is cut off is not looked at.
    let rest = &text[start..];
    let rest = &rest[..rest.char_indices().nth(LONGEST_CALL).map_or(rest.len(), |(at, _)| at)];
    let call = &rest[..end_of_call(rest)];
    let mut words = String::new();
    let mut rest = call.trim();
    while !rest.is_empty() {
        let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
        words.push_str(&rest[..end]);
        let behind = rest[end..].trim_start();
        let blanks = &rest[end..rest.len() - behind.len()];
        // A line that ends with a bracket goes on without a blank, which `[ -f x ]` has for a reason.
        let goes_on = blanks.contains('\n') && words.ends_with(['(', '[']);
        if !blanks.is_empty() && !goes_on {
            words.push(' ');
        }
        rest = behind;
    }
    if words.chars().count() <= SUMMARY_LENGTH {
        return words;
    }
    let mut cut: String = words.chars().take(SUMMARY_LENGTH - 3).collect();
    cut.truncate(cut.trim_end().len());
    cut + "..."
}

/// The byte behind the parenthesis that closes the call at the start of `text`; strings and comments are skipped.
fn end_of_call(text: &str) -> usize {
    let mut depth = 0usize;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' | '`' | '\'' => {
                while let Some((_, inner)) = chars.next() {
                    if inner == '\\' && c != '`' {
                        chars.next();
                    } else if inner == c {
                        break;
                    }
                }
            }
            '/' if text[at..].starts_with("//") => {
                chars.by_ref().take_while(|(_, c)| *c != '\n').for_each(drop);
            }
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at + 1;
                }
            }
            ';' | '\n' if depth == 0 => return at,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary_of(text: &str) -> String {
        summary(text, 1)
    }

    #[test]
    fn a_summary_is_the_call_on_one_line() {
        assert_eq!(summary_of("apk([\n    \"curl\",\n    \"jq\"]); run(\"x\")"), "apk([\"curl\", \"jq\"])");
        assert_eq!(summary_of("run(\"a ) b\"); x"), "run(\"a ) b\")");
        assert_eq!(summary_of("push();"), "push()");
        assert_eq!(summary_of("run(\"if [ -f /a ];\n  then b; fi\")"), "run(\"if [ -f /a ]; then b; fi\")");
        let long = summary_of(&format!("run(\"{}\")", "x".repeat(100)));
        assert_eq!((long.chars().count(), long.ends_with("...")), (60, true));
    }
}
