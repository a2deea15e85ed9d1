//! The live view on a terminal emulator.

use std::io::Write;
use std::num::NonZero;
use std::sync::{Arc, Mutex};

use super::{Live, Terminal};
use crate::diagnostic::{Diagnostic, Place, Sources};
use crate::event::{Event, Summary};
use crate::report::Report;
use crate::report::diagnostic::Style;

fn cells(count: u16) -> NonZero<u16> {
    NonZero::new(count).unwrap()
}

/// A terminal that can be written to, resized and looked at.
#[derive(Clone)]
struct Screen(Arc<Mutex<Emulator>>);

struct Emulator {
    parser: vt100::Parser,
    /// Rows that were erased from the corner of the screen on: tmux and others move them to what scrolled by.
    cleared: usize,
}

impl Screen {
    fn new(rows: u16, columns: u16) -> Screen {
        let parser = vt100::Parser::new(cells(rows), cells(columns), 1000);
        Screen(Arc::new(Mutex::new(Emulator { parser, cleared: 0 })))
    }

    fn terminal(&self) -> Terminal {
        let (rows, columns) = self.0.lock().unwrap().parser.screen().size();
        Terminal { columns: columns.get().into(), rows: rows.get().into(), colour: false, unicode: false }
    }

    fn lines(&self) -> Vec<String> {
        let emulator = self.0.lock().unwrap();
        emulator.parser.screen().contents().lines().map(|line| line.trim_end().to_owned()).collect()
    }

    fn resize(&self, rows: u16, columns: u16) {
        self.0.lock().unwrap().parser.screen_mut().set_size(cells(rows), cells(columns));
    }

    /// Lines that are no longer on the screen but above it.
    fn scrolled(&self) -> usize {
        let mut emulator = self.0.lock().unwrap();
        let cleared = emulator.cleared;
        let screen = emulator.parser.screen_mut();
        screen.set_scrollback(usize::MAX);
        let scrolled = screen.scrollback();
        screen.set_scrollback(0);
        scrolled + cleared
    }
}

impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let mut emulator = self.0.lock().unwrap();
        for part in bytes.split_inclusive(|byte| *byte == b'J') {
            let before = part.strip_suffix(b"\x1b[J").unwrap_or(part);
            emulator.parser.process(before);
            if before.len() < part.len() && emulator.parser.screen().cursor_position() == (0, 0) {
                emulator.cleared += usize::from(emulator.parser.screen().size().0.get());
            }
            emulator.parser.process(&part[before.len()..]);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn live(screen: &Screen) -> impl Report + use<> {
    let size = screen.clone();
    Live::new(screen.clone(), move || size.terminal(), Sources::default(), Style::PLAIN)
}

fn started(report: &mut impl Report, image: &str, step: &str) {
    let image = image.to_owned();
    report.hear(&Event::ImageStarted { image: image.clone(), reason: String::new(), builds: true });
    let place = Place::new("scripts/a.rhai", 9, 1);
    report.hear(&Event::StepStarted { image, step: step.to_owned(), place, cached: false });
}

fn built(image: &str) -> Event {
    let (image, reference) = (image.to_owned(), format!("{image}:latest"));
    Event::ImageBuilt { image, reference, size: 5_600_000, seconds: 1.0, cached: false }
}

#[test]
fn running_images_stand_below_what_is_finished_and_vanish_at_the_end() {
    let screen = Screen::new(24, 80);
    let mut report = live(&screen);
    report.hear(&Event::Started { images: 3, to_build: 2 });
    started(&mut report, "ops", "apk([\"curl\"])");
    started(&mut report, "java", "trim_jdk(\"/opt/jdk\")");
    report.hear(&Event::StepOutput { image: "ops".to_owned(), line: "fetch\tindex".to_owned() });
    report.tick();
    let lines = screen.lines();
    assert!(lines[0].starts_with("  java  trim_jdk(\"/opt/jdk\")  scripts/a.rhai:9"), "{lines:?}");
    assert!(lines[0].ends_with(" s"), "{lines:?}");
    assert_eq!(lines[2..], ["  | fetch index", "0 of 3 done, 2 running"]);

    report.hear(&built("ops"));
    report.tick();
    let lines = screen.lines();
    assert_eq!(lines[0], "+ ops  ops:latest  5.6 MB in 1.0 s");
    assert!(lines[1].starts_with("  java"), "{lines:?}");
    assert_eq!(lines[2], "1 of 3 done, 1 running");

    let diagnostic = Box::new(Diagnostic::error("exit code 1"));
    report.hear(&Event::ImageFailed { image: "java".to_owned(), diagnostic });
    report.hear(&Event::Finished(Summary { built: 1, failed: 1, seconds: 2.0, ..Summary::default() }));
    let lines = screen.lines();
    assert_eq!(lines[0..3], ["+ ops  ops:latest  5.6 MB in 1.0 s", "x java failed", ""]);
    assert_eq!(lines.iter().filter(|line| line.contains("exit code 1")).count(), 1);
    assert_eq!(lines.last().unwrap(), "built 1, failed 1 in 2.0 s");
}

#[test]
fn thirty_images_fit_80x24_and_nothing_wraps_or_scrolls() {
    let screen = Screen::new(24, 80);
    let mut report = live(&screen);
    report.hear(&Event::Started { images: 30, to_build: 30 });
    for number in 0..30 {
        started(&mut report, &format!("image{number:02}"), &"a very long step ".repeat(20));
    }
    for _ in 0..20 {
        report.tick();
    }
    let lines = screen.lines();
    assert_eq!(lines.len(), 20, "{lines:?}");
    assert!(lines[0].starts_with("  image00"), "{lines:?}");
    assert_eq!(lines[18..], ["... and 12 more", "0 of 30 done, 30 running"]);
    assert!(lines.iter().all(|line| line.chars().count() < 80));
}

#[test]
fn a_resized_terminal_is_filled_anew() {
    let screen = Screen::new(24, 80);
    let mut report = live(&screen);
    for number in 0..30 {
        started(&mut report, &format!("image{number:02}"), "step");
    }
    report.tick();
    for (rows, columns) in [(10, 40), (50, 120), (6, 20)] {
        screen.resize(rows, columns);
        report.tick();
        let lines = screen.lines();
        let shown = lines.iter().filter(|line| line.starts_with("  image")).count();
        assert!(lines.len() <= usize::from(rows) && shown >= 1, "{rows}x{columns}: {lines:?}");
        assert!(lines.iter().all(|line| line.chars().count() < usize::from(columns)), "{rows}x{columns}: {lines:?}");
    }
}

#[test]
fn downloads_and_pushes_have_bars() {
    let screen = Screen::new(24, 80);
    let mut report = live(&screen);
    let url = "https://example.com/a/jdk.tar.gz?raw=true".to_owned();
    report.hear(&Event::DownloadStarted { url: url.clone(), total: Some(1000) });
    report.hear(&Event::DownloadProgress { url: url.clone(), bytes: 500, total: Some(1000) });
    report.tick();
    assert_eq!(screen.lines()[0], "< ##########---------- 500 B/1.0 kB  jdk.tar.gz");
    report.hear(&Event::DownloadFinished { url, bytes: 1000, seconds: 1.0 });
    report.tick();
    assert_eq!(screen.lines(), [] as [&str; 0]);
}

#[test]
fn a_report_that_ends_early_leaves_a_clean_screen() {
    let screen = Screen::new(24, 80);
    let mut report = live(&screen);
    started(&mut report, "ops", "step");
    report.tick();
    report.end();
    assert_eq!(screen.lines(), [] as [&str; 0]);
}

#[test]
fn on_the_smallest_terminals_nothing_wraps_or_scrolls() {
    for (rows, columns) in [(1, 80), (2, 80), (3, 80), (4, 8), (3, 8), (1, 8), (2, 1), (24, 8)] {
        let screen = Screen::new(rows, columns);
        let mut report = live(&screen);
        report.hear(&Event::Started { images: 5, to_build: 5 });
        for number in 0..5 {
            started(&mut report, &format!("image{number}"), "a very long step");
            report.hear(&Event::StepOutput { image: format!("image{number}"), line: "o".repeat(200) });
            report.hear(&Event::PullStarted { reference: format!("alpine:{number}") });
        }
        report.tick();
        let (before, lines) = (screen.scrolled(), screen.lines());
        assert!(rows == 1 || columns < 8 || lines.iter().any(|line| line.starts_with("  image")), "{lines:?}");
        for _ in 0..10 {
            report.tick();
        }
        assert_eq!(screen.scrolled(), before, "{rows}x{columns}");
        assert_eq!(screen.lines().len(), lines.len(), "{rows}x{columns}");
        let widest = lines.iter().map(|line| line.chars().count()).max().unwrap();
        assert!(lines.len() <= rows.into() && widest < usize::from(columns).max(2), "{rows}x{columns}: {lines:?}");
        report.end();
        assert_eq!(screen.lines(), [] as [&str; 0], "{rows}x{columns}");
    }
}

#[test]
fn drawing_pushes_nothing_out_of_the_screen() {
    for size in [(24, 80), (3, 80)] {
        let mut screen = Screen::new(size.0, size.1);
        screen.write_all(b"$ clear\r\n\x1b[H\x1b[2J").unwrap();
        let mut report = live(&screen);
        report.hear(&Event::Started { images: 3, to_build: 3 });
        for name in ["a", "b", "c"] {
            started(&mut report, name, "step");
        }
        for round in 0..20 {
            let line = format!("round {round}");
            report.hear(&Event::StepOutput { image: "a".to_owned(), line });
            report.tick();
        }
        assert_eq!(screen.scrolled(), 0, "{size:?}");
        // What lasts scrolls by, and nothing but that.
        for number in 0..10 {
            report.hear(&Event::Note { message: format!("note {number}") });
            report.tick();
        }
        report.end();
        let shown = screen.lines().len();
        assert_eq!(screen.scrolled() + shown, 10, "{size:?}: {:?}", screen.lines());
    }
}

#[test]
fn many_transfers_leave_room_for_images() {
    let screen = Screen::new(24, 80);
    let mut report = live(&screen);
    for number in 0..40 {
        report.hear(&Event::PullStarted { reference: format!("base{number:02}:1") });
    }
    report.tick();
    assert_eq!(screen.lines().len(), 20);
    for number in 0..30 {
        started(&mut report, &format!("image{number:02}"), "step");
    }
    report.tick();
    let lines = screen.lines();
    let transfers = lines.iter().filter(|line| line.starts_with('<') || line.contains("transfer")).count();
    assert!((2..=8).contains(&transfers), "{lines:?}");
    assert!(lines.contains(&"... and 35 more transfers".to_owned()), "{lines:?}");
    assert!(lines.iter().filter(|line| line.starts_with("  image")).count() >= 10, "{lines:?}");
}

#[test]
fn an_image_with_several_failures_is_done_once() {
    let screen = Screen::new(24, 80);
    let mut report = live(&screen);
    report.hear(&Event::Started { images: 3, to_build: 3 });
    started(&mut report, "a", "step");
    started(&mut report, "b", "step");
    for message in ["one check", "another check"] {
        let diagnostic = Box::new(Diagnostic::error(message));
        report.hear(&Event::ImageFailed { image: "a".to_owned(), diagnostic });
    }
    report.tick();
    assert_eq!(screen.lines().last().unwrap(), "1 of 3 done, 1 running");
}

#[test]
fn a_line_without_an_end_stands_below_the_others_until_it_ends() {
    let screen = Screen::new(24, 80);
    let mut report = live(&screen);
    let image = || "a".to_owned();
    started(&mut report, "a", "step");
    report.hear(&Event::StepOutput { image: image(), line: "fetching".to_owned() });
    report.hear(&Event::StepProgress { image: image(), line: "50%".to_owned() });
    report.tick();
    assert_eq!(screen.lines()[1..3], ["  | fetching", "  | 50%"]);
    report.hear(&Event::StepOutput { image: image(), line: "100%".to_owned() });
    report.tick();
    assert_eq!(screen.lines()[1..3], ["  | fetching", "  | 100%"]);
}
