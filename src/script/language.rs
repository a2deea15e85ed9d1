//! The language of recipes: Rhai, within limits, with host functions and library.

use rhai::debugger::DebuggerCommand;
use rhai::packages::{Package, StandardPackage};
use rhai::{Dynamic, Engine, OptimizationLevel};

use super::limits::{MAX_CALL_DEPTH, MAX_COLLECTION, MAX_EXPRESSION_DEPTH, MAX_STRING, MAX_VARIABLES};
use super::{api, library, meter};
use crate::harmless;

/// An engine with limits, host functions and library, but without a project.
pub fn engine() -> Engine {
    let mut engine = Engine::new_raw();
    StandardPackage::new().register_into_engine(&mut engine);
    // Folded constant maps would lose the positions of their keys.
    engine.set_optimization_level(OptimizationLevel::None);
    engine.set_strict_variables(true);
    engine.set_fail_on_invalid_map_property(true);
    engine.set_max_call_levels(MAX_CALL_DEPTH);
    engine.set_max_expr_depths(MAX_EXPRESSION_DEPTH, MAX_EXPRESSION_DEPTH);
    engine.set_max_string_size(MAX_STRING);
    engine.set_max_array_size(MAX_COLLECTION);
    engine.set_max_map_size(MAX_COLLECTION);
    engine.set_max_variables(MAX_VARIABLES);
    engine.on_progress(|_| meter::excess().map(Dynamic::from));
    // The fast ones would join nothing to a text without asking.
    engine.set_fast_operators(false);
    // `eval` would hide calls from the lint; `try` would swallow diagnostics.
    for keyword in ["eval", "try", "catch"] {
        engine.disable_symbol(keyword);
    }
    // What is printed is work by the letter.
    engine.on_print(|text| {
        meter::charge(text.len());
        eprintln!("{}", harmless::shown(text));
    });
    engine.on_debug(|text, source, position| {
        meter::charge(text.len());
        eprintln!("{}", harmless::shown(&format!("{}:{position:?}: {text}", source.unwrap_or("script"))));
    });
    // A debugger that never stops: it keeps the call stack, which origins are read from.
    #[expect(deprecated, reason = "marked volatile, not deprecated: the version is pinned")]
    engine.register_debugger(|_, debugger| debugger, |_, _, _, _, _| Ok(DebuggerCommand::Continue));
    api::register(&mut engine);
    library::register(&mut engine);
    engine
}

#[cfg(test)]
mod tests;
