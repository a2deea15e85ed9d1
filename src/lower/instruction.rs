//! Single instructions as text.

use super::context::{ContextBuilder, Placed};
use super::script;
use crate::diagnostic::Diagnostic;
use crate::dockerfile::quote;
use crate::recipe::{Command, Healthcheck, Mount, MountKind, StepKind};

pub fn copy_flags(from: Option<&str>, chown: Option<&str>, chmod: Option<&str>) -> Vec<String> {
    let flags = [("from", from), ("chown", chown), ("chmod", chmod)];
    flags.into_iter().filter_map(|(name, value)| value.map(|value| format!("--{name}={value}"))).collect()
}

/// `sources`: words, as the functions below make them.
pub fn copy(flags: &[String], sources: &[String], target: &str) -> String {
    let target = protected(quote::expanded(target));
    let words: Vec<&str> = sources.iter().map(String::as_str).chain([&*target]).collect();
    let flags: String = flags.iter().map(|flag| format!("{flag} ")).collect();
    // A line that ends in `\` would go on with the next one.
    if words.iter().any(|word| word.contains(char::is_whitespace)) || target.ends_with('\\') {
        return format!("COPY {flags}{}", quote::json(&words));
    }
    format!("COPY {flags}{}", words.join(" "))
}

pub fn add(source: &str, folder: &str) -> String {
    copy(&[], &[literal(source)], folder).replacen("COPY", "ADD", 1)
}

/// The word of a source that names one path of the context, which is no pattern.
pub fn literal(path: &str) -> String {
    protected(quote::expanded(path))
}

/// The word of a source in another image, in which `*`, `?`, `[..]` and `\` mean what they mean to `COPY`.
pub fn pattern(path: &str) -> String {
    quote::expanded(path)
}

/// The word of a source of the project.
pub fn placed(placed: &Placed) -> String {
    match placed.path.rsplit_once('/').filter(|_| placed.alone) {
        Some((folder, _)) => format!("{}/*", literal(folder)),
        None => literal(&placed.path),
    }
}

/// A word that is neither a flag nor a heredoc.
fn protected(word: String) -> String {
    let heredoc = word.trim_start_matches(|c: char| c.is_ascii_digit()).starts_with("<<");
    if word.starts_with('-') || heredoc { format!("./{word}") } else { word }
}

/// The flag of a mount; what it binds joins the context.
pub fn mount(mount: &Mount, context: &mut ContextBuilder) -> Result<String, Diagnostic> {
    let target = plain(&mount.target)?;
    Ok(match &mount.kind {
        MountKind::Cache { id } => format!("--mount=type=cache,id={},target={target}", plain(id)?),
        MountKind::Tmpfs => format!("--mount=type=tmpfs,target={target}"),
        MountKind::Bind { source } => {
            let placed = context.project_plainly(source.as_str())?.ok_or_else(|| left_out(source.as_str()))?;
            format!("--mount=type=bind,source={},target={target}", plain(&placed.path)?)
        }
    })
}

pub fn left_out(path: &str) -> Diagnostic {
    let error = Diagnostic::error(format!("`{path}` is left out by `.dockerignore`"));
    error.hint("remove its pattern from `.dockerignore`, or except the file with `!`")
}

/// What stands in the flag of a mount, which is read as CSV, as a word and for variables.
///
/// Errors: characters that mean something in one of them.
pub fn plain(text: &str) -> Result<String, Diagnostic> {
    if text.chars().all(|c| c.is_alphanumeric() || "/._+-@%~: ".contains(c)) {
        // Within a flag, a space ends the word.
        return Ok(text.replace(' ', "\\ "));
    }
    let error = Diagnostic::error(format!("`{text}` cannot be mounted: it has unusual characters"));
    Err(error.hint("rename it: letters, digits, spaces and `/._+-@%~:` are usual"))
}

/// The longest line that BuildKit's reader of Dockerfiles takes, in bytes (`bufio.MaxScanTokenSize`).
const MAX_LINE: usize = 65_535;

/// The instruction of a step that only sets configuration.
///
/// Errors: what no Dockerfile can say.
pub fn configuration(step: &StepKind, shell: Option<&[String]>) -> Result<String, Diagnostic> {
    readable(configured(step, shell)?)
}

/// An instruction that BuildKit can read.
pub fn readable(text: String) -> Result<String, Diagnostic> {
    let length = text.split('\n').map(str::len).max().unwrap_or(0);
    if length > MAX_LINE {
        let error = Diagnostic::error(format!("this is {} KB in one line of the Dockerfile", length / 1000));
        let error = error.label(format!("at most {} KB", MAX_LINE / 1000));
        return Err(error.hint("several calls are several lines; a long text can be a file: `write(..)`"));
    }
    Ok(text)
}

fn configured(step: &StepKind, shell: Option<&[String]>) -> Result<String, Diagnostic> {
    Ok(match step {
        StepKind::Env(pairs) => format!("ENV {}", assignments(pairs)?),
        StepKind::Path(folders) => {
            // The one variable that is expanded: the image's own.
            format!("ENV PATH=\"{}:$PATH\"", quote::escaped(&folders.join(":")))
        }
        StepKind::Label(pairs) => format!("LABEL {}", assignments(pairs)?),
        StepKind::Workdir(path) => format!("WORKDIR {}", quote::expanded(path)),
        StepKind::User(user) => format!("USER {}", quote::expanded(user)),
        StepKind::Expose(ports) => format!("EXPOSE {}", ports.join(" ")),
        StepKind::Volume(paths) => {
            let paths: Vec<String> = paths.iter().map(|path| quote::expanded(path)).collect();
            format!("VOLUME {}", quote::json(&paths))
        }
        StepKind::Entrypoint(command) => format!("ENTRYPOINT {}", words(command, shell)),
        StepKind::Cmd(command) => format!("CMD {}", words(command, shell)),
        StepKind::Shell(words) => format!("SHELL {}", quote::json(words)),
        StepKind::StopSignal(signal) => format!("STOPSIGNAL {signal}"),
        StepKind::Healthcheck(None) => "HEALTHCHECK NONE".to_owned(),
        StepKind::Healthcheck(Some(check)) => healthcheck(check, shell),
        // Here nothing is expanded, and nothing quoted.
        StepKind::Author(name) => format!("MAINTAINER {name}"),
        StepKind::Run(_)
        | StepKind::Cleanup(_)
        | StepKind::Copy(_)
        | StepKind::Write(_)
        | StepKind::Unpack(_)
        | StepKind::Place(_) => unreachable!("steps that change files are lowered on their own"),
    })
}

fn assignments(pairs: &std::collections::BTreeMap<String, String>) -> Result<String, Diagnostic> {
    let pairs = pairs.iter().map(|(name, value)| {
        if value.contains(['\n', '\r']) {
            let error = Diagnostic::error(format!("the value of `{name}` has a line break"));
            return Err(error.hint("a Dockerfile cannot say that: put the text into a file with `write`"));
        }
        Ok(format!("{}={}", quote::name(name), quote::double(value)))
    });
    Ok(pairs.collect::<Result<Vec<_>, _>>()?.join(" "))
}

/// `shell`: where the stage is known to have another than `/bin/sh`.
fn words(command: &Command, shell: Option<&[String]>) -> String {
    match (command, shell) {
        (Command::Exec(words), _) => quote::json(words),
        (Command::Shell(line), _) if is_shell_form(line) => line.clone(),
        (Command::Shell(line), Some(shell)) => quote::json(&shell.iter().chain([line]).collect::<Vec<_>>()),
        // A base of a registry may have a shell of its own.
        (Command::Shell(line), None) => script::held_together(line),
    }
}

/// True for a command that stands in a Dockerfile as it is: in one line, which is not trimmed, does not go on in the next one,
/// and looks neither like a list nor like a flag.
fn is_shell_form(line: &str) -> bool {
    !line.contains(|c: char| c.is_control())
        && line.trim() == line
        && !line.ends_with('\\')
        && !line.contains("<<")
        && !line.starts_with(['[', '-'])
}

fn healthcheck(check: &Healthcheck, shell: Option<&[String]>) -> String {
    let seconds = |name: &str, value: Option<u64>| value.map(|value| format!("--{name}={value}s "));
    let flags = [
        seconds("interval", check.interval),
        seconds("timeout", check.timeout),
        seconds("start-period", check.start_period),
        check.retries.map(|retries| format!("--retries={retries} ")),
    ];
    let flags: String = flags.into_iter().flatten().collect();
    format!("HEALTHCHECK {flags}CMD {}", words(&check.command, shell))
}
