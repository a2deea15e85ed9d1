//! Diagnostics as rustc draws them: the line, a caret, the chain of calls, notes and remedies.

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Origin as Header, Renderer, Snippet};

use super::excerpt::{Excerpt, shortened};
use crate::diagnostic::{Diagnostic, Place, Severity, Sources};
use crate::harmless;

/// How diagnostics are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    pub colour: bool,
    /// Box-drawing characters instead of ASCII.
    pub unicode: bool,
}

impl Style {
    pub const PLAIN: Style = Style { colour: false, unicode: false };
}

/// The diagnostics, one below the other, each followed by an empty line.
pub fn render(diagnostics: &[Diagnostic], sources: &Sources, style: Style) -> String {
    let renderer = if style.colour { Renderer::styled() } else { Renderer::plain() };
    let renderer = renderer.decor_style(if style.unicode { DecorStyle::Unicode } else { DecorStyle::Ascii });
    let drawn = diagnostics.iter().map(|diagnostic| {
        let text = renderer.render(&[group(&diagnostic.harmless(), sources)]);
        // A snippet without a label ends its lines in blanks.
        text.lines().map(|line| format!("{}\n", line.trim_end())).collect::<String>() + "\n"
    });
    drawn.collect()
}

fn group<'a>(diagnostic: &'a Diagnostic, sources: &'a Sources) -> Group<'a> {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut group = Group::with_title(level.primary_title(shortened(&diagnostic.message)));
    if let Some(origin) = &diagnostic.origin {
        let mut places = vec![(&origin.place, diagnostic.label.clone(), AnnotationKind::Primary)];
        let related = diagnostic.related.iter();
        places.extend(related.map(|(place, label)| (place, label.clone(), AnnotationKind::Context)));
        let calls = origin.trace.iter().filter(|call| !call.function.is_empty());
        places.extend(calls.map(|call| {
            (&call.place, format!("which calls `{}`", harmless::line(&call.function)), AnnotationKind::Context)
        }));
        for (file, places) in by_file(places) {
            group = add_snippet(group, file, &places, sources);
        }
    }
    group = group.elements(diagnostic.notes.iter().map(|note| Level::NOTE.message(shortened(note))));
    group.elements(diagnostic.hints.iter().map(|hint| Level::HELP.message(shortened(hint))))
}

type Marked<'a> = (&'a Place, String, AnnotationKind);

/// Places in one file share a snippet; files stand in the order in which they first appear.
fn by_file(places: Vec<Marked<'_>>) -> Vec<(&str, Vec<Marked<'_>>)> {
    let mut files: Vec<(&str, Vec<Marked<'_>>)> = Vec::new();
    for marked in places {
        match files.iter_mut().find(|(file, _)| **file == *marked.0.file) {
            Some((_, places)) => places.push(marked),
            None => files.push((&marked.0.file, vec![marked])),
        }
    }
    files
}

fn add_snippet<'a>(group: Group<'a>, file: &'a str, places: &[Marked<'a>], sources: &'a Sources) -> Group<'a> {
    match sources.get(file).filter(|text| !text.is_empty()) {
        Some(text) => {
            let marked: Vec<&Place> = places.iter().map(|(place, ..)| *place).collect();
            let excerpt = Excerpt::new(&harmless::source(&text).into(), &marked);
            let snippet: Snippet<'a, Annotation<'a>> = Snippet::source(excerpt.text.to_string()).fold(true);
            let annotations = places.iter().map(|(place, label, kind)| {
                let annotation = kind.span(span(&excerpt.text, &excerpt.place(place)));
                if label.is_empty() { annotation } else { annotation.label(label.clone()) }
            });
            let first = places[0].0;
            // Where columns are others the place is said beside.
            if excerpt.has_moved(first.line) {
                let header =
                    Header::path(harmless::line(file)).line(first.line as usize).char_column(first.column as usize);
                return group.element(header).element(snippet.annotations(annotations));
            }
            group.element(snippet.path(harmless::line(file)).annotations(annotations))
        }
        None => {
            let place = places[0].0;
            let header =
                Header::path(harmless::line(file)).line(place.line as usize).char_column(place.column as usize);
            group.element(header)
        }
    }
}

/// The bytes of the word, text or sign that stands at a place.
fn span(text: &str, place: &Place) -> std::ops::Range<usize> {
    let line_start = match place.line {
        0 | 1 => 0,
        line => text.match_indices('\n').nth(line as usize - 2).map_or(text.len(), |(at, _)| at + 1),
    };
    let line = text[line_start..].lines().next().unwrap_or_default();
    let offset = line.char_indices().nth(place.column.max(1) as usize - 1).map_or(line.len(), |(at, _)| at);
    let rest = &line[offset..];
    let word = |c: char| c.is_alphanumeric() || c == '_';
    let length = match rest.chars().next() {
        None => 0,
        Some(quote @ ('"' | '`' | '\'')) => rest[1..].find(quote).map_or(rest.len(), |end| end + 2),
        Some(c) if word(c) => rest.find(|c| !word(c)).unwrap_or(rest.len()),
        Some(c) => c.len_utf8(),
    };
    line_start + offset..line_start + offset + length
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::{Call, Origin};

    #[test]
    fn a_long_line_is_cut_around_the_caret_and_the_place_stays() {
        let mut sources = Sources::default();
        sources.insert("a.rhai", format!("x\n{}apk([\"curl\"]);{}\n", "-".repeat(70_000), "+".repeat(70_000)));
        let error = Diagnostic::error("wrong").at(Place::new("a.rhai", 2, 70_001)).note("y".repeat(100_000));
        let drawn = render(&[error], &sources, Style::PLAIN);
        assert!(drawn.contains("--> a.rhai:2:70001\n"), "{drawn}");
        assert!(drawn.len() < 3000 && drawn.contains("-apk([\"curl\"]);+"), "{drawn}");
        assert!(drawn.contains(&format!("{}^^^\n", " ".repeat(63))), "{drawn}");
    }

    #[test]
    fn draws_the_line_the_chain_and_the_remedy() {
        let mut sources = Sources::default();
        sources.insert("scripts/a.rhai", "base(\"alpine:3.13\");\napk([\"curl\"]);\n");
        sources.insert("<stdlib>/apk.rhai", "fn apk(packages) {\n    run(\"apk add\");\n}\n");
        let trace = vec![Call { function: "run".into(), place: Place::new("<stdlib>/apk.rhai", 2, 5) }];
        let error = Diagnostic::error("the command failed with exit code 1")
            .at(Origin { place: Place::new("scripts/a.rhai", 2, 1), trace })
            .note("its last output:\nno such package")
            .hint("look for it");
        let expected = "\
error: the command failed with exit code 1
 --> scripts/a.rhai:2:1
  |
2 | apk([\"curl\"]);
  | ^^^
  |
 ::: <stdlib>/apk.rhai:2:5
  |
2 |     run(\"apk add\");
  |     --- which calls `run`
  |
  = note: its last output:
          no such package
  = help: look for it

";
        assert_eq!(render(&[error], &sources, Style::PLAIN), expected);
    }
}
