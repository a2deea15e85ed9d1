//! Functions of the language over texts that would make far more of a text than a script may hold, before anybody counts,
//! or would never be done.

use std::collections::BTreeMap;

use rhai::{Array, Dynamic, Engine, EvalAltResult, ImmutableString, Map, Position};

use crate::diagnostic::Diagnostic;
use crate::script::arguments::{Outcome, raise};
use crate::script::limits::{MAX_COLLECTION, MAX_STRING};

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

fn holds_function(value: &Dynamic) -> bool {
    value.is_fnptr()
        || value.read_lock::<Array>().is_some_and(|list| list.iter().any(holds_function))
        || value.read_lock::<Map>().is_some_and(|map| map.values().any(holds_function))
}

/// A function keeps the variables that it uses: the map itself may be one, and would be written into itself without an end.
fn to_json(map: Map) -> Outcome<String> {
    if map.values().any(holds_function) {
        let error = Diagnostic::error("a map with a function in it cannot be made JSON");
        return Err(raise(error.hint("call the function, or leave it out")));
    }
    let map: BTreeMap<&str, &Dynamic> = map.iter().map(|(key, value)| (key.as_str(), value)).collect();
    serde_json::to_string(&map)
        .map_err(|error| raise(Diagnostic::error(format!("the map cannot be made JSON: {error}"))))
}

pub fn register(engine: &mut Engine) {
    engine.register_fn("to_json", to_json);
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
