//! Files next to the recipe, from other images, and written in place.

use std::collections::BTreeSet;
use std::io::ErrorKind;

use rhai::plugin::*;
use rhai::{Dynamic, NativeCallContext};

use super::structure::{StageHandle, source_of};
use crate::diagnostic::nearest;
use crate::path::ProjectPath;
use crate::recipe::{BaseRef, Copy, CopySource, StepKind, Write};
use crate::script::arguments::{Call, Outcome, raise};

pub const COPY_OPTIONS: &[&str] = &["from", "chown", "chmod", "exclude"];
pub const WRITE_OPTIONS: &[&str] = &["chown", "chmod"];

/// A path of the project that is there. Errors name the nearest file of the folder.
pub fn existing(call: &Call, written: &str) -> Outcome<ProjectPath> {
    let path = call.project_path("path", written)?;
    let world = call.recording.lock().project.world.clone();
    match world.stat(&path) {
        Ok(_) => Ok(path),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            Err(raise(call.error(error.to_string()).hint("a recipe reads only its project: copy the file into it")))
        }
        Err(_) => {
            let folder = ProjectPath::join(path.folder(), "").expect("a folder of the project");
            let siblings = world.list(&folder).unwrap_or_default();
            let near = nearest(path.file_name(), siblings.iter().map(String::as_str));
            let error = call.error(format!("`{written}` does not exist"));
            Err(raise(
                error
                    .hint_if(near.map(|near| format!("did you mean `{near}`?")))
                    .hint(format!("paths are relative to the script: f3s looked for `{path}`")),
            ))
        }
    }
}

/// As `existing`, with `*`, `?` and `[..]` in the last component matched against the folder; true when they found it.
fn matching(call: &Call, written: &str) -> Outcome<(Vec<ProjectPath>, bool)> {
    if !written.contains(['*', '?', '[']) {
        return Ok((vec![existing(call, written)?], false));
    }
    let pattern = call.project_path("path", written)?;
    let folder = ProjectPath::join(pattern.folder(), "").expect("a folder of the project");
    let world = call.recording.lock().project.world.clone();
    let glob = globset::Glob::new(pattern.file_name()).map(|glob| glob.compile_matcher());
    let names = match world.list(&folder) {
        Ok(names) => names,
        Err(error) if matches!(error.kind(), ErrorKind::InvalidData | ErrorKind::PermissionDenied) => {
            let error = call.error(format!("`{written}` cannot be matched in `{folder}`: {error}"));
            return Err(raise(error.hint("rename the file, or name those that you want")));
        }
        Err(_) => Vec::new(),
    };
    let is_match = |name: &&String| glob.as_ref().is_ok_and(|glob| glob.is_match(name));
    let matches: Vec<_> =
        names.iter().filter(is_match).filter_map(|name| ProjectPath::join(folder.as_str(), name)).collect();
    if !matches.is_empty() {
        return Ok((matches, true));
    }
    // The characters may be those of a file's name.
    if names.iter().any(|name| name == pattern.file_name()) {
        return Ok((vec![pattern], false));
    }
    match glob {
        Ok(_) => call.fail(format!("`{written}` matches no file in `{folder}`")),
        Err(error) => call.fail(format!("`{written}` is no pattern: {error}")),
    }
}

#[export_module]
pub mod functions {
    /// Copies files into the image: files next to the recipe, or from a stage or another image.
    ///
    /// `sources` is one path or a list of them, relative to the script, with `*` and `?` in the last component; with
    /// `from` they are absolute paths there, and `COPY`'s patterns (`*`, `?`, `[..]`; a `[` is `[[]`). A copied folder
    /// brings its content, as `COPY` does. `target` ends in `/` when there are several. What `.dockerignore` leaves out of a
    /// folder or of a pattern's matches stays out. Needs no shell.
    ///
    /// Options: `from` (a stage's handle or name, a handle of `image()`, a recipe's name or an image reference),
    /// `chown` (`user[:group]`), `chmod` (octal string), `exclude` (pattern or list of them as in `.dockerignore`, relative
    /// to the source).
    ///
    /// Errors: a file that does not exist, or that `.dockerignore` leaves out; a path or link that leaves the project.
    ///
    /// ```rhai
    /// copy("nginx.conf", "/etc/nginx/nginx.conf", #{ chmod: "644" });
    /// copy(["a.conf", "b.conf"], "/etc/app/");
    /// ```
    /// ```dockerfile
    /// COPY --chmod=644 scripts/nginx.conf /etc/nginx/nginx.conf
    /// COPY scripts/a.conf scripts/b.conf /etc/app/
    /// ```
    #[rhai_fn(return_raw)]
    pub fn copy(ctx: NativeCallContext, sources: Dynamic, target: Dynamic, opts: Dynamic) -> Outcome<()> {
        let call = Call::new(&ctx);
        let written = call.texts("sources", &sources)?;
        call.unexpanded("target", &target)?;
        let target = call.text("target", &target).and_then(|target| call.one_line("target", target))?;
        let options = call.options(&opts, COPY_OPTIONS)?;
        let from = options.get("from", copy_source)?.unwrap_or(CopySource::Project);
        let exclude = options.patterns("exclude")?;
        let mut found = BTreeSet::new();
        let sources = if from == CopySource::Project {
            let mut paths = Vec::new();
            for source in &written {
                let (matches, by_pattern) = matching(&call, source)?;
                let matches: Vec<String> = matches.iter().map(|path| path.as_str().to_owned()).collect();
                if by_pattern {
                    found.extend(matches.iter().cloned());
                }
                paths.extend(matches);
            }
            paths
        } else {
            if let Some(relative) = written.iter().find(|path| !path.starts_with('/')) {
                let error = call.error(format!("`{relative}` is relative"));
                return Err(raise(error.hint(format!("paths in another image are absolute: `/{relative}`"))));
            }
            if !exclude.is_empty() {
                let error = call.error("`exclude` works for files next to the recipe only");
                return Err(raise(error.hint("name the paths that you want, or remove them with `cleanup`")));
            }
            written
        };
        if sources.len() > 1 && !target.ends_with('/') {
            let error = call.error(format!("{} sources and one target `{target}`", sources.len()));
            return Err(raise(error.hint(format!("for a folder write `{target}/`"))));
        }
        let (chown, chmod) = (options.owner("chown")?, options.mode("chmod")?);
        call.record(StepKind::Copy(Copy { from, sources, found, target, chown, chmod, exclude }))
    }

    #[rhai_fn(name = "copy", return_raw)]
    pub fn copy_plain(ctx: NativeCallContext, sources: Dynamic, target: Dynamic) -> Outcome<()> {
        copy(ctx, sources, target, Dynamic::UNIT)
    }

    /// Writes a file with this text. Needs no shell. A text has at most 16 MB: larger content is a file, for `copy`.
    ///
    /// Options: `chmod` (octal string, `"644"` unless set), `chown` (`user[:group]`).
    ///
    /// ```rhai
    /// write("/etc/profile.d/lang.sh", "export LANG=C.UTF-8\n");
    /// ```
    /// ```dockerfile
    /// COPY .f3s/write/1/lang.sh /etc/profile.d/lang.sh
    /// ```
    #[rhai_fn(return_raw)]
    pub fn write(ctx: NativeCallContext, path: Dynamic, text: Dynamic, opts: Dynamic) -> Outcome<()> {
        let call = Call::new(&ctx);
        let target = call.absolute_unexpanded("path", &path)?;
        if target.ends_with('/') {
            return call.fail(format!("`{target}` is a folder: `write` takes the path of a file"));
        }
        let text = call.string("text", &text)?;
        let options = call.options(&opts, WRITE_OPTIONS)?;
        let (chown, chmod) = (options.owner("chown")?, options.mode("chmod")?);
        call.record(StepKind::Write(Write { target, text, chown, chmod }))
    }

    #[rhai_fn(name = "write", return_raw)]
    pub fn write_plain(ctx: NativeCallContext, path: Dynamic, text: Dynamic) -> Outcome<()> {
        write(ctx, path, text, Dynamic::UNIT)
    }
}

fn copy_source(call: &Call, what: &str, value: &Dynamic) -> Outcome<CopySource> {
    if let Some(handle) = value.clone().try_cast::<StageHandle>() {
        return Ok(CopySource::Stage(handle.0));
    }
    if let Ok(name) = value.clone().into_string()
        && call.recording.lock().stages.iter().any(|stage| stage.name == name)
    {
        return Ok(CopySource::Stage(name));
    }
    let stages: Vec<String> = call.recording.lock().stages.iter().map(|stage| stage.name.clone()).collect();
    let source = source_of(call, what, value, None).map_err(|error| match value.clone().into_string() {
        Ok(name) if !name.contains([':', '/', '@']) => match nearest(&name, stages.iter().map(String::as_str)) {
            Some(near) => raise(
                call.error(format!("there is no stage and no recipe `{name}`")).hint(format!("did you mean `{near}`?")),
            ),
            None => error,
        },
        _ => error,
    })?;
    match source {
        BaseRef::Scratch => call.fail("`scratch` is empty: there is nothing to copy from it"),
        image => Ok(CopySource::Image(image)),
    }
}
