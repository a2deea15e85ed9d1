//! What is shown of long lines: of a source the part around what is marked, of a message its beginning.

use std::borrow::Cow;
use std::sync::Arc;

use crate::diagnostic::Place;

/// Characters of a line of a script that are shown.
const LONGEST_LINE: usize = 200;
/// How many of them stand before what is marked.
const BEFORE: usize = 60;
/// Characters of a line of a message, and the lines of one.
const LONGEST_MESSAGE: usize = 1_000;
const MOST_LINES: usize = 200;
const CUT: &str = "...";

/// A source of which long lines are cut.
pub struct Excerpt {
    pub text: Arc<str>,
    /// By how many characters a line, from 1, moved to the left; only those that moved.
    moved: Vec<(u32, usize)>,
}

impl Excerpt {
    /// `marked`: the places to be shown.
    pub fn new(text: &Arc<str>, marked: &[&Place]) -> Excerpt {
        if text.lines().all(|line| line.len() <= LONGEST_LINE) {
            return Excerpt { text: text.clone(), moved: Vec::new() };
        }
        let mut moved = Vec::new();
        let lines = text.lines().zip(1u32..).map(|(line, number)| {
            if line.len() <= LONGEST_LINE || line.chars().count() <= LONGEST_LINE {
                return Cow::Borrowed(line);
            }
            let column = marked.iter().find(|place| place.line == number).map_or(1, |place| place.column as usize);
            let start = column.saturating_sub(1 + BEFORE);
            let shown: String = line.chars().skip(start).take(LONGEST_LINE).collect();
            let end = if line.chars().nth(start + LONGEST_LINE).is_some() { CUT } else { "" };
            if start == 0 {
                return Cow::Owned(shown + end);
            }
            moved.push((number, start - CUT.len()));
            Cow::Owned(format!("{CUT}{shown}{end}"))
        });
        let text = lines.collect::<Vec<_>>().join("\n").into();
        Excerpt { text, moved }
    }

    /// True when the columns of a line are not those of the source.
    pub fn has_moved(&self, line: u32) -> bool {
        self.moved.iter().any(|(number, _)| *number == line)
    }

    /// Where a place of the source is in the excerpt; what was cut off is at its end.
    pub fn place(&self, place: &Place) -> Place {
        let by = self.moved.iter().find(|(number, _)| *number == place.line).map_or(0, |(_, by)| *by as u32);
        let column = place.column.saturating_sub(by).clamp(1, (LONGEST_LINE + 2 * CUT.len()) as u32);
        Place { column, ..place.clone() }
    }
}

/// A message of which long lines, and those past many, are cut.
pub fn shortened(text: &str) -> Cow<'_, str> {
    if text.len() <= LONGEST_MESSAGE {
        return Cow::Borrowed(text);
    }
    let mut lines: Vec<String> = text
        .lines()
        .take(MOST_LINES)
        .map(|line| match line.char_indices().nth(LONGEST_MESSAGE) {
            Some((end, _)) => format!("{}{CUT}", &line[..end]),
            None => line.to_owned(),
        })
        .collect();
    if text.lines().nth(MOST_LINES).is_some() {
        lines.push(CUT.to_owned());
    }
    Cow::Owned(lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_around_what_is_marked() {
        let long = format!("a\n{}x{}\n{}", "é".repeat(500), "-".repeat(500), "b".repeat(300));
        let place = Place::new("f", 2, 501);
        let excerpt = Excerpt::new(&long.as_str().into(), &[&place]);
        let lines: Vec<&str> = excerpt.text.lines().collect();
        assert_eq!(lines[1], format!("...{}x{}...", "é".repeat(BEFORE), "-".repeat(LONGEST_LINE - BEFORE - 1)));
        assert_eq!(lines[2], format!("{}...", "b".repeat(LONGEST_LINE)));
        let column = excerpt.place(&place).column as usize;
        assert_eq!(lines[1].chars().nth(column - 1), Some('x'));
        // What is far away on the same line is at the end of what is shown.
        assert_eq!(excerpt.place(&Place::new("f", 2, 1001)).column as usize, LONGEST_LINE + 6);
        assert_eq!(excerpt.place(&Place::new("f", 1, 1)).column, 1);
    }

    #[test]
    fn short_sources_and_messages_stay() {
        let text: Arc<str> = "a\r\nb".into();
        assert!(Arc::ptr_eq(&Excerpt::new(&text, &[]).text, &text));
        assert_eq!(shortened("x"), "x");
        assert_eq!(shortened(&"x".repeat(5000)).len(), LONGEST_MESSAGE + 3);
        assert_eq!(shortened(&"x\n".repeat(5000)).lines().count(), MOST_LINES + 1);
    }
}
