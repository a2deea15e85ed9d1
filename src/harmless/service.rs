//! Services of continuous integration, which read commands for themselves in what a program prints.
//!
//! GitHub's runner (actions/runner, `ActionCommand.cs`) takes a line for a command that begins, behind any white space, with
//! `::NAME ..::`, and one that holds `##[NAME ..]` anywhere; it ends lines at `\r`, too. GitLab's marks of sections
//! hold `\r` and an escape sequence, which no harmless text has.

use std::io::{self, Write};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    GitHub,
    GitLab,
}

impl Service {
    /// The service that f3s runs in, by the variables that it sets.
    pub fn of_environment() -> Option<Service> {
        let is = |name: &str| std::env::var(name).is_ok_and(|value| value == "true");
        match () {
            () if is("GITHUB_ACTIONS") => Some(Service::GitHub),
            () if is("GITLAB_CI") => Some(Service::GitLab),
            () => None,
        }
    }

    /// A text of which no line is a command: a backslash stands where one would be read.
    pub fn tamed(self, text: &str) -> String {
        match self {
            Service::GitLab => text.to_owned(),
            Service::GitHub => {
                let lines = text.split_inclusive(['\n', '\r']);
                lines.map(|line| without_start(line).replace("##[", "##\\[")).collect()
            }
        }
    }
}

fn without_start(line: &str) -> String {
    let words = line.trim_start();
    match words.strip_prefix("::") {
        Some(rest) if rest.contains("::") => format!("{}\\{words}", &line[..line.len() - words.len()]),
        _ => line.to_owned(),
    }
}

/// What is written through it is tamed, line by line.
pub struct Tame<W: Write> {
    service: Option<Service>,
    out: W,
    /// The line that lacks its end.
    line: Vec<u8>,
}

impl<W: Write> Tame<W> {
    /// Passes everything on where no service listens.
    pub fn new(service: Option<Service>, out: W) -> Tame<W> {
        Tame { service, out, line: Vec::new() }
    }

    fn pass(&mut self, end: usize) -> io::Result<()> {
        let lines: Vec<u8> = self.line.drain(..end).collect();
        match self.service {
            Some(service) => self.out.write_all(service.tamed(&String::from_utf8_lossy(&lines)).as_bytes()),
            None => self.out.write_all(&lines),
        }
    }
}

impl<W: Write> Write for Tame<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.line.extend_from_slice(bytes);
        if let Some(end) = self.line.iter().rposition(|byte| *byte == b'\n') {
            self.pass(end + 1)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.pass(self.line.len())?;
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_githubs_runner_reads_as_a_command_is_none() {
        let tamed = |text: &str| Service::GitHub.tamed(text);
        for (text, shown) in [
            ("::error::x\n", "\\::error::x\n"),
            ("   \t\u{a0}\u{3000}::set-output name=a::b", "   \t\u{a0}\u{3000}\\::set-output name=a::b"),
            ("a\r::stop-commands::y\nb\n::endgroup::", "a\r\\::stop-commands::y\nb\n\\::endgroup::"),
            ("name | x ##[error]y ##[group]", "name | x ##\\[error]y ##\\[group]"),
            (":::error::x", "\\:::error::x"),
        ] {
            assert_eq!(tamed(text), shown);
            assert_eq!(tamed(shown), shown, "once is enough");
        }
        // Nothing else is touched.
        for text in ["::1 localhost ip6-localhost\n", "std::io::Error\n", "a ::error::x\n", "## [x]\n", ""] {
            assert_eq!(tamed(text), text);
        }
    }

    #[test]
    fn pieces_of_a_line_are_one_line() {
        let mut out = Vec::new();
        let mut tame = Tame::new(Some(Service::GitHub), &mut out);
        for piece in ["  :", ":error:", ":x\n#", "#[", "x]", "\nrest"] {
            tame.write_all(piece.as_bytes()).unwrap();
        }
        tame.flush().unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "  \\::error::x\n##\\[x]\nrest");
    }
}
