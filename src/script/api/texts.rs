//! Functions of the language over texts that would make far more of a text than a script may hold, before anybody counts.

use rhai::{Array, Dynamic, Engine, EvalAltResult, ImmutableString, Position};

use crate::script::arguments::Outcome;
use crate::script::interpreter::{MAX_COLLECTION, MAX_STRING};

/// What Rhai itself raises for a value that is too large.
fn too_large<T>(what: &str) -> Outcome<T> {
    Err(EvalAltResult::ErrorDataTooLarge(what.to_owned(), Position::NONE).into())
}

fn list<'t>(parts: impl Iterator<Item = &'t str>) -> Outcome<Array> {
    let list: Array = parts.take(MAX_COLLECTION + 1).map(|part| Dynamic::from(part.to_owned())).collect();
    if list.len() > MAX_COLLECTION { too_large("Size of array/BLOB") } else { Ok(list) }
}

fn whole(text: ImmutableString) -> Outcome<Array> {
    Ok(vec![text.into()])
}

fn at_least_one(parts: i64) -> usize {
    parts.max(1) as usize
}

fn replace(text: &mut ImmutableString, from: &str, to: &str) -> Outcome<()> {
    if to.len() > from.len() {
        let count = if from.is_empty() { text.chars().count() + 1 } else { text.matches(from).count() };
        if text.len().saturating_add(count.saturating_mul(to.len() - from.len())) > MAX_STRING {
            return too_large("Length of string");
        }
    }
    *text = text.replace(from, to).into();
    Ok(())
}

pub fn register(engine: &mut Engine) {
    let one = |c: char| c.to_string();
    engine.register_fn("replace", |text: &mut ImmutableString, from: &str, to: &str| replace(text, from, to));
    engine
        .register_fn("replace", move |text: &mut ImmutableString, from: &str, to: char| replace(text, from, &one(to)));
    engine
        .register_fn("replace", move |text: &mut ImmutableString, from: char, to: &str| replace(text, &one(from), to));
    engine.register_fn(
        "split",
        |text: ImmutableString| if text.is_empty() { whole(text) } else { list(text.split_whitespace()) },
    );
    engine.register_fn(
        "split",
        |text: ImmutableString, at: &str| if text.is_empty() { whole(text) } else { list(text.split(at)) },
    );
    engine.register_fn("split", |text: ImmutableString, at: char| list(text.split(at)));
    engine
        .register_fn("split", |text: ImmutableString, at: &str, parts: i64| list(text.splitn(at_least_one(parts), at)));
    engine
        .register_fn("split", |text: ImmutableString, at: char, parts: i64| list(text.splitn(at_least_one(parts), at)));
    engine.register_fn("split_rev", |text: ImmutableString, at: &str| list(text.rsplit(at)));
    engine.register_fn("split_rev", |text: ImmutableString, at: char| list(text.rsplit(at)));
    engine.register_fn("split_rev", |text: ImmutableString, at: &str, parts: i64| {
        list(text.rsplitn(at_least_one(parts), at))
    });
    engine.register_fn("split_rev", |text: ImmutableString, at: char, parts: i64| {
        list(text.rsplitn(at_least_one(parts), at))
    });
    engine.register_fn("to_chars", |text: ImmutableString| -> Outcome<Array> {
        if text.len() > MAX_COLLECTION && text.chars().count() > MAX_COLLECTION {
            return too_large("Size of array/BLOB");
        }
        Ok(text.chars().map(Dynamic::from).collect())
    });
}
