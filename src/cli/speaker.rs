//! How a run's events are said: the report, on a thread of its own.

use std::io::{IsTerminal, Write};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Instant;

use clap::ValueEnum;
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::mpsc::{self, UnboundedReceiver};

use super::args::Global;
use super::output;
use super::project::Location;
use crate::diagnostic::Sources;
use crate::event::{Event, Events};
use crate::report::diagnostic::Style;
use crate::report::{Ci, Json, Live, Logs, Plain, Quiet, Report, Service, Terminal};

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

/// The voice of one run.
pub struct Speaker {
    /// `None` when it was silenced.
    report: Arc<Mutex<Option<Box<dyn Report>>>>,
    thread: Option<JoinHandle<()>>,
}

impl Speaker {
    /// Ends when all senders of the events are gone.
    pub fn start(progress: Progress, global: &Global, location: &Location, sources: &Sources) -> (Events, Speaker) {
        let (events, receiver) = mpsc::unbounded_channel();
        let report = Arc::new(Mutex::new(Some(report(progress, global, sources))));
        let heard = report.clone();
        let mut logs = Logs::new(location.logs(), sources.clone());
        let thread = std::thread::spawn(move || hear(&heard, &mut logs, receiver));
        (events, Speaker { report, thread: Some(thread) })
    }

    /// Nothing more is said; a view that stands on the screen goes.
    pub fn silence(&self) {
        let report = self.report.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take();
        if let Some(mut report) = report {
            report.end();
        }
    }

    /// Waits until all is said.
    pub fn join(mut self) {
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        self.silence();
    }
}

/// `logs` hears everything, also what is not said.
fn hear(report: &Mutex<Option<Box<dyn Report>>>, logs: &mut Logs, mut receiver: UnboundedReceiver<Event>) {
    let with = |work: &mut dyn FnMut(&mut dyn Report)| {
        let mut report = report.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(report) = report.as_mut() {
            work(&mut **report);
        }
    };
    let mut interval = None;
    with(&mut |report| interval = report.interval());
    let Some(interval) = interval else {
        while let Some(event) = receiver.blocking_recv() {
            logs.hear(&event);
            with(&mut |report| report.hear(&event));
        }
        return;
    };
    let mut ticked = Instant::now();
    loop {
        match receiver.try_recv() {
            Ok(event) => {
                logs.hear(&event);
                with(&mut |report| report.hear(&event));
            }
            Err(TryRecvError::Disconnected) => return,
            Err(TryRecvError::Empty) => std::thread::sleep(interval / 4),
        }
        if ticked.elapsed() >= interval {
            ticked = Instant::now();
            with(&mut |report| report.tick());
        }
    }
}

fn report(progress: Progress, global: &Global, sources: &Sources) -> Box<dyn Report> {
    let style = output::style(global);
    let stderr = anstream::stderr;
    match (progress, Service::of_environment()) {
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
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let is_ci = set("CI").is_some_and(|value| !["0", "false"].contains(&value.to_ascii_lowercase().as_str()));
    std::io::stderr().is_terminal() && !is_ci && set("TERM").is_some_and(|term| term != "dumb")
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
    let out: Box<dyn Write + Send> = Box::new(std::io::stderr());
    Box::new(Live::new(out, size, sources.clone(), style))
}
