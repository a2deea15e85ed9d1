//! What cannot be joined to a text: handles would be their Rust names, nothing would vanish, a list would bring its brackets.

use rhai::{Array, Dynamic, Engine, FnPtr, ImmutableString, Map, NativeCallContext, Variant};

use super::{artifacts, parameters, run, structure};
use crate::diagnostic::Diagnostic;
use crate::script::arguments::{Literal, Outcome, raise};
use crate::script::recorder::Recording;

pub fn register(engine: &mut Engine) {
    refuse::<run::SecretHandle>(engine, "a secret", "the command reads it from a file: `secrets: secret(..)`");
    refuse::<run::SshHandle>(engine, "a handle of `ssh()`", "it is an option of `run`: `ssh: ssh()`");
    refuse::<artifacts::ArtifactHandle>(engine, "a download", "`unpack` and `place` bring it into the image");
    refuse::<structure::StageHandle>(engine, "a stage", "`copy(.., #{ from: stage })` takes files from it");
    refuse::<structure::ImageHandle>(engine, "an image", "`copy(.., #{ from: image })` takes files from it");
    refuse::<parameters::Choices>(engine, "a list of choices", "`param(\"name\", one_of([..]))` returns one of them");
    refuse::<Literal>(engine, "a literal", "join first: `literal(\"a\" + b)`");
    // Its name differs from run to run.
    refuse::<FnPtr>(engine, "a function", "call it");
    refuse_plus::<()>(engine, UNIT, NOTHING);
    refuse_plus::<Array>(engine, "a list", LIST);
    refuse_plus::<Map>(engine, "a map", MAP);
    // `print(list)` and `list.to_string()` say what they do; `"${list}"` does not.
    engine.register_fn("to_string", |ctx: NativeCallContext, _: ()| {
        refuse_interpolated(&ctx, UNIT, NOTHING);
        ImmutableString::new()
    });
    engine.register_fn("to_string", |ctx: NativeCallContext, list: Array| {
        refuse_interpolated(&ctx, "a list", LIST);
        ImmutableString::from(Dynamic::from(list).to_string())
    });
    engine.register_fn("to_string", |ctx: NativeCallContext, map: Map| {
        refuse_interpolated(&ctx, "a map", MAP);
        ImmutableString::from(Dynamic::from(map).to_string())
    });
}

const UNIT: &str = "what gives no value";
const NOTHING: &str = "functions that only record give none, and so do those whose last line ends in `;`";
const LIST: &str = "take one of its items, or join them: `quote(list)` makes words for the shell";
const MAP: &str = "take one of its values: `map.key`";

fn refused(what: &str, hint: &str) -> Diagnostic {
    Diagnostic::error(format!("{what} cannot be joined to a text")).hint(hint)
}

fn refuse<T: Variant + Clone>(engine: &mut Engine, what: &'static str, hint: &'static str) {
    refuse_plus::<T>(engine, what, hint);
    engine.register_fn("to_string", move |ctx: NativeCallContext, _: T| -> Outcome<ImmutableString> {
        refuse_interpolated(&ctx, what, hint);
        Err(raise(refused(what, hint)))
    });
}

fn refuse_plus<T: Variant + Clone>(engine: &mut Engine, what: &'static str, hint: &'static str) {
    let refused = move || -> Outcome<ImmutableString> { Err(raise(refused(what, hint))) };
    engine.register_fn("+", move |_: ImmutableString, _: T| refused());
    engine.register_fn("+", move |_: T, _: ImmutableString| refused());
    for name in ["+=", "append"] {
        engine.register_fn(name, move |_: &mut ImmutableString, _: T| refused().map(drop));
    }
}

/// Within `"${..}"` Rhai drops an error: it is kept, and ends the evaluation at the next call of a host function or at the end.
fn refuse_interpolated(ctx: &NativeCallContext, what: &str, hint: &str) {
    let frames = ctx.debugger().map_or(&[][..], |debugger| debugger.call_stack());
    let Some(recording) = Recording::if_any(ctx) else { return };
    recording.lock().refuse_interpolated(refused(what, hint), frames, ctx.call_position());
}
