//! What functions written in Rhai need: options, errors at the user's line, quoting, mirrors.

use rhai::plugin::*;
use rhai::{Dynamic, Map, NativeCallContext};

use crate::diagnostic::nearest;
use crate::script::arguments::{Call, Outcome, raise, type_name, unknown_option, with_article};
use crate::script::origin;

/// What `expect` calls a list that holds nothing but strings.
const STRINGS: &str = "list of strings";

fn is_of_type(value: &Dynamic, name: &str) -> bool {
    match name {
        STRINGS => first_other(value).is_none() && value.is_array(),
        name => type_name(value) == name,
    }
}

/// The first item of a list that is no string.
fn first_other(value: &Dynamic) -> Option<Dynamic> {
    let list = value.read_lock::<rhai::Array>()?;
    list.iter().find(|item| type_name(item) != "string").cloned()
}

#[export_module]
pub mod functions {
    /// Returns `defaults` overlaid with the options that were given; for functions of a library.
    ///
    /// Errors, at the user's line: an option that has no default; a value of another type than its default.
    ///
    /// ```rhai
    /// fn greet(opts) {
    ///     let opts = options(opts, #{ name: "world" });
    ///     run("echo hello " + quote(opts.name));
    /// }
    /// greet(#{ name: "f3s" });
    /// ```
    /// ```dockerfile
    /// RUN set -eu; echo hello f3s
    /// ```
    #[rhai_fn(return_raw)]
    pub fn options(ctx: NativeCallContext, given: Dynamic, defaults: Map) -> Outcome<Map> {
        let call = Call::new(&ctx);
        let function = origin::enclosing_function(&ctx);
        let Some(given) = given.clone().try_cast::<Map>() else {
            return call.fail(format!("`{function}` takes a map `#{{..}}` as its options"));
        };
        if let Some(unknown) = given.keys().find(|key| !defaults.contains_key(key.as_str())) {
            let known = defaults.keys().map(|key| key.as_str());
            return Err(raise(unknown_option(&function, unknown, known).at(call.origin.clone())));
        }
        for (key, value) in &given {
            let default = &defaults[key.as_str()];
            if type_name(value) != type_name(default) {
                let (takes, given) = (with_article(type_name(default)), with_article(type_name(value)));
                return call.fail(format!("the option `{key}` of `{function}` takes {takes}, not {given}"));
            }
        }
        let mut merged = defaults;
        merged.extend(given);
        Ok(merged)
    }

    /// Ends the evaluation with an error at the user's line. `hint` says what to do about it.
    ///
    /// ```rhai
    /// let flavour = "slim";
    /// if flavour == "fat" { fail("there is no fat flavour", "write `slim`"); }
    /// ```
    #[rhai_fn(return_raw)]
    pub fn fail(ctx: NativeCallContext, message: Dynamic) -> Outcome<()> {
        let call = Call::new(&ctx);
        let message = call.string("message", &message)?;
        call.fail(message)
    }

    #[rhai_fn(name = "fail", return_raw)]
    pub fn fail_with_hint(ctx: NativeCallContext, message: Dynamic, hint: Dynamic) -> Outcome<()> {
        let call = Call::new(&ctx);
        let (message, hint) = (call.string("message", &message)?, call.string("hint", &hint)?);
        Err(raise(call.error(message).hint(hint)))
    }

    /// Ends the evaluation with an error at the user's line unless a value is of one of these types; for functions of a
    /// library.
    ///
    /// `what` names the value in the error, `types` are among `"string"`, `"int"`, `"bool"`, `"list"`,
    /// `"list of strings"`, `"map"`.
    ///
    /// ```rhai
    /// fn greet(who) {
    ///     expect(who, "name", ["string"]);
    ///     run("echo hello " + quote(who));
    /// }
    /// greet("f3s");
    /// ```
    /// ```dockerfile
    /// RUN set -eu; echo hello f3s
    /// ```
    #[rhai_fn(return_raw)]
    pub fn expect(ctx: NativeCallContext, value: Dynamic, what: Dynamic, types: Dynamic) -> Outcome<()> {
        let call = Call::new(&ctx);
        let (what, types) = (call.text("what", &what)?, call.texts("types", &types)?);
        if types.iter().any(|name| is_of_type(&value, name)) {
            return Ok(());
        }
        let function = origin::enclosing_function(&ctx);
        let takes = types.iter().map(|name| with_article(name)).collect::<Vec<_>>().join(" or ");
        match first_other(&value).filter(|_| types.iter().any(|name| name == STRINGS)) {
            Some(other) => {
                let other = with_article(type_name(&other));
                call.fail(format!("`{function}` takes {takes} as its {what}; the list holds {other}"))
            }
            None => {
                let given = with_article(type_name(&value));
                call.fail(format!("`{function}` takes {takes} as its {what}, not {given}"))
            }
        }
    }

    /// Ends the evaluation with an error at the user's line unless a string, or every string of a list, is one of these; for
    /// functions of a library.
    ///
    /// `what` names the value in the error, which says the nearest of `allowed`.
    ///
    /// ```rhai
    /// fn paint(colour) {
    ///     expect_one_of(colour, "colour", ["red", "green"]);
    ///     run("paint " + colour);
    /// }
    /// paint("red");
    /// ```
    /// ```dockerfile
    /// RUN set -eu; paint red
    /// ```
    #[rhai_fn(return_raw)]
    pub fn expect_one_of(ctx: NativeCallContext, value: Dynamic, what: Dynamic, allowed: Dynamic) -> Outcome<()> {
        let call = Call::new(&ctx);
        let (what, allowed) = (call.text("what", &what)?, call.texts("allowed", &allowed)?);
        let function = origin::enclosing_function(&ctx);
        let given = value.clone().try_cast::<rhai::Array>().unwrap_or_else(|| vec![value]);
        for given in given {
            if type_name(&given) != "string" {
                let given = with_article(type_name(&given));
                return call.fail(format!("`{function}` takes a string as its {what}, not {given}"));
            }
            let given = given.to_string();
            if allowed.contains(&given) {
                continue;
            }
            let hint = match nearest(&given, allowed.iter().map(String::as_str)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("it is one of `{}`", allowed.join("`, `")),
            };
            return Err(raise(call.error(format!("`{function}` knows no {what} `{given}`")).hint(hint)));
        }
        Ok(())
    }

    /// Quotes a text for the shell: one word, whatever it holds. A list becomes several words.
    ///
    /// ```rhai
    /// run("echo " + quote(["it's", "so"]));
    /// ```
    /// ```dockerfile
    /// RUN set -eu; echo 'it'\''s' so
    /// ```
    #[rhai_fn(return_raw)]
    pub fn quote(ctx: NativeCallContext, text: Dynamic) -> Outcome<String> {
        let call = Call::new(&ctx);
        let words = match text.clone().try_cast::<rhai::Array>() {
            Some(list) => list.iter().map(|word| call.value("text", word)).collect::<Outcome<Vec<_>>>()?,
            None => vec![call.value("text", &text)?],
        };
        if words.is_empty() {
            return call.fail(format!("the list for `{}` is empty", origin::enclosing_function(&ctx)));
        }
        Ok(words.iter().map(|word| crate::shell::quote(&word.to_string())).collect::<Vec<_>>().join(" "))
    }

    /// Returns where `[mirrors]` in `f3s.toml` or `--mirror` lead for a URL; the URL itself when they say nothing.
    ///
    /// For URLs that are written into the image, such as those of package mirrors. Artifacts follow mirrors by themselves.
    ///
    /// ```rhai
    /// write("/etc/apk/repositories", mirrored("https://dl-cdn.alpinelinux.org/alpine/v3.13/main") + "\n");
    /// ```
    /// ```dockerfile
    /// COPY .f3s/write/1/repositories /etc/apk/repositories
    /// ```
    #[rhai_fn(return_raw)]
    pub fn mirrored(ctx: NativeCallContext, url: Dynamic) -> Outcome<String> {
        let call = Call::new(&ctx);
        let url = call.text("url", &url)?;
        Ok(call.recording.lock().project.mirrors.rewrite(&url))
    }
}
