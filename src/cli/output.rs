//! Standard output and standard error: colours, logs, JSON.

use std::io::{IsTerminal, Write};

use clap::ValueEnum;
use rustix::fs::FileType;
use serde::Serialize;
use tracing_subscriber::fmt::format::FmtSpan;

use super::environment;
use super::failure::Failure;
use crate::diagnostic::{Diagnostic, Sources};
use crate::harmless::{self, Service};
use crate::report::annotation;
use crate::report::diagnostic::{Style, render};

/// When to colour.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    Auto,
    Always,
    Never,
}

/// `--color` of a command line that is not parsed yet.
pub fn color_of(mut words: impl Iterator<Item = String>) -> When {
    let mut color = When::Auto;
    while let Some(word) = words.next().filter(|word| word != "--") {
        let value = if word == "--color" { words.next() } else { word.strip_prefix("--color=").map(str::to_owned) };
        color = value.and_then(|value| When::from_str(&value, false).ok()).unwrap_or(color);
    }
    color
}

/// Colours by `--color`; `Auto`: by `NO_COLOR`, `CLICOLOR_FORCE`, `TERM` and what is a terminal.
pub fn choose_colours(when: When) {
    let choice = match when {
        When::Auto => anstream::ColorChoice::Auto,
        When::Always => anstream::ColorChoice::Always,
        When::Never => anstream::ColorChoice::Never,
    };
    choice.write_global();
}

/// Colours; tracing by `RUST_LOG`, to standard error, with the time that each phase took.
pub fn set_up(color: When) {
    choose_colours(color);
    let filter = tracing_subscriber::EnvFilter::from_default_env();
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_span_events(FmtSpan::CLOSE)
        .with_writer(std::io::stderr)
        .try_init();
}

/// How diagnostics look on standard error. Colours that it cannot show are stripped there.
pub fn style(color: When) -> Style {
    let colour = color != When::Never;
    Style { colour, unicode: is_utf8() && std::io::stderr().is_terminal() }
}

/// True where the locale has more than ASCII.
pub fn is_utf8() -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(environment::variable);
    locale.is_some_and(|locale| locale.to_ascii_lowercase().replace('-', "").ends_with("utf8"))
}

/// Prints a result.
pub fn print(text: &str) -> Result<(), Failure> {
    write(&harmless::shown(text))
}

/// Prints a result that is read letter for letter by the next program. Where it is only looked at, on a terminal or by a
/// service of continuous integration, pictures stand for what is not shown.
pub fn print_exact(text: &str) -> Result<(), Failure> {
    let out = std::io::stdout();
    let is_file = rustix::fs::fstat(&out).is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode).is_file());
    let service = Service::of_environment().filter(|_| !is_file);
    if service.is_none() && !out.is_terminal() {
        return write(text);
    }
    let pictured = harmless::pictured(text);
    let shown = service.map_or(pictured.clone(), |service| service.tamed(&pictured));
    if shown != text {
        note("some characters are shown by others: written into a file, it is exact");
    }
    write(&shown)
}

/// Prints a result as JSON, indented, with a final newline.
pub fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).expect("plain data is JSON");
    write(&format!("{}\n", harmless::json(&text)))
}

fn write(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}

/// Says something that is no result.
pub fn note(text: &str) {
    let _ = writeln!(std::io::stderr(), "{}", harmless::shown(text));
}

/// Says how a command ended badly, on standard error, unless it was said already.
pub fn say_failure(failure: &Failure, color: When) {
    let none = Sources::default();
    let (diagnostics, sources) = match failure {
        Failure::Reported | Failure::Unreachable(None) | Failure::Interrupted => return,
        Failure::Usage(one) => (std::slice::from_ref(one), &none),
        Failure::Failed(one, sources) | Failure::Unreachable(Some((one, sources))) => {
            (std::slice::from_ref(one), sources)
        }
        Failure::Wrong(all, sources) => (&all.0[..], sources),
    };
    say(diagnostics, sources, color);
}

/// Says diagnostics on standard error.
pub fn say(diagnostics: &[Diagnostic], sources: &Sources, color: When) {
    let mut text = render(diagnostics, sources, style(color));
    if let Some(service) = Service::of_environment() {
        text = service.tamed(&text);
        if service == Service::GitHub {
            text.extend(diagnostics.iter().map(|diagnostic| annotation(diagnostic, sources)));
        }
    }
    let _ = anstream::stderr().write_all(text.as_bytes());
}
