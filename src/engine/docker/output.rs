//! What commands print, as lines without secrets.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::harmless::clean;

/// Bytes of a line that are waited for; a longer one is shown in parts.
const LONGEST: usize = 64 << 10;
/// How long a line may lack its end before it is shown as it stands.
const PATIENCE: Duration = Duration::from_millis(500);

/// Values that no line of output may show.
pub struct Secrets(Vec<String>);

impl Secrets {
    pub fn new(secrets: &BTreeMap<String, Vec<u8>>) -> Secrets {
        let lines = secrets.values().map(|value| String::from_utf8_lossy(value).into_owned());
        let lines = lines.flat_map(|value| value.lines().map(|line| line.trim().to_owned()).collect::<Vec<_>>());
        // Shorter ones would hide half of the output.
        Secrets(lines.filter(|line| line.len() >= 4).collect())
    }

    pub fn hide(&self, line: String) -> String {
        self.0.iter().fold(line, |line, secret| line.replace(secret, "***"))
    }

    /// How many bytes at the end may be the beginning of a secret.
    fn begun(&self, bytes: &[u8]) -> usize {
        let begun = self
            .0
            .iter()
            .filter_map(|secret| (1..secret.len()).rev().find(|length| bytes.ends_with(&secret.as_bytes()[..*length])));
        begun.max().unwrap_or(0)
    }
}

/// One stream of output, which arrives in pieces, as lines.
#[derive(Default)]
pub struct Lines {
    /// What follows the last line break.
    rest: Vec<u8>,
    /// Since when there is a rest.
    since: Option<Instant>,
    /// The rest as it was shown last.
    shown: String,
}

impl Lines {
    /// The lines that these bytes complete.
    pub fn push(&mut self, bytes: &[u8], secrets: &Secrets) -> Vec<Vec<u8>> {
        let mut lines = Vec::new();
        for (number, part) in bytes.split(|byte| *byte == b'\n').enumerate() {
            if number > 0 {
                lines.push(self.take());
            }
            self.rest.extend_from_slice(part);
        }
        if self.rest.len() > LONGEST {
            lines.extend(self.shorten(secrets));
        }
        if !self.rest.is_empty() {
            self.since.get_or_insert_with(Instant::now);
        }
        lines
    }

    /// The last line, which has no end.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(self).rest
    }

    /// The line that lacks its end, when it has lacked it for a while and was not shown like that.
    pub fn unfinished(&mut self, secrets: &Secrets) -> Option<String> {
        if self.since?.elapsed() < PATIENCE {
            return None;
        }
        let end = self.rest.len() - secrets.begun(&self.rest);
        let line = secrets.hide(clean(&self.rest[..end]));
        if line.is_empty() || line == self.shown {
            return None;
        }
        self.shown.clone_from(&line);
        Some(line)
    }

    /// Forgets what was overwritten; the rest, if it is still too long, becomes a line of its own.
    fn shorten(&mut self, secrets: &Secrets) -> Option<Vec<u8>> {
        let written = self.rest.iter().rposition(|byte| *byte != b'\r').unwrap_or(0);
        if let Some(overwritten) = self.rest[..written].iter().rposition(|byte| *byte == b'\r') {
            self.rest.drain(..=overwritten);
        }
        if self.rest.len() <= LONGEST {
            return None;
        }
        let kept = self.rest.split_off(self.rest.len() - secrets.begun(&self.rest));
        let line = self.take();
        self.rest = kept;
        Some(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets(value: &str) -> Secrets {
        Secrets::new(&BTreeMap::from([("token".to_owned(), value.as_bytes().to_vec())]))
    }

    #[test]
    fn pieces_become_lines() {
        let (mut lines, none) = (Lines::default(), secrets(""));
        assert_eq!(lines.push(b"on", &none), [] as [&[u8]; 0]);
        assert_eq!(lines.push(b"e\ntwo\n\nthr", &none), [&b"one"[..], b"two", b""]);
        assert_eq!(lines.take(), b"thr");
    }

    #[test]
    fn a_line_without_an_end_is_shown_after_a_while_and_again_only_when_it_changes() {
        let (mut lines, secrets) = (Lines::default(), secrets("hunter2"));
        lines.push(b"10%\r20%\rContinue? hunt", &secrets);
        assert_eq!(lines.unfinished(&secrets), None);
        std::thread::sleep(PATIENCE);
        assert_eq!(lines.unfinished(&secrets).unwrap(), "Continue? ");
        assert_eq!(lines.unfinished(&secrets), None);
        lines.push(b"er2", &secrets);
        assert_eq!(lines.unfinished(&secrets).unwrap(), "Continue? ***");
        lines.push(b"\n", &secrets);
        assert_eq!(lines.unfinished(&secrets), None);
    }

    #[test]
    fn what_is_kept_of_a_line_is_bounded() {
        let (mut lines, secrets) = (Lines::default(), secrets("hunter2"));
        for _ in 0..20_000 {
            assert!(lines.push(b"\r[##########] 55%", &secrets).is_empty());
            assert!(lines.rest.len() <= LONGEST + 64);
        }
        assert_eq!(clean(&lines.take()), "[##########] 55%");
        // No secret is torn in two.
        let long = [&[b'x'; LONGEST][..], b"hunt"].concat();
        assert_eq!(lines.push(&long, &secrets)[0].len(), LONGEST);
        assert_eq!(lines.push(b"er2\n", &secrets), [b"hunter2"]);
    }
}
