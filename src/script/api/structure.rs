//! Stages, layers, and handles on other images.

use std::collections::BTreeMap;

use rhai::plugin::*;
use rhai::{Dynamic, FnPtr, NativeCallContext};

use crate::diagnostic::{Diagnostic, nearest};
use crate::recipe::{BaseRef, ImageKey, ImageRef, Value};
use crate::script::arguments::{Call, Outcome, raise};

/// What `stage()` returns.
#[derive(Clone)]
pub struct StageHandle(pub String);

/// What `image()` returns.
#[derive(Clone)]
pub struct ImageHandle(pub BaseRef);

/// Reads what a base or a copy comes from: a recipe's name, an image reference, `scratch`, or a handle of `image()`.
pub fn source_of(call: &Call, what: &str, value: &Dynamic, params: Option<&Dynamic>) -> Outcome<BaseRef> {
    if let Some(handle) = value.clone().try_cast::<ImageHandle>() {
        return match params {
            None => Ok(handle.0),
            Some(_) => call.fail("a handle of `image()` has its parameters already"),
        };
    }
    let text = call.text(what, value)?;
    let params = params.map(|params| bound_params(call, params)).transpose()?;
    if call.recording.lock().project.recipes.contains_key(&text) {
        return Ok(BaseRef::Recipe(ImageKey { recipe: text, params: params.unwrap_or_default() }));
    }
    if params.is_some() {
        return Err(raise(no_such_recipe(call, &text).hint("only recipes have parameters")));
    }
    if text == "scratch" {
        return Ok(BaseRef::Scratch);
    }
    match text.parse::<ImageRef>() {
        Err(error) => call.fail(format!("`{text}` is no image reference: {error}")),
        Ok(image) if image.tag.is_none() && image.digest.is_none() => Err(raise(no_such_recipe(call, &text))),
        Ok(image) => Ok(BaseRef::External(image)),
    }
}

fn body(call: &Call, value: &Dynamic) -> Outcome<FnPtr> {
    match value.clone().try_cast::<FnPtr>() {
        Some(body) => Ok(body),
        None => call.wrong_type("body", "a function `|| { .. }`", value),
    }
}

fn bound_params(call: &Call, params: &Dynamic) -> Outcome<BTreeMap<String, Value>> {
    let map = call.map("params", params)?;
    map.iter().map(|(name, value)| Ok((name.to_string(), call.value("params", value)?))).collect()
}

fn no_such_recipe(call: &Call, text: &str) -> Diagnostic {
    let project = call.recording.lock().project.clone();
    let near = nearest(text, project.recipes.keys().map(String::as_str));
    call.error(format!("there is no recipe `{text}`"))
        .hint_if(near.map(|near| format!("did you mean `{near}`?")))
        .hint(format!("for an image of a registry write its tag: `{text}:latest`"))
}

#[export_module]
pub mod functions {
    /// Opens a build stage and returns a handle on it, for `copy(.., #{ from: handle })`.
    ///
    /// Everything in `body` belongs to the stage, which needs a `base` of its own. Only what the image copies out of
    /// it becomes part of the image.
    ///
    /// Errors: a second stage of that name; a stage inside a stage; no base.
    ///
    /// ```rhai
    /// let build = stage("build", || {
    ///     base("golang:1.14.7-alpine3.12");
    ///     run("go version > /version");
    /// });
    /// base("scratch");
    /// copy("/version", "/", #{ from: build });
    /// ```
    /// ```dockerfile
    /// FROM golang:1.14.7-alpine3.12 AS build
    /// RUN set -eu; go version > /version
    /// FROM scratch AS final
    /// COPY --from=build /version /
    /// ```
    #[rhai_fn(return_raw)]
    pub fn stage(ctx: NativeCallContext, name: Dynamic, body: Dynamic) -> Outcome<StageHandle> {
        let call = Call::new(&ctx);
        let name = call.text("name", &name)?;
        let body = super::body(&call, &body)?;
        let valid = name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.'));
        if !valid || name == "final" || name == "scratch" {
            let error = call.error(format!("`{name}` is no stage name"));
            return Err(raise(error.hint("start with a lower-case letter; `final` and `scratch` are taken")));
        }
        if call.recording.lock().in_layer() {
            return call.fail(format!("stage `{name}` stands inside a layer"));
        }
        call.count("stages")?;
        call.recording.lock().open_stage(&name, call.origin.clone()).map_err(|error| raise(*error))?;
        let _ = body.call_within_context::<Dynamic>(&ctx, ())?;
        call.recording.lock().close_stage().map_err(|error| raise(*error))?;
        Ok(StageHandle(name))
    }

    /// Makes one layer of all steps in `body`.
    ///
    /// Outside of it every step that changes files is a layer of its own. `env` after a step is seen by the commands
    /// behind it; `user`, `workdir` and `shell` belong before the layer. Steps that bring files mean what they mean on their
    /// own: they are put in place by a script, in the image's shell and with its `cp`, as root. A layer inside of a layer joins it,
    /// so that library functions which open one can be called here.
    ///
    /// Errors: files in a layer of `scratch`, or behind `user` of another than root; a place that is mounted while commands
    /// run, such as `/etc/hosts`; files with capabilities where `cp` is not GNU's, as on Alpine, and loses them.
    ///
    /// ```rhai
    /// layer("motd", || {
    ///     write("/etc/motd", "hello\n");
    ///     run("chmod 600 /etc/motd");
    /// });
    /// ```
    /// ```dockerfile
    /// FROM scratch AS final.1
    /// COPY .f3s/write/1/motd /made/motd
    /// FROM alpine:3.13 AS final
    /// RUN --mount=type=bind,source=.f3s/put,target=/dev/f3s/put \
    ///     --mount=type=bind,from=final.1,target=/dev/f3s/1 \
    ///     set -eu; exec 2>&1; \
    ///     echo '#f3s 0'; /bin/sh /dev/f3s/put 1 /etc/motd; \
    ///     echo '#f3s 1'; (chmod 600 /etc/motd)
    /// ```
    #[rhai_fn(return_raw)]
    pub fn layer(ctx: NativeCallContext, name: Dynamic, body: Dynamic) -> Outcome<()> {
        let call = Call::new(&ctx);
        let name = call.text("name", &name)?;
        let body = super::body(&call, &body)?;
        call.recording.lock().open_layer(&name);
        let _ = body.call_within_context::<Dynamic>(&ctx, ())?;
        call.recording.lock().close_layer();
        Ok(())
    }

    /// Returns a handle on another image, for `copy(.., #{ from: handle })` and `base(handle)`.
    ///
    /// `reference` is read as by `base`; `params` binds the parameters of a recipe. f3s builds a recipe's image first.
    ///
    /// ```rhai
    /// base("scratch");
    /// copy("/etc/os-release", "/", #{ from: image("alpine:3.13") });
    /// ```
    /// ```dockerfile
    /// FROM scratch AS final
    /// COPY --from=alpine:3.13 /etc/os-release /
    /// ```
    #[rhai_fn(return_raw)]
    pub fn image(ctx: NativeCallContext, reference: Dynamic) -> Outcome<ImageHandle> {
        let call = Call::new(&ctx);
        source_of(&call, "reference", &reference, None).map(ImageHandle)
    }

    #[rhai_fn(name = "image", return_raw)]
    pub fn image_with(ctx: NativeCallContext, reference: Dynamic, params: Dynamic) -> Outcome<ImageHandle> {
        let call = Call::new(&ctx);
        source_of(&call, "reference", &reference, Some(&params)).map(ImageHandle)
    }
}
