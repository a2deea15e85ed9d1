//! Functions of the language over lists and maps that take their time unseen: comparing items one by one by calls of the
//! language takes seconds where Rust takes none, and sorting goes on when a comparison fails, or ends the script.

use std::cmp::Ordering;
use std::ops::{Range, RangeInclusive};

use rhai::{Array, Blob, Dynamic, Engine, FnPtr, ImmutableString, Map, NativeCallContext};

use crate::diagnostic::Diagnostic;
use crate::script::arguments::{Outcome, raise, type_name, with_article};
use crate::script::meter;

pub fn register(engine: &mut Engine) {
    for name in ["sort", "sort_by"] {
        engine.register_fn(name, |ctx: NativeCallContext, list: &mut Array, comparer: FnPtr| -> Outcome<()> {
            let sorted = sorted(std::mem::take(list), |a, b| compared(&ctx, &comparer, a, b))?;
            *list = sorted;
            Ok(())
        });
    }
    engine.register_fn("==", |a: Array, b: Array| are_equal(&a, &b));
    engine.register_fn("!=", |a: Array, b: Array| !are_equal(&a, &b));
    engine.register_fn("==", |a: Map, b: Map| are_equal_maps(&a, &b));
    engine.register_fn("!=", |a: Map, b: Map| !are_equal_maps(&a, &b));
    engine.register_fn("contains", |list: &mut Array, item: Dynamic| position(list, &item, 0) >= 0);
    engine.register_fn("index_of", |list: &mut Array, item: Dynamic| position(list, &item, 0));
    engine.register_fn("index_of", |list: &mut Array, item: Dynamic, start: i64| position(list, &item, start));
    engine.register_fn("dedup", |list: &mut Array| list.dedup_by(|a, b| is_equal(a, b)));
}

/// Where an item stands, looked for from `start` on, which counts from the end when it is negative; -1 where it does not.
fn position(list: &Array, item: &Dynamic, start: i64) -> i64 {
    let length = list.len() as i64;
    let start = if start < 0 { (length + start).max(0) } else { start.min(length) };
    let found = list.iter().skip(start as usize).position(|other| is_equal(other, item));
    found.map_or(-1, |found| start + found as i64)
}

fn are_equal(a: &Array, b: &Array) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_equal(a, b))
}

fn are_equal_maps(a: &Map, b: &Map) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|((key, a), (other, b))| key == other && is_equal(a, b))
}

/// True for values that say the same: those of the language, no handles and no functions.
fn is_equal(a: &Dynamic, b: &Dynamic) -> bool {
    fn by<T: Clone + 'static>(a: &Dynamic, b: &Dynamic, equal: impl Fn(&T, &T) -> bool) -> bool {
        a.read_lock::<T>().zip(b.read_lock::<T>()).is_some_and(|(a, b)| equal(&a, &b))
    }
    meter::charge(1);
    match a {
        a if a.is_unit() => b.is_unit(),
        a if a.is_bool() => a.as_bool().ok() == b.as_bool().ok(),
        a if a.is_int() => a.as_int().ok() == b.as_int().ok(),
        a if a.is_char() && b.is_char() => a.as_char().ok() == b.as_char().ok(),
        a if a.is_char() || b.is_char() => {
            // A letter is a text of one.
            a.is_string() != b.is_string() && a.to_string() == b.to_string()
        }
        a if a.is_string() => by::<ImmutableString>(a, b, |a, b| a == b),
        a if a.is_array() => by(a, b, are_equal),
        a if a.is_map() => by(a, b, are_equal_maps),
        a if a.is_blob() => by::<Blob>(a, b, |a, b| a == b),
        a => by::<Range<i64>>(a, b, |a, b| a == b) || by::<RangeInclusive<i64>>(a, b, |a, b| a == b),
    }
}

/// Inserts one item after the other where it belongs, behind its equals: the lists of recipes are short, and nothing that the
/// library sorts by may fail.
fn sorted(items: Array, compare: impl Fn(&Dynamic, &Dynamic) -> Outcome<Ordering>) -> Outcome<Array> {
    let mut sorted = Array::with_capacity(items.len());
    for item in items {
        let (mut start, mut end) = (0, sorted.len());
        while start < end {
            let middle = start + (end - start) / 2;
            match compare(&item, &sorted[middle])? {
                Ordering::Less => end = middle,
                Ordering::Equal | Ordering::Greater => start = middle + 1,
            }
        }
        meter::charge((sorted.len() - start) / ITEMS_OF_A_UNIT);
        sorted.insert(start, item);
    }
    Ok(sorted)
}

/// So many items move in the time of an operation.
const ITEMS_OF_A_UNIT: usize = 16;

/// A number below, at or above 0, or true for what stands in front.
fn compared(ctx: &NativeCallContext, comparer: &FnPtr, a: &Dynamic, b: &Dynamic) -> Outcome<Ordering> {
    let said = comparer.call_raw(ctx, None, [a.clone(), b.clone()])?;
    if let Ok(number) = said.as_int() {
        return Ok(number.cmp(&0));
    }
    match said.as_bool() {
        Ok(true) => Ok(Ordering::Less),
        Ok(false) => Ok(Ordering::Greater),
        Err(_) => {
            let given = with_article(type_name(&said));
            let error = Diagnostic::error(format!("what `sort` compares by returns a number or a bool, not {given}"));
            Err(raise(error.hint("write `|a, b| a - b`: below 0 where `a` stands in front of `b`")))
        }
    }
}
