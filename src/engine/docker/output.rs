//! What commands print, as lines without secrets.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::{Duration, Instant};

use crate::harmless::clean;

/// Bytes of a line that are waited for; a longer one is shown in parts.
const LONGEST: usize = 64 << 10;
/// How long a line may lack its end before it is shown as it stands.
const PATIENCE: Duration = Duration::from_millis(500);

/// Bytes of the shortest value that is hidden.
const SHORTEST: usize = 4;

/// Values that no line of output may show.
pub struct Secrets(Vec<String>);

impl Secrets {
    pub fn new(secrets: &BTreeMap<String, Vec<u8>>) -> Secrets {
        let mut parts = BTreeSet::new();
        for value in secrets.values() {
            let value = String::from_utf8_lossy(value);
            for line in value.split(['\n', '\r']) {
                // As it is, and as it is after what is cleaned away of all output.
                parts.extend([line.to_owned(), line.trim().to_owned(), clean(line.as_bytes()).trim().to_owned()]);
            }
        }
        // Shorter ones would hide half of the output.
        Secrets(parts.into_iter().filter(|part| part.len() >= SHORTEST).collect())
    }

    /// The line with `***` for every value: where some overlap, for all of them together.
    pub fn hide(&self, line: String) -> String {
        let mut places: Vec<Range<usize>> = self.0.iter().flat_map(|secret| places(&line, secret)).collect();
        if places.is_empty() {
            return line;
        }
        places.sort_by_key(|place| place.start);
        let (mut hidden, mut done) = (String::new(), 0);
        for place in places {
            if place.start > done || hidden.is_empty() {
                hidden.push_str(&line[done..place.start]);
                hidden.push_str("***");
            }
            done = done.max(place.end);
        }
        hidden + &line[done..]
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

/// Where a text stands in a line, also where it overlaps itself.
fn places<'l>(line: &'l str, text: &'l str) -> impl Iterator<Item = Range<usize>> + 'l {
    let mut from = 0;
    std::iter::from_fn(move || {
        let start = from + line.get(from..)?.find(text)?;
        from = start + text.chars().next().map_or(1, char::len_utf8);
        Some(start..start + text.len())
    })
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
    fn no_part_of_a_value_is_left_where_another_begins_with_it_or_overlaps() {
        let values = [
            "hunter2",
            "hunter2-and-more",
            "more-than-that",
            "aaaa",
            "line one\r\nline two\rline three\n",
            "a\tb\x01cd",
        ];
        let secrets = values.iter().enumerate().map(|(id, value)| (id.to_string(), value.as_bytes().to_vec()));
        let secrets = Secrets::new(&secrets.collect());
        let hide = |line: &[u8]| secrets.hide(clean(line));
        for (printed, shown) in [
            (&b"x hunter2-and-more y"[..], "x *** y"),
            (b"x hunter2 y hunter2-and y", "x *** y ***-and y"),
            (b"hunter2-and-more-than-that.", "***."),
            (b"aaaaaaaaaa b", "*** b"),
            (b"line one\r", "***"),
            (b"line two\rline three", "***"),
            (b"hun\x1b[31mter\x1b[0m2", "***"),
            (b"a\tb\x01cd", "***"),
            ("ü hunter2 ü".as_bytes(), "ü *** ü"),
            (b"nothing", "nothing"),
        ] {
            assert_eq!(hide(printed), shown);
        }
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
        lines.since = Some(Instant::now() + PATIENCE);
        assert_eq!(lines.unfinished(&secrets), None);
        lines.since = Instant::now().checked_sub(PATIENCE);
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
