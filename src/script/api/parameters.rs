//! Parameters of a recipe and values of the host.

use rhai::plugin::*;
use rhai::{Dynamic, NativeCallContext};

use crate::diagnostic::Diagnostic;
use crate::recipe::{Param, Value};
use crate::script::arguments::{Call, Outcome, raise};

/// What `one_of` and `each` return: the allowed values of a parameter, never empty.
#[derive(Clone)]
pub struct Choices {
    values: Vec<Value>,
    axis: bool,
}

fn choices(ctx: &NativeCallContext, values: &Dynamic, axis: bool) -> Outcome<Choices> {
    let call = Call::new(ctx);
    let Some(list) = values.clone().try_cast::<rhai::Array>() else {
        return call.wrong_type("values", "a list", values);
    };
    let values = list.iter().map(|value| call.value("values", value)).collect::<Outcome<Vec<_>>>()?;
    match values.first() {
        None => call.fail(format!("the values of `{}` are an empty list", call.function())),
        Some(_) if values.iter().enumerate().any(|(at, value)| values[..at].contains(value)) => {
            call.fail(format!("a value of `{}` stands twice in the list", call.function()))
        }
        Some(first) if values.iter().any(|value| value.type_name() != first.type_name()) => {
            call.fail(format!("the values of `{}` are of different types", call.function()))
        }
        Some(_) => Ok(Choices { values, axis }),
    }
}

fn to_dynamic(value: Value) -> Dynamic {
    match value {
        Value::Bool(value) => value.into(),
        Value::Int(value) => value.into(),
        Value::Text(value) => value.into(),
    }
}

/// The value that `--set` or an edge gives, if it is of the right type and allowed.
fn bound(call: &Call, param: &Param) -> Result<Option<Value>, Box<Diagnostic>> {
    let recorder = call.recording.lock();
    let name = &param.name;
    let expects = |given: &str| {
        Box::new(call.error(format!(
            "parameter `{name}` is {} `{}`, not `{given}`",
            article(&param.default),
            param.default
        )))
    };
    let value = if let Some(value) = recorder.bindings.edge.get(name) {
        if value.type_name() != param.default.type_name() {
            let error = call.error(format!(
                "parameter `{name}` takes {}, not {} `{value}`",
                article(&param.default),
                article(value)
            ));
            return Err(Box::new(error.hint("versions are strings: quote them")));
        }
        value.clone()
    } else if let Some(text) = recorder.bindings.set.get(name) {
        match param.default.parse_like(text) {
            Some(value) => value,
            None => {
                return Err(Box::new(
                    (*expects(text)).hint(format!("`--set {name}=..` takes {}", article(&param.default))),
                ));
            }
        }
    } else {
        return Ok(recorder.bindings.axes.get(name).filter(|_| param.axis).cloned());
    };
    if !param.choices.is_empty() && !param.choices.contains(&value) {
        let allowed = param.choices.iter().map(|choice| format!("`{choice}`")).collect::<Vec<_>>().join(", ");
        let error = call.error(format!("`{value}` is no value of parameter `{name}`"));
        return Err(Box::new(error.hint(format!("it is one of {allowed}"))));
    }
    Ok(Some(value))
}

fn article(value: &Value) -> String {
    match value {
        Value::Int(_) => "an int".to_owned(),
        Value::Bool(_) | Value::Text(_) => format!("a {}", value.type_name()),
    }
}

/// True for two declarations that say the same.
fn is_same(one: &Param, other: &Param) -> bool {
    let said = |param: &Param| (param.default.clone(), param.choices.clone(), param.axis, param.doc.clone());
    said(one) == said(other)
}

fn declare(call: &Call, name: &Dynamic, default: &Dynamic, doc: &str) -> Outcome<Dynamic> {
    let name = call.text("name", name)?;
    if !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-') {
        return call.fail(format!("`{name}` is no parameter name: letters, digits, `_` and `-`"));
    }
    let choices = default.clone().try_cast::<Choices>();
    let default = match &choices {
        Some(choices) => choices.values[0].clone(),
        None => call.value("default", default)?,
    };
    let mut param = Param {
        name,
        doc: doc.to_owned(),
        value: default.clone(),
        default,
        axis: choices.as_ref().is_some_and(|choices| choices.axis),
        choices: choices.map(|choices| choices.values).unwrap_or_default(),
        place: call.origin.place.clone(),
    };
    // A library function declares its parameters wherever it is called.
    let declared = call.recording.lock().params.iter().find(|known| known.name == param.name).cloned();
    if let Some(known) = declared {
        if is_same(&known, &param) {
            return Ok(to_dynamic(known.value));
        }
        let error = call.error(format!("parameter `{}` is declared twice, in different ways", param.name));
        let error = error.related(known.place, "first declared here");
        return Err(raise(error.hint("give one of them another name")));
    }
    if let Some(value) = bound(call, &param).map_err(|error| raise(*error))? {
        param.value = value;
    }
    call.count("parameters")?;
    let value = to_dynamic(param.value.clone());
    call.recording.lock().params.push(param);
    Ok(value)
}

#[export_module]
pub mod functions {
    /// Declares a parameter and returns its value.
    ///
    /// The default gives the type: string, int or bool, or `one_of([..])` or `each([..])`. `doc` is shown by
    /// `f3s list`. `--set name=value`, `--set recipe.name=value` or a map in `base("recipe", #{ name: value })` set it.
    ///
    /// The same declaration again returns the same value, so that functions can declare what they need: those of the
    /// library do so for the URLs of their upstreams.
    ///
    /// Errors: a value of another type or not among the allowed ones; a name declared twice in different ways.
    ///
    /// ```rhai
    /// let version = param("version", "3.13", "Alpine's version");
    /// base("alpine:" + version);
    /// ```
    /// ```dockerfile
    /// FROM alpine:3.13 AS final
    /// ```
    #[rhai_fn(return_raw)]
    pub fn param(ctx: NativeCallContext, name: Dynamic, default: Dynamic, doc: Dynamic) -> Outcome<Dynamic> {
        let call = Call::new(&ctx);
        let doc = call.string("doc", &doc)?;
        declare(&call, &name, &default, &doc)
    }

    #[rhai_fn(name = "param", return_raw)]
    pub fn param_plain(ctx: NativeCallContext, name: Dynamic, default: Dynamic) -> Outcome<Dynamic> {
        declare(&Call::new(&ctx), &name, &default, "")
    }

    /// Allows only these values for a parameter; the first one unless set.
    ///
    /// ```rhai
    /// let jdk = param("jdk", one_of(["8", "11"]), "JDK major version");
    /// base("alpine:3.13");
    /// env("JDK", jdk);
    /// ```
    /// ```dockerfile
    /// ENV JDK="8"
    /// ```
    #[rhai_fn(return_raw)]
    pub fn one_of(ctx: NativeCallContext, values: Dynamic) -> Outcome<Choices> {
        choices(&ctx, &values, false)
    }

    /// Makes a variant of the image for each of these values of a parameter.
    ///
    /// Use the value in the image's tag: two variants with one reference are an error. `--set` narrows it to one.
    ///
    /// ```rhai
    /// let version = param("version", each(["3.13", "3.12"]), "Alpine's version");
    /// base("alpine:" + version);
    /// tag("v" + version);
    /// ```
    /// ```dockerfile
    /// FROM alpine:3.13 AS final
    /// ```
    #[rhai_fn(return_raw)]
    pub fn each(ctx: NativeCallContext, values: Dynamic) -> Outcome<Choices> {
        choices(&ctx, &values, true)
    }

    /// Returns a variable of the host.
    ///
    /// What the recipe makes of it is part of the image; in `tag` and `push` it only names one, and another value builds
    /// nothing.
    ///
    /// `default` is returned when the variable is not set; without a default that is an error. For values that must
    /// not become part of the image use `secret`.
    ///
    /// ```rhai
    /// label("commit", env_var("GIT_COMMIT", "unknown"));
    /// ```
    /// ```dockerfile
    /// LABEL commit="unknown"
    /// ```
    #[rhai_fn(return_raw)]
    pub fn env_var(ctx: NativeCallContext, name: Dynamic, default: Dynamic) -> Outcome<String> {
        let call = Call::new(&ctx);
        let default = call.string("default", &default)?;
        host_value(&call, &name, Some(default))
    }

    #[rhai_fn(name = "env_var", return_raw)]
    pub fn env_var_required(ctx: NativeCallContext, name: Dynamic) -> Outcome<String> {
        host_value(&Call::new(&ctx), &name, None)
    }
}

fn host_value(call: &Call, name: &Dynamic, default: Option<String>) -> Outcome<String> {
    let name = call.text("name", name)?;
    let world = call.recording.lock().project.world.clone();
    let Some(value) = world.env(&name).or(default) else {
        let error = call.error(format!("the host variable `{name}` is not set"));
        return Err(raise(error.hint(format!("set it, or give a default: `env_var(\"{name}\", \"..\")`"))));
    };
    call.count("host variables")?;
    let mut recorder = call.recording.lock();
    if !recorder.host_env.iter().any(|(known, _)| *known == name) {
        recorder.host_env.push((name, value.clone()));
    }
    Ok(value)
}
