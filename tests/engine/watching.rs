//! `f3s watch` as a process that tests listen to.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use crate::lab::Project;

/// A running `f3s watch`, and what it says.
pub struct Watching {
    pub child: Child,
    lines: Receiver<String>,
    heard: Vec<String>,
}

impl Watching {
    pub fn start(project: &Project, words: &[&str]) -> Watching {
        let words = [&["watch", "--progress", "plain"], words].concat();
        let mut child = project.command(&words).stderr(Stdio::piped()).spawn().unwrap();
        let (sender, lines) = channel();
        let said = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        std::thread::spawn(move || said.for_each(|line| drop(sender.send(line))));
        Watching { child, lines, heard: Vec::new() }
    }

    /// Reads on until a line contains this. Returns the lines up to it.
    #[track_caller]
    pub fn until(&mut self, word: &str) -> Vec<String> {
        let start = Instant::now();
        self.heard.clear();
        while start.elapsed() < Duration::from_secs(60) {
            let Ok(line) = self.lines.recv_timeout(Duration::from_millis(500)) else { continue };
            self.heard.push(line.clone());
            if line.contains(word) {
                return self.heard.clone();
            }
        }
        panic!("`{word}` is not in\n{}", self.heard.join("\n"));
    }

    /// A round that ends with this summary.
    #[track_caller]
    pub fn round(&mut self, summary: &str) -> Vec<String> {
        let lines = self.until("watching ");
        let last = lines.iter().rfind(|line| line.contains(" in ")).cloned().unwrap_or_default();
        assert_eq!(last.rsplit_once(" in ").unwrap_or_default().0, summary, "{}", lines.join("\n"));
        lines
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
