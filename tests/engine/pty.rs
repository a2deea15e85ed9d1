//! f3s in a real pseudo-terminal, seen through a terminal emulator.

use std::io::{Read, Write};
use std::num::NonZero;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};

use pty_process::Size;
use pty_process::blocking::{Pts, Pty};
use rustix::termios::{LocalModes, tcgetattr};

use crate::lab::{Project, within_a_minute};

/// Lines that scrolled off the screen and are still remembered.
const SCROLLBACK: usize = 1000;

pub struct Terminal {
    child: Child,
    pty: Arc<Pty>,
    /// The other end, kept open: the terminal's state outlives f3s.
    pts: Option<Pts>,
    seen: Arc<Mutex<Seen>>,
}

struct Seen {
    parser: vt100::Parser,
    /// Screens as they stood whenever f3s had written something.
    frames: Vec<Vec<String>>,
}

impl Seen {
    fn new(rows: u16, columns: u16) -> Seen {
        Seen { parser: vt100::Parser::new(cells(rows), cells(columns), SCROLLBACK), frames: Vec::new() }
    }

    fn hear(&mut self, bytes: &[u8]) {
        // Whole drawings: what is between the two marks of a synchronized update is never shown half.
        for part in bytes.split_inclusive(|byte| *byte == b'l') {
            self.parser.process(part);
            if part.ends_with(b"\x1b[?2026l") {
                self.frames.push(lines(&self.parser));
            }
        }
    }
}

fn cells(count: u16) -> NonZero<u16> {
    NonZero::new(count).unwrap()
}

fn lines(parser: &vt100::Parser) -> Vec<String> {
    parser.screen().contents().lines().map(|line| line.trim_end().to_owned()).collect()
}

impl Terminal {
    /// Starts f3s in a terminal of this size.
    pub fn start(project: &Project, (rows, columns): (u16, u16), words: &[&str]) -> Terminal {
        let mut command = project.command(words);
        command.env_remove("CI").env("TERM", "xterm-256color").env("LANG", "C").env("NO_COLOR", "1");
        Terminal::run(command, (rows, columns))
    }

    fn run(command: Command, (rows, columns): (u16, u16)) -> Terminal {
        let (pty, pts) = pty_process::blocking::open().unwrap();
        pty.resize(Size::new(rows, columns)).unwrap();
        let child = pty_process::blocking::Command::from(command).spawn_borrowed(&pts).unwrap();
        let (pty, seen) = (Arc::new(pty), Arc::new(Mutex::new(Seen::new(rows, columns))));
        let (reader, hearing) = (pty.clone(), seen.clone());
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(read @ 1..) = (&*reader).read(&mut buffer) {
                hearing.lock().unwrap().hear(&buffer[..read]);
            }
        });
        Terminal { child, pty, pts: Some(pts), seen }
    }

    /// What stands on the screen.
    pub fn lines(&self) -> Vec<String> {
        lines(&self.seen.lock().unwrap().parser)
    }

    /// Every drawing of the live view so far, as it stood on the screen.
    pub fn frames(&self) -> Vec<Vec<String>> {
        self.seen.lock().unwrap().frames.clone()
    }

    /// What stands on the screen and what scrolled off it.
    pub fn all_lines(&self) -> Vec<String> {
        let mut seen = self.seen.lock().unwrap();
        let screen = seen.parser.screen_mut();
        let columns = screen.size().1.get();
        let mut all = Vec::new();
        for above in (1..=screen.scrollback_len()).rev() {
            screen.set_scrollback(above);
            all.extend(screen.rows(0, columns).next());
        }
        screen.set_scrollback(0);
        all.extend(screen.rows(0, columns));
        all.iter().map(|line| line.trim_end().to_owned()).collect()
    }

    /// As `clear` in a shell: what was written before is no longer seen.
    pub fn wipe(&self) {
        let mut seen = self.seen.lock().unwrap();
        let (rows, columns) = seen.parser.screen().size();
        *seen = Seen::new(rows.get(), columns.get());
    }

    /// Resizes the terminal; the system tells f3s so.
    pub fn resize(&self, rows: u16, columns: u16) {
        self.seen.lock().unwrap().parser.set_size(cells(rows), cells(columns));
        self.pty.resize(Size::new(rows, columns)).unwrap();
    }

    /// Waits until some line, on the screen or scrolled off it, contains this.
    #[track_caller]
    pub fn shows(&self, word: &str) {
        let there = within_a_minute(|| self.all_lines().iter().any(|line| line.contains(word)));
        assert!(there, "`{word}` is not on the screen:\n{}", self.all_lines().join("\n"));
    }

    pub fn press(&self, keys: &str) {
        (&*self.pty).write_all(keys.as_bytes()).unwrap();
    }

    /// True while keys arrive as they are typed and are not shown.
    pub fn is_taken(&self) -> bool {
        let modes = tcgetattr(&*self.pty).unwrap().local_modes;
        assert_eq!(modes.contains(LocalModes::ICANON), modes.contains(LocalModes::ECHO));
        !modes.contains(LocalModes::ICANON)
    }

    pub fn pid(&self) -> i32 {
        self.child.id() as i32
    }

    /// Waits for the end of f3s, after which the terminal must be as it was; returns the exit code.
    #[track_caller]
    pub fn ends(&mut self) -> Option<i32> {
        let mut status = None;
        let ended = within_a_minute(|| {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        assert!(ended, "f3s does not end:\n{}", self.all_lines().join("\n"));
        assert!(!self.is_taken(), "the terminal is not as it was");
        status.and_then(|status| status.code())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        // The reader ends with the last one who could write.
        self.pts = None;
    }
}
