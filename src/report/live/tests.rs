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
struct Screen(Arc<Mutex<vt100::Parser>>);

impl Screen {
    fn new(rows: u16, columns: u16) -> Screen {
        Screen(Arc::new(Mutex::new(vt100::Parser::new(cells(rows), cells(columns), 1000))))
    }

    fn terminal(&self) -> Terminal {
        let (rows, columns) = self.0.lock().unwrap().screen().size();
        Terminal { columns: columns.get().into(), rows: rows.get().into(), colour: false, unicode: false }
    }

    fn lines(&self) -> Vec<String> {
        let parser = self.0.lock().unwrap();
        parser.screen().contents().lines().map(|line| line.trim_end().to_owned()).collect()
    }

    fn resize(&self, rows: u16, columns: u16) {
        self.0.lock().unwrap().screen_mut().set_size(cells(rows), cells(columns));
    }
}

impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().process(bytes);
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
