//! Text of others made safe to show: what commands, registries and engines say, what stands in scripts, archives and URLs.
//! Nothing that is left can move a cursor, colour or rename a terminal, turn the order of letters around, or show a password or a token of a URL.
//!
//! Texts become harmless where they leave f3s, not where they come in: `report::Report::hear` does it to events,
//! `report::diagnostic::render` to diagnostics, `shown` to all else that is printed.

mod passwords;
mod service;

use serde::Serialize;

pub use service::{Service, Tame};

/// The text of a line of output as a terminal shows it in the end: a program's progress overwrites its line by `\r`.
pub fn clean(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let text = anstream::adapter::strip_str(&text).to_string();
    let line = text.trim_end_matches('\r').rsplit('\r').next().unwrap_or_default();
    line.chars().filter_map(harmless).collect()
}

/// The same of every line of a text.
pub fn clean_lines(text: &str) -> Vec<String> {
    text.split_terminator('\n').map(|line| clean(line.as_bytes())).collect()
}

/// A text of several lines.
pub fn text(text: &str) -> String {
    if is_harmless(text) {
        return text.to_owned();
    }
    let lines: Vec<String> = text.split('\n').map(|line| clean(line.as_bytes())).collect();
    passwords::hidden(&lines.join("\n"))
}

/// A text of one line: line breaks are blanks.
pub fn line(line: &str) -> String {
    let text = text(line);
    if text.contains('\n') { text.replace('\n', " ") } else { text }
}

/// The text of a script, letter for letter, so that columns stay what they are.
pub fn source(text: &str) -> String {
    // Carets are drawn under C0 characters, too: `annotate_snippets` shows them as pictures.
    let letter = |c: char| if is_c1(c) { char::REPLACEMENT_CHARACTER } else { c };
    let text: String = text.chars().map(letter).collect();
    passwords::starred(&text)
}

/// A text with a picture for every character that would not be shown: for what is to be read letter for letter.
pub fn pictured(text: &str) -> String {
    let picture = |c: char| match c {
        '\n' | '\t' => c,
        '\x7f' => '\u{2421}',
        c if c < ' ' => char::from_u32(0x2400 + c as u32).unwrap_or(char::REPLACEMENT_CHARACTER),
        c if is_c1(c) || is_bidi(c) => char::REPLACEMENT_CHARACTER,
        c => c,
    };
    passwords::hidden(&text.chars().map(picture).collect::<String>())
}

/// What is printed beside the reports, for whoever reads it here: a terminal, or a service of continuous integration.
pub fn shown(shown: &str) -> String {
    let text = text(shown);
    match Service::of_environment() {
        Some(service) => service.tamed(&text),
        None => text,
    }
}

/// JSON of equal value that is safe to print.
pub fn json(json: &str) -> String {
    // In a text `[` may be written in this way, too; no other place has such signs before it.
    let text = passwords::hidden(json).replace("##[", "##\\u005b");
    let is_safe = |c: char| !(c == '\x7f' || is_c1(c) || is_bidi(c));
    if text.chars().all(is_safe) {
        return text;
    }
    let escape = |c: char| if is_safe(c) { c.to_string() } else { format!("\\u{:04x}", c as u32) };
    text.chars().map(escape).collect()
}

/// A value as JSON on one line.
pub fn json_of(value: &impl Serialize) -> String {
    json(&serde_json::to_string(value).expect("plain data is JSON"))
}

fn harmless(c: char) -> Option<char> {
    match c {
        '\t' => Some(c),
        c if c.is_control() => None,
        c if is_bidi(c) => Some(char::REPLACEMENT_CHARACTER),
        c => Some(c),
    }
}

fn is_harmless(text: &str) -> bool {
    !text.contains("://") && text.chars().all(|c| c == '\n' || harmless(c) == Some(c))
}

/// Controls of eight bits: `U+009B` begins a sequence as `ESC [` does.
fn is_c1(c: char) -> bool {
    ('\u{80}'..='\u{9f}').contains(&c)
}

/// Embeddings, overrides and isolates make a text look like another one, and line separators break it for some readers.
/// Marks of direction stay: languages need them.
fn is_bidi(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_sequences_go_and_letters_of_all_languages_stay() {
        assert_eq!(clean(b"\x1b[1;31mred\x1b[0m \x1b[2J\x1b[Hplain"), "red plain");
        assert_eq!(clean(b"\x1b]0;a title\x07text \x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\"), "text link");
        assert_eq!(clean(b"a\x07b\x08c\x7fd\x0ee\tf"), "abcde\tf");
        assert_eq!(clean("\u{9b}31mczech: ěščřž ś 漢字 \u{85}.".as_bytes()), "31mczech: ěščřž ś 漢字 .");
        assert_eq!(clean("\u{202e}cba\u{202c} עברית\u{200f}!".as_bytes()), "\u{fffd}cba\u{fffd} עברית\u{200f}!");
        // What is cut off in the middle of a sequence.
        assert_eq!(clean(b"text\x1b[3"), "text");
        assert_eq!(clean(b"text\x1b]0;title"), "text");
    }

    #[test]
    fn of_a_line_that_is_overwritten_the_last_text_stays() {
        assert_eq!(clean(b"10%\r50%\r\x1b[K100%\r"), "100%");
        assert_eq!(clean_lines("one\r\n\n\x1b[32mtwo\x1b[0m\n"), ["one", "", "two"]);
    }

    #[test]
    fn texts_keep_their_lines_and_lines_have_none() {
        assert_eq!(text("one\r\n\ttwo\x07\n"), "one\n\ttwo\n");
        assert_eq!(line("denied\n::error::x\x1b[2J"), "denied ::error::x");
        assert_eq!(line("a name"), "a name");
    }

    #[test]
    fn scripts_keep_their_columns_and_dockerfiles_their_letters() {
        assert_eq!(source("\u{9b}2J https://me:geheim@x/"), "\u{fffd}2J https://me:******@x/");
        assert_eq!(
            pictured("RUN printf '\x1b[2J\x7f'\r\n\tx\u{9b} http://h?a=b"),
            "RUN printf '␛[2J␡'␍\n\tx\u{fffd} http://h?a=***"
        );
    }

    #[test]
    fn json_stays_the_same_value() {
        let value = "\x1b[2J\u{9b}\x7f\u{202e} ##[error]x \\##[ é";
        let json = json_of(&value);
        assert!(json.is_ascii() || json.chars().all(|c| !c.is_control()), "{json}");
        assert!(!json.contains("##["), "{json}");
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), value);
    }
}
