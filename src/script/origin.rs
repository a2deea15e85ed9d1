//! Where a host call comes from: the user's line, the calls through library functions, the call's own text.

use std::sync::Arc;

use rhai::{NativeCallContext, Position};

use super::library;
use crate::diagnostic::{Call, Origin, Place, Sources};

/// The longest summary of a step, in characters.
const SUMMARY_LENGTH: usize = 60;

/// The place of `position` in `file`; the start of the file where Rhai knows no position.
pub fn place(file: &str, position: Position) -> Place {
    Place::new(file, position.line().unwrap_or(1) as u32, position.position().unwrap_or(1).max(1) as u32)
}

/// The origin of the host call that is running. `main` is the recipe's file.
///
/// The debugger's frames hold the position of each call; the file of that position is the source of the frame before.
pub fn of_call(ctx: &NativeCallContext, main: &Arc<str>) -> Origin {
    let frames = ctx.debugger().map_or(&[][..], |debugger| debugger.call_stack());
    let mut calls: Vec<Call> = Vec::with_capacity(frames.len());
    let mut file: Arc<str> = main.clone();
    for frame in frames {
        // A closure is called from Rust: it has no position of its own.
        if !frame.pos.is_none() && !frame.fn_name.starts_with("anon$") {
            calls.push(Call { function: frame.fn_name.as_str().into(), place: place(&file, frame.pos) });
        }
        if let Some(source) = &frame.source {
            file = source.as_str().into();
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

/// The call at a place as it is written there, on one line and cut to a readable length.
pub fn summary(sources: &Sources, place: &Place) -> String {
    let Some(text) = sources.get(&place.file) else { return String::new() };
    let mut lines = text.lines().skip(place.line as usize - 1);
    let first: String = lines.next().unwrap_or_default().chars().skip(place.column as usize - 1).collect();
    let rest = std::iter::once(first.as_str()).chain(lines).collect::<Vec<_>>().join("\n");
    let call = &rest[..end_of_call(&rest)];
    let mut words = String::new();
    for word in call.split_whitespace() {
        if !words.is_empty() && !words.ends_with(['(', '[']) {
            words.push(' ');
        }
        words.push_str(word);
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
        let mut sources = Sources::default();
        sources.insert("a.rhai", text);
        summary(&sources, &Place::new("a.rhai", 1, 1))
    }

    #[test]
    fn a_summary_is_the_call_on_one_line() {
        assert_eq!(summary_of("apk([\n    \"curl\",\n    \"jq\"]); run(\"x\")"), "apk([\"curl\", \"jq\"])");
        assert_eq!(summary_of("run(\"a ) b\"); x"), "run(\"a ) b\")");
        assert_eq!(summary_of("push();"), "push()");
        let long = summary_of(&format!("run(\"{}\")", "x".repeat(100)));
        assert_eq!((long.chars().count(), long.ends_with("...")), (60, true));
    }
}
