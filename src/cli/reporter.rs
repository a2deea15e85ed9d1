//! How a run's events are said: the report, on a thread of its own.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::thread::JoinHandle;

use clap::ValueEnum;
use tokio::sync::mpsc::{self, UnboundedReceiver};
use tokio::time::Interval;

use super::environment::{is_ci, variable};
use super::output::{self, When};
use crate::diagnostic::{Diagnostic, Sources};
use crate::event::{Event, Events};
use crate::harmless::{Service, Tame};
use crate::report::diagnostic::Style;
use crate::report::{Ci, Json, Live, Logs, Plain, Quiet, Report, Terminal};

#[derive(ValueEnum, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// A live view on a terminal, groups and annotations on GitHub and GitLab, else plain lines
    Auto,
    /// One line per running image, at the bottom of the terminal
    Tty,
    /// One line per event, on standard error
    Plain,
    /// One JSON object per line and event, on standard output
    Json,
    /// Errors, notes, what was pushed, and the summary
    Quiet,
}

/// The report of one run.
pub struct Reporter(JoinHandle<()>);

impl Reporter {
    /// `logs`: the folder of the project's logs. Ends when all senders of the events are gone.
    pub fn start(progress: Progress, color: When, logs: PathBuf, sources: &Sources) -> (Events, Reporter) {
        let (events, receiver) = mpsc::unbounded_channel();
        let (report, logs) = (report(progress, color, sources), Logs::new(logs, sources.clone()));
        (events, Reporter(std::thread::spawn(move || listen(report, logs, receiver))))
    }

    /// Waits until all is said.
    pub fn join(self) {
        let _ = self.0.join();
    }
}

/// Says what scripts probably do not mean.
pub fn warn(diagnostics: Vec<Diagnostic>, events: &Events) {
    if !diagnostics.is_empty() {
        let _ = events.send(Event::Warned { diagnostics });
    }
}

/// `logs` hears everything, also what is not said.
fn listen(mut report: Box<dyn Report>, mut logs: Logs, mut receiver: UnboundedReceiver<Event>) {
    let clock = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a clock needs nothing");
    clock.block_on(async {
        let mut ticks = report.interval().map(tokio::time::interval);
        loop {
            tokio::select! {
                event = receiver.recv() => match event {
                    Some(event) => {
                        logs.hear(&event);
                        report.hear(&event);
                    }
                    None => break,
                },
                () = tick(&mut ticks) => report.tick(),
            }
        }
    });
    report.end();
}

/// Waits for the next tick; for ever, when none is wanted.
async fn tick(ticks: &mut Option<Interval>) {
    match ticks {
        Some(ticks) => _ = ticks.tick().await,
        None => std::future::pending().await,
    }
}

fn report(progress: Progress, color: When, sources: &Sources) -> Box<dyn Report> {
    let style = output::style(color);
    let service = Service::of_environment();
    let stderr = || Tame::new(service, anstream::stderr());
    match (progress, service) {
        (Progress::Json, _) => Box::new(Json::new(std::io::stdout())),
        (Progress::Quiet, _) => Box::new(Quiet::new(stderr(), sources.clone(), style)),
        (Progress::Tty, _) => live(sources, style),
        (Progress::Auto, _) if is_live() => live(sources, style),
        // Escapes that mark the groups must arrive.
        (Progress::Auto, Some(service)) => {
            Box::new(Ci::new(service, std::io::stderr(), sources.clone(), on_raw_stderr(style)))
        }
        (Progress::Auto, None) | (Progress::Plain, _) => Box::new(Plain::new(stderr(), sources.clone(), style)),
    }
}

/// True on a terminal that can move its cursor, and where no service of continuous integration keeps a log.
fn is_live() -> bool {
    std::io::stderr().is_terminal() && !is_ci() && variable("TERM").is_some_and(|term| term != "dumb")
}

/// The style of a report that is not filtered: without colours where the user wants none, or standard error has none.
fn on_raw_stderr(style: Style) -> Style {
    let wanted = anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never;
    Style { colour: style.colour && wanted, ..style }
}

fn live(sources: &Sources, style: Style) -> Box<dyn Report> {
    // Escapes that move the cursor must arrive.
    let style = on_raw_stderr(style);
    let size = move || {
        let size = terminal_size::terminal_size_of(std::io::stderr());
        let (columns, rows) = size.map_or((80, 24), |(columns, rows)| (columns.0, rows.0));
        Terminal { columns: columns.into(), rows: rows.into(), colour: style.colour, unicode: style.unicode }
    };
    let out: Box<dyn Write + Send> = Box::new(Tame::new(Service::of_environment(), std::io::stderr()));
    Box::new(Live::new(out, size, sources.clone(), style))
}
