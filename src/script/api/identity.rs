//! What an image rests on, what it is called and where it goes.

use rhai::plugin::*;
use rhai::{Dynamic, NativeCallContext};

use super::structure::source_of;
use crate::recipe::{Base, BaseRef, ImageRef, Push};
use crate::script::arguments::{Call, Outcome, raise};

fn set_base(call: &Call, from: BaseRef) -> Outcome<()> {
    let mut recorder = call.recording.lock();
    let stage = recorder.current();
    if let Some(first) = &stage.base {
        let error = call
            .error("`base` is called twice")
            .related(first.origin.place.clone(), "the first base is set here")
            .hint("a stage rests on one base; for a second one write `stage(\"name\", || { base(..); .. })`");
        return Err(raise(error));
    }
    if let Some(step) = stage.steps.iter().find(|step| !step.kind.is_config()) {
        let error = call
            .error("`base` comes after a step")
            .related(step.origin.place.clone(), "this step has no base to rest on")
            .hint("call `base` first");
        return Err(raise(error));
    }
    stage.base = Some(Base { from, origin: call.origin.clone() });
    Ok(())
}

fn add_push(call: &Call, to: Option<ImageRef>) -> Outcome<()> {
    call.count("pushes")?;
    call.recording.lock().pushes.push(Push { to, origin: call.origin.clone() });
    Ok(())
}

#[export_module]
pub mod functions {
    /// Sets what the image, or the stage inside `stage()`, rests on.
    ///
    /// `reference` is the name of another recipe (`"jmeter-base"`: f3s builds it first), an image of a registry with
    /// its tag or digest (`"alpine:3.13"`), or `"scratch"`. For a recipe, `params` binds its parameters.
    ///
    /// Errors: a bare name that is no recipe; a second base; while building, an image with `ONBUILD` steps, which would see
    /// another build context than the one that they were written for.
    ///
    /// ```rhai
    /// base("alpine:3.13");
    /// run("echo hello > /hello");
    /// ```
    /// ```dockerfile
    /// FROM alpine:3.13 AS final
    /// RUN set -eu; echo hello > /hello
    /// ```
    #[rhai_fn(return_raw)]
    pub fn base(ctx: NativeCallContext, reference: Dynamic) -> Outcome<()> {
        let call = Call::new(&ctx);
        let from = source_of(&call, "reference", &reference, None)?;
        set_base(&call, from)
    }

    #[rhai_fn(name = "base", return_raw)]
    pub fn base_with(ctx: NativeCallContext, reference: Dynamic, params: Dynamic) -> Outcome<()> {
        let call = Call::new(&ctx);
        let from = source_of(&call, "reference", &reference, Some(&params))?;
        set_base(&call, from)
    }

    /// Names the image; without it the name is the recipe's file name.
    ///
    /// `image` is one or more path components in lower case, without registry and tag.
    ///
    /// ```rhai
    /// name("team/alpine");
    /// ```
    #[rhai_fn(return_raw)]
    pub fn name(ctx: NativeCallContext, image: Dynamic) -> Outcome<()> {
        let call = Call::new(&ctx);
        let name = call.text("image", &image)?;
        if let Some((host, rest)) = name.split_once('/').filter(|(host, _)| ImageRef::is_registry(host)) {
            let error = call.error(format!("`{name}` has a registry, `{host}`"));
            let (folder, image) = rest
                .rsplit_once('/')
                .map_or((host.to_owned(), rest), |(folder, image)| (format!("{host}/{folder}"), image));
            let error = error.hint(format!("write `name(\"{image}\")`, and `registry = \"{folder}\"` in `f3s.toml`"));
            return Err(raise(error.hint(format!("`push(\"{name}\")` sends this image alone there"))));
        }
        if !ImageRef::is_name(&name) {
            let error = call.error(format!("`{name}` is no image name"));
            return Err(raise(error.hint("lower-case letters, digits and single `.`, `_` or `-` between them; the tag belongs into `tag(..)`, the registry into `f3s.toml`")));
        }
        let mut recorder = call.recording.lock();
        if let Some((_, first)) = &recorder.name {
            return Err(raise(
                call.error("`name` is called twice").related(first.clone(), "the first name is set here"),
            ));
        }
        recorder.name = Some((name, call.origin.place.clone()));
        Ok(())
    }

    /// Tags the image; without it the tag is `latest`.
    ///
    /// `tags` is one tag or a list of them; the first one is used in lists and plans.
    ///
    /// ```rhai
    /// tag(["3.13", "latest"]);
    /// ```
    #[rhai_fn(return_raw)]
    pub fn tag(ctx: NativeCallContext, tags: Dynamic) -> Outcome<()> {
        let call = Call::new(&ctx);
        let tags = call.texts("tags", &tags)?;
        if let Some(wrong) = tags.iter().find(|tag| !ImageRef::is_tag(tag)) {
            let error = call.error(format!("`{wrong}` is no tag"));
            return Err(raise(
                error.hint("letters, digits, `_`, `.` and `-`, at most 128 of them, not starting with `.` or `-`"),
            ));
        }
        if let Some(twice) = tags.iter().enumerate().find_map(|(at, tag)| tags[..at].contains(tag).then_some(tag)) {
            return call.fail(format!("the tag `{twice}` stands twice in the list"));
        }
        let mut recorder = call.recording.lock();
        if let Some((_, first)) = &recorder.tags {
            let error = call.error("`tag` is called twice").related(first.clone(), "the first tags are set here");
            return Err(raise(error.hint("write them as one list: `tag([\"a\", \"b\"])`")));
        }
        recorder.tags = Some((tags, call.origin.place.clone()));
        Ok(())
    }

    /// Describes the image; without it the description is the recipe's `//!` header.
    ///
    /// It is shown by `f3s list` and becomes the label `org.opencontainers.image.description`.
    ///
    /// ```rhai
    /// description("JMeter controller");
    /// ```
    /// ```dockerfile
    /// LABEL org.opencontainers.image.base.digest="" org.opencontainers.image.base.name="alpine:3.13" org.opencontainers.image.description="JMeter controller" org.opencontainers.image.title="example"
    /// ```
    #[rhai_fn(return_raw)]
    pub fn description(ctx: NativeCallContext, text: Dynamic) -> Outcome<()> {
        let call = Call::new(&ctx);
        let text = call.string("text", &text)?;
        call.recording.lock().description = Some(text);
        Ok(())
    }

    /// Pushes the image, under all its tags, to the project's registry; or to `reference`.
    ///
    /// The project's registry is set by `registry` in `f3s.toml`, `F3S_REGISTRY` or `--registry`; with none, `f3s run`
    /// builds and says that the push was skipped. Nothing is pushed before everything that was asked for is built
    /// and checked. A `reference` without a tag takes the image's tags.
    ///
    /// ```rhai
    /// push();
    /// push("registry.example.com/team/alpine:3.13");
    /// ```
    #[rhai_fn(return_raw)]
    pub fn push(ctx: NativeCallContext) -> Outcome<()> {
        add_push(&Call::new(&ctx), None)
    }

    #[rhai_fn(name = "push", return_raw)]
    pub fn push_to(ctx: NativeCallContext, reference: Dynamic) -> Outcome<()> {
        let call = Call::new(&ctx);
        let text = call.text("reference", &reference)?;
        match text.parse::<ImageRef>() {
            Ok(to) if to.digest.is_none() => add_push(&call, Some(to)),
            Ok(_) => call.fail(format!("`{text}` cannot be pushed to: it has a digest")),
            Err(error) => call.fail(format!("`{text}` is no image reference: {error}")),
        }
    }
}
