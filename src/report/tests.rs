//! No text of others does harm: every event, with hostile texts in all its places, said by every report.

use super::diagnostic::{Style, render};
use super::{Ci, Json, Live, Logs, Plain, Quiet, Report, Terminal};
use crate::diagnostic::{Call, Diagnostic, Origin, Place, Sources};
use crate::event::{Event, Summary};
use crate::harmless::{Service, Tame};

/// What a stranger writes to command a terminal or a service, or to see what it must not.
const HOSTILE: &str = "x\n::set-output name=a::b\n   ::stop-commands::y\n\u{a0}::error::z ##[error]w\r##[group]v\n\
    \x1b]0;title\x07\x1b[2J\u{9b}31m\x7f\u{202e}https://me:geheim@h/ \x1b[0Ksection_start:1:s\r\x1b[0K";

fn hostile() -> String {
    HOSTILE.to_owned()
}

fn diagnostic() -> Diagnostic {
    let place = || Place::new("scripts/a.rhai", 1, 3);
    let trace = vec![Call { function: HOSTILE.into(), place: Place::new(HOSTILE, 2, 2) }];
    let error = Diagnostic::error(HOSTILE).at(Origin { place: place(), trace });
    error.label(HOSTILE).related(place(), HOSTILE).note(HOSTILE).hint(HOSTILE)
}

/// Every event once: a new one must be given a place in the row.
fn next(last: Option<&Event>) -> Option<Event> {
    let place = Place::new(HOSTILE, 1, 1);
    let (image, step, check, line, reference, url, because) =
        (hostile(), hostile(), hostile(), hostile(), hostile(), hostile(), hostile());
    let diagnostic = Box::new(diagnostic());
    let Some(last) = last else { return Some(Event::Started { images: 1, to_build: 1 }) };
    Some(match last {
        Event::Started { .. } => Event::ImageStarted { image, reason: because, builds: true },
        Event::ImageStarted { builds: true, .. } => Event::ImageStarted { image, reason: because, builds: false },
        Event::ImageStarted { .. } => Event::StepStarted { image, step, place, cached: false },
        Event::StepStarted { .. } => Event::StepOutput { image, line },
        Event::StepOutput { .. } => Event::StepProgress { image, line },
        Event::StepProgress { .. } => Event::StepFinished { image, step, seconds: 1.0 },
        Event::StepFinished { .. } => Event::CheckStarted { image, check, place },
        Event::CheckStarted { .. } => Event::CheckPassed { image, check, seconds: 1.0 },
        Event::CheckPassed { .. } => Event::DownloadStarted { url, total: None },
        Event::DownloadStarted { .. } => Event::DownloadProgress { url, bytes: 1, total: Some(2) },
        Event::DownloadProgress { .. } => Event::DownloadRetried { url, attempt: 2, because },
        Event::DownloadRetried { .. } => Event::DownloadFinished { url, bytes: 1, seconds: 1.0 },
        Event::DownloadFinished { .. } => Event::PullStarted { reference },
        Event::PullStarted { .. } => Event::PullRetried { reference, attempt: 2, because },
        Event::PullRetried { .. } => Event::PullFinished { reference, seconds: 1.0 },
        Event::PullFinished { .. } => Event::PullFailed { reference },
        Event::PullFailed { .. } => Event::ImageBuilt { image, reference, size: 1, seconds: 1.0, cached: false },
        Event::ImageBuilt { .. } => Event::ImageTagged { image, references: vec![reference] },
        Event::ImageTagged { .. } => Event::ImageUpToDate { image },
        Event::ImageUpToDate { .. } => Event::ImageFailed { image, diagnostic },
        Event::ImageFailed { .. } => Event::ImageSkipped { image, because },
        Event::ImageSkipped { .. } => Event::ImageCancelled { image },
        Event::ImageCancelled { .. } => Event::PushStarted { image, reference },
        Event::PushStarted { .. } => Event::PushProgress { image, reference, bytes: 1, total: 2 },
        Event::PushProgress { .. } => Event::PushRetried { image, reference, attempt: 2, because },
        Event::PushRetried { .. } => Event::Pushed { image, reference, digest: hostile(), seconds: 1.0 },
        Event::Pushed { .. } => Event::PushUpToDate { image, reference },
        Event::PushUpToDate { .. } => Event::PushSkipped { images: vec![image], because },
        Event::PushSkipped { .. } => Event::PushFailed { image, reference, diagnostic },
        Event::PushFailed { .. } => Event::Note { message: hostile() },
        Event::Note { .. } => Event::Paused,
        Event::Paused => Event::Changed { what: hostile(), clear: false },
        Event::Changed { .. } => Event::Mistaken { diagnostics: vec![*diagnostic] },
        Event::Mistaken { diagnostics } => Event::Warned { diagnostics: diagnostics.clone() },
        Event::Warned { .. } => Event::CommandOutput { line },
        Event::CommandOutput { .. } => Event::Superseded,
        Event::Superseded => Event::Finished(Summary::default()),
        Event::Finished(_) => return None,
    })
}

fn every_event() -> Vec<Event> {
    std::iter::successors(next(None), |last| next(Some(last))).collect()
}

/// A script may hold anything, too.
fn sources() -> Sources {
    let mut sources = Sources::default();
    sources.insert("scripts/a.rhai", format!("run(`{HOSTILE}`);\n"));
    sources.insert(HOSTILE, HOSTILE);
    sources
}

/// The commands that GitHub's runner reads in a text: their name, and what they hold (`ActionCommand.cs`).
fn commands(text: &str) -> Vec<(String, String)> {
    let lines = text.split(['\n', '\r']);
    let command = |line: &str| {
        let second = line.trim_start().strip_prefix("::").and_then(|rest| rest.split_once("::"));
        let first = line.split_once("##[").and_then(|(_, rest)| rest.split_once(']'));
        let (info, data) = second.or(first)?;
        Some((info.split(' ').next().unwrap_or_default().to_owned(), data.to_owned()))
    };
    lines.filter_map(command).collect()
}

#[track_caller]
fn assert_harmless(text: &str) {
    let bad = |c: char| c != '\n' && (c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c));
    assert!(!text.contains(bad), "{text:?}");
    assert!(!text.contains("geheim"), "{text}");
}

#[test]
fn no_report_hands_on_what_commands_a_terminal_or_shows_a_password() {
    let mut out = Vec::new();
    for format in ["plain", "quiet", "json", "github"] {
        out.clear();
        let sources = sources();
        let mut report: Box<dyn Report> = match format {
            "plain" => Box::new(Plain::new(&mut out, sources, Style::PLAIN)),
            "quiet" => Box::new(Quiet::new(&mut out, sources, Style::PLAIN)),
            "json" => Box::new(Json::new(&mut out)),
            _ => Box::new(Ci::new(Service::GitHub, &mut out, sources, Style::PLAIN)),
        };
        every_event().iter().for_each(|event| report.hear(event));
        drop(report);
        let text = String::from_utf8(out.clone()).unwrap();
        assert!(text.contains("https://me:***@h/"), "{format}: {text}");
        assert_harmless(&text);
    }
    let folder = tempfile::tempdir().unwrap();
    let mut logs = Logs::new(folder.path().to_owned(), sources());
    every_event().iter().for_each(|event| logs.hear(event));
    drop(logs);
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        assert_harmless(&std::fs::read_to_string(entry.unwrap().path()).unwrap());
    }
}

#[test]
fn the_live_view_writes_no_sequences_but_its_own() {
    let mut out = Vec::new();
    let terminal = || Terminal { columns: 80, rows: 24, colour: false, unicode: true };
    let mut live = Live::new(&mut out, terminal, sources(), Style::PLAIN);
    for event in every_event() {
        live.hear(&event);
        live.tick();
    }
    drop(live);
    let mut text = String::from_utf8(out).unwrap();
    own_sequences().iter().for_each(|sequence| text = text.replace(sequence, ""));
    assert_harmless(&text.replace(['\r'], ""));
}

/// What the view moves and erases with.
fn own_sequences() -> Vec<String> {
    let up = (1..24).map(|rows| format!("\x1b[{rows}A"));
    let fixed = ["\x1b[?2026h", "\x1b[?2026l", "\x1b[J", "\x1b[K"].map(str::to_owned);
    up.chain(fixed).collect()
}

#[test]
fn github_reads_no_commands_but_f3s_own() {
    assert!(commands(HOSTILE).len() >= 4, "the runner would read some");
    let mut out = Vec::new();
    let mut report = Ci::new(Service::GitHub, &mut out, sources(), Style::PLAIN);
    every_event().iter().for_each(|event| report.hear(event));
    drop(report);
    let text = String::from_utf8(out.clone()).unwrap();
    let names: Vec<String> = commands(&text).into_iter().map(|(name, _)| name).collect();
    let count = |wanted: &str| names.iter().filter(|name| *name == wanted).count();
    assert_eq!(names.len(), count("group") + count("endgroup") + count("error"), "{names:?}\n{text}");
    assert_eq!((count("error"), count("group")), (4, count("endgroup")), "{text}");

    // In every format that can be asked for there.
    for format in ["plain", "quiet", "json"] {
        out.clear();
        let tame = Tame::new(Some(Service::GitHub), &mut out);
        let mut report: Box<dyn Report> = match format {
            "plain" => Box::new(Plain::new(tame, sources(), Style::PLAIN)),
            "quiet" => Box::new(Quiet::new(tame, sources(), Style::PLAIN)),
            _ => {
                drop(tame);
                Box::new(Json::new(&mut out))
            }
        };
        every_event().iter().for_each(|event| report.hear(event));
        drop(report);
        let text = String::from_utf8(out.clone()).unwrap();
        assert_eq!(commands(&text), [], "{format}: {text}");
    }
}

#[test]
fn gitlab_reads_no_marks_but_f3s_own() {
    let mut out = Vec::new();
    let mut report = Ci::new(Service::GitLab, &mut out, sources(), Style::PLAIN);
    every_event().iter().for_each(|event| report.hear(event));
    drop(report);
    let text = String::from_utf8(out).unwrap();
    // `section_start:TIME:NAME\r` and an escape sequence.
    let marks = text.lines().flat_map(|line| line.split("\r\x1b[0K").next().filter(|mark| mark.len() < line.len()));
    let marks: Vec<&str> = marks.collect();
    assert!(!marks.is_empty() && marks.iter().all(|mark| mark.starts_with("\x1b[0Ksection_")), "{marks:?}");
    assert!(marks.iter().all(|mark| mark.contains(":f3s_")), "{marks:?}");
}

#[test]
fn carets_stand_where_they_would_stand() {
    let mut sources = Sources::default();
    let script = "git(\"https://me:geheim@h/\u{9b}\"); bad();\n";
    sources.insert("a.rhai", script);
    let place = Place::new("a.rhai", 1, script.chars().position(|c| c == 'b').unwrap() as u32 + 1);
    let drawn = render(&[Diagnostic::error("x").at(place)], &sources, Style::PLAIN);
    let lines: Vec<&str> = drawn.lines().collect();
    let (code, carets) = (lines[3], lines[4]);
    assert_eq!(code, "1 | git(\"https://me:******@h/\u{fffd}\"); bad();");
    let column = |text: &str, word: &str| text[..text.find(word).unwrap()].chars().count();
    assert_eq!(column(carets, "^^^"), column(code, "bad"));
}
