//! Single instructions as text.

use super::quote;
use crate::diagnostic::Diagnostic;
use crate::plan::context::ContextBuilder;
use crate::recipe::{Command, Healthcheck, Mount, MountKind, StepKind};

pub fn copy_flags(from: Option<&str>, chown: Option<&str>, chmod: Option<&str>) -> Vec<String> {
    let flags = [("from", from), ("chown", chown), ("chmod", chmod)];
    flags.into_iter().filter_map(|(name, value)| value.map(|value| format!("--{name}={value}"))).collect()
}

pub fn copy(flags: &[String], sources: &[String], target: &str) -> String {
    let sources = sources.iter().map(|source| source_word(source));
    let words: Vec<String> = sources.chain([quote::expanded(target)]).collect();
    let flags: String = flags.iter().map(|flag| format!("{flag} ")).collect();
    if words.iter().any(|word| word.contains(char::is_whitespace)) {
        return format!("COPY {flags}{}", quote::json(&words));
    }
    format!("COPY {flags}{}", words.join(" "))
}

pub fn add(source: &str, folder: &str) -> String {
    copy(&[], &[source.to_owned()], folder).replacen("COPY", "ADD", 1)
}

/// A source names one file: characters that would make it a pattern are escaped.
fn source_word(source: &str) -> String {
    let mut word = String::new();
    for c in source.chars() {
        match c {
            // The word is read twice: for variables, then as a pattern.
            '*' | '?' | '[' | '\\' => word.push_str("\\\\"),
            '$' | '"' | '\'' => word.push('\\'),
            _ => {}
        }
        if c == '\\' {
            word.push_str("\\\\");
        } else {
            word.push(c);
        }
    }
    word
}

/// The flag of a mount; what it binds joins the context.
pub fn mount(mount: &Mount, context: &mut ContextBuilder) -> Result<String, Diagnostic> {
    let target = plain(&mount.target)?;
    Ok(match &mount.kind {
        MountKind::Cache { id } => format!("--mount=type=cache,id={},target={target}", plain(id)?),
        MountKind::Tmpfs => format!("--mount=type=tmpfs,target={target}"),
        MountKind::Bind { source } => {
            let placed = context.project(source.as_str(), &[])?;
            format!("--mount=type=bind,source={},target={target}", plain(&placed.path)?)
        }
    })
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

/// The instruction of a step that only sets configuration.
pub fn configuration(step: &StepKind, shell: &[String]) -> Result<String, Diagnostic> {
    Ok(match step {
        StepKind::Env(pairs) => format!("ENV {}", assignments(pairs)?),
        StepKind::Path(folders) => {
            // The one variable that is expanded: the image's own.
            let folders = quote::double(&folders.join(":"));
            format!("ENV PATH={}:$PATH\"", folders.trim_end_matches('"'))
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
        // Here nothing is expanded.
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
        Ok(format!("{name}={}", quote::double(value)))
    });
    Ok(pairs.collect::<Result<Vec<_>, _>>()?.join(" "))
}

fn words(command: &Command, shell: &[String]) -> String {
    match command {
        Command::Exec(words) => quote::json(words),
        // The shell form is one line, and does not look like a list.
        Command::Shell(line)
            if line.contains('\n')
                || line.ends_with('\\')
                || line.contains("<<")
                || line.trim_start().starts_with('[') =>
        {
            quote::json(&shell.iter().chain([line]).collect::<Vec<_>>())
        }
        Command::Shell(line) => line.clone(),
    }
}

fn healthcheck(check: &Healthcheck, shell: &[String]) -> String {
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
