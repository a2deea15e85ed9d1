//! The shell text of a `RUN`, which the shell of its stage runs: lines of the Dockerfile or, where it is long, a file.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::context::ContextBuilder;
use crate::recipe::Run;
use crate::shell::{self, Script};

/// The commands of a `RUN`.
#[derive(Clone, Debug, Default)]
pub struct Body {
    lines: Vec<Line>,
    /// Several steps: what they write to standard error joins standard output, so that all comes in order.
    grouped: bool,
    piped: bool,
    /// A command may have ended the shell's `-e`, so that others may fail.
    lenient: bool,
}

#[derive(Clone, Debug)]
enum Line {
    /// It means the same in one line with others, separated by `;`.
    Plain {
        text: String,
        /// A shell with `-e` ends if it fails.
        shows_failure: bool,
        /// It ends with `&`.
        in_background: bool,
    },
    /// A text that must stand alone: several lines, comments, here-documents. `eval` holds it together, and shows its failure.
    /// `reads_status`: it may begin with a look at how the command before it failed.
    Text { text: String, reads_status: bool },
    /// One of several steps. `isolated`: in a subshell.
    Step { number: usize, lines: Vec<Line>, isolated: bool },
}

/// Where lines stand.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Dockerfile,
    File,
}

/// Longer ones travel as a file: the builder reads lines of 64 kB at most, the kernel takes arguments of 128 kB.
const MAX_INLINE: usize = 32 << 10;
/// Where that file is while it runs.
const FILE: &str = "/dev/f3s/run";

impl Body {
    /// The commands of a step that is a layer of its own.
    pub fn of_run(run: &Run) -> Body {
        let mut body = Body::default();
        body.setup(&run.env, run.workdir.as_deref());
        for command in &run.commands {
            body.entry(command);
        }
        body
    }

    /// What the options of a `run` ask for before its commands.
    pub fn setup(&mut self, env: &BTreeMap<String, String>, workdir: Option<&str>) {
        for (name, value) in env {
            self.command(&export(name, value));
        }
        if let Some(workdir) = workdir {
            self.command(&format!("cd {}", shell::quote(workdir)));
        }
    }

    /// A command of f3s itself.
    pub fn command(&mut self, command: &str) {
        if command.contains('\n') {
            self.lines.push(Line::Text { text: command.to_owned(), reads_status: false });
        } else {
            self.lines.push(Line::Plain { text: command.to_owned(), shows_failure: true, in_background: false });
        }
    }

    /// A command of a user: the next one runs only if it succeeds, whatever it is made of.
    pub fn entry(&mut self, command: &str) {
        self.piped |= command.replace("||", "").contains('|');
        // What cannot be read was refused where the recipe says it; here `eval` leaves it to the shell.
        let Ok(script) = Script::parse(command) else {
            self.lines.push(Line::Text { text: command.to_owned(), reads_status: false });
            return;
        };
        if script.is_empty {
            return;
        }
        let line = match stands_alone(&script.text) {
            true => {
                let reads_status = self.lenient && ["$?", "${?"].iter().any(|status| script.text.contains(status));
                Line::Text { text: script.text, reads_status }
            }
            false => Line::Plain {
                text: without_last_semicolon(script.text.trim()).to_owned(),
                shows_failure: script.shows_failure,
                in_background: script.ends_in_background,
            },
        };
        self.lines.push(line);
        self.lenient |= takes_back(command);
    }

    pub fn is_piped(&self) -> bool {
        self.piped
    }

    /// Takes part in the options of a script that it was cut from, where it may run pipes that do not stand in it.
    pub fn join_pipefail(&mut self, piped: bool) {
        let is_reading = |word: &str| matches!(word, "." | "source" | "eval");
        self.piped |= piped
            && self.lines.iter().any(|line| match line {
                Line::Plain { text, .. } | Line::Text { text, .. } => text.split(is_between_words).any(is_reading),
                Line::Step { .. } => false,
            });
    }

    /// The commands in one line.
    #[cfg(test)]
    pub fn line(&self) -> String {
        joined(&self.lines, Place::Dockerfile, ";", " ")
    }

    /// The commands of one of several steps, which says its number, counting within the group, before it begins.
    /// `isolated`: in a subshell.
    pub fn step(&mut self, number: usize, step: &Body, isolated: bool) {
        self.grouped = true;
        self.piped |= step.piped;
        self.lines.push(Line::Step { number, lines: step.lines.clone(), isolated });
    }

    /// The whole instruction. A long text becomes a file of the context.
    pub fn instruction(&self, flags: &[String], context: &mut ContextBuilder) -> String {
        let separator = if self.lines.len() > 1 { " \\\n    " } else { " " };
        let mut commands = format!("{separator}{}", joined(&self.lines, Place::Dockerfile, ";", separator));
        let mut flags = flags.to_vec();
        if commands.len() > MAX_INLINE {
            let source = context.script(&joined(&self.lines, Place::File, "", "\n"));
            flags.push(format!("--mount=type=bind,source={source},target={FILE}"));
            commands = format!(" . {FILE}");
        }
        let mut text = String::from("RUN ");
        for flag in flags {
            text.push_str(&flag);
            text.push_str(" \\\n    ");
        }
        text.push_str(if self.grouped { "set -eu; exec 2>&1;" } else { "set -eu;" });
        if self.piped {
            text.push_str(" (set -o pipefail) 2>/dev/null && set -o pipefail;");
        }
        text.push_str(&commands);
        text
    }
}

/// Lines with `end` and `space` behind all but the last.
fn joined(lines: &[Line], place: Place, end: &str, space: &str) -> String {
    let Some((last, before)) = lines.split_last() else { return ":".to_owned() };
    let mut text = String::new();
    for line in before {
        text.push_str(&line.write(place));
        match line {
            Line::Plain { in_background: true, .. } => {}
            Line::Plain { shows_failure: false, .. } => text.push_str(&format!("{}{end}", shell::FAIL_AGAIN)),
            Line::Plain { .. } | Line::Text { .. } | Line::Step { .. } => text.push_str(end),
        }
        text.push_str(space);
    }
    text.push_str(&last.write(place));
    text
}

impl Line {
    fn write(&self, place: Place) -> String {
        match self {
            Line::Plain { text, .. } => text.clone(),
            Line::Text { text, reads_status } => {
                let one = |text: &str| match place {
                    Place::File => evaluated(text),
                    Place::Dockerfile if *reads_status => keeping_status(text),
                    Place::Dockerfile => held_together(text),
                };
                // Busybox 1.32 ends for what fails where the text itself has taken `-e` back.
                match takes_back(text) {
                    true => format!("{}; (exit $f3s_ended)", one(&format!("{text}\nf3s_ended=$?"))),
                    false => one(text),
                }
            }
            Line::Step { number, lines, isolated } => {
                let (open, close) = if *isolated { ("(", ")") } else { ("", "") };
                format!("echo '{MARK}{number}'; {open}{}{close}", joined(lines, place, ";", " "))
            }
        }
    }
}

/// A text as one command of a Dockerfile's instruction, which is one line for the shell.
pub fn held_together(text: &str) -> String {
    if !text.contains('\n') {
        return evaluated(text);
    }
    let text = no_option(without_open_line(text));
    let lines = text.split('\n').map(|line| format!(" \\\n        {}", shell::always_quote(line)));
    format!("eval \"$(printf '%s\\n'{})\"", lines.collect::<String>())
}

/// For bash, `$(..)` would be the command before the text.
fn keeping_status(text: &str) -> String {
    let text = held_together(text);
    match text.strip_prefix("eval \"$(").and_then(|text| text.strip_suffix(")\"")) {
        Some(printing) => format!("eval \"$(f3s_ended=$?; {printing}; exit $f3s_ended)\""),
        None => text,
    }
}

/// `$(..)` drops the last line ends: a backslash in front of them would become a character of the last word.
fn without_open_line(text: &str) -> &str {
    let ended = text.trim_end_matches('\n');
    let backslashes = ended.len() - ended.trim_end_matches('\\').len();
    if backslashes % 2 == 1 && ended.len() < text.len() { &ended[..ended.len() - 1] } else { text }
}

fn evaluated(text: &str) -> String {
    format!("eval {}", shell::always_quote(&no_option(text)))
}

/// For bash, `eval` has options.
fn no_option(text: &str) -> Cow<'_, str> {
    if text.starts_with('-') { Cow::Owned(format!(" {text}")) } else { Cow::Borrowed(text) }
}

/// True for a text that may end the shell's `-e`.
fn takes_back(text: &str) -> bool {
    text.contains("set +")
}

/// What a step in a group says before it begins; the number follows.
pub const MARK: &str = "#f3s ";

pub fn export(name: &str, value: &str) -> String {
    format!("export {name}={}", shell::always_quote(value))
}

/// `a;` and another `;` would be a syntax error. `\;` is an argument, as of `find -exec`.
fn without_last_semicolon(command: &str) -> &str {
    let Some(before) = command.strip_suffix(';') else { return command };
    let escapes = before.len() - before.trim_end_matches('\\').len();
    if escapes % 2 == 1 { command } else { before.trim_end() }
}

/// True for a command that would mean something else within one line behind `;`, or for the builder's frontend: several
/// lines, comments, here-documents (newer ones would take them for their own), quotes that only some shells know.
fn stands_alone(command: &str) -> bool {
    command.contains('\n')
        || command.ends_with('\\')
        || has_comment(command)
        || command.contains("<<")
        || command.contains("$'")
}

fn is_between_words(c: char) -> bool {
    c.is_whitespace() || ";&|(){}`'\"".contains(c)
}

/// A `#` where a word could begin.
fn has_comment(command: &str) -> bool {
    let mut before = ' ';
    command.chars().any(|c| {
        let begins = c == '#' && (before.is_whitespace() || matches!(before, ';' | '&' | '|' | '(' | ')' | '`'));
        before = c;
        begins
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lower::{Context, ContextEntry};
    use crate::pattern::Patterns;
    use crate::world::Memory;

    fn lowered_with_files(commands: &[&str]) -> (String, Context) {
        let run = Run { commands: commands.iter().map(|c| (*c).to_owned()).collect(), ..Run::default() };
        let (world, ignored) = (Memory::new(), Patterns::default());
        let mut context = ContextBuilder::new(&world, &ignored);
        (Body::of_run(&run).instruction(&[], &mut context), context.finish())
    }

    fn lowered(commands: &[&str]) -> String {
        let (text, files) = lowered_with_files(commands);
        assert_eq!(files, Context::default());
        text
    }

    #[test]
    fn one_line_where_that_can_be() {
        for (commands, text) in [
            (&["a"][..], "RUN set -eu; a"),
            (&["a;", "b"], "RUN set -eu; \\\n    a; \\\n    b"),
            (&["a || b"], "RUN set -eu; a || b"),
            (&["find . -exec rm {} \\;", "b"], "RUN set -eu; \\\n    find . -exec rm {} \\;; \\\n    b"),
            (&["a | b"], "RUN set -eu; (set -o pipefail) 2>/dev/null && set -o pipefail; a | b"),
            (&["a &", "wait"], "RUN set -eu; \\\n    a & \\\n    wait"),
            (&["# why", "a"], "RUN set -eu; a"),
            (&["# why"], "RUN set -eu; :"),
        ] {
            assert_eq!(lowered(commands), text);
        }
    }

    #[test]
    fn how_a_command_ends_counts_whatever_it_is() {
        for (commands, text) in [
            (&["a && b", "c"][..], "RUN set -eu; \\\n    a && b; (exit $?); \\\n    c"),
            (&["a && b"], "RUN set -eu; a && b"),
            (&["! a", "b"], "RUN set -eu; \\\n    ! a; (exit $?); \\\n    b"),
            (&["a && b; c"], "RUN set -eu; a && b; (exit $?); c"),
        ] {
            assert_eq!(lowered(commands), text);
        }
    }

    #[test]
    fn only_a_semicolon_that_ends_a_command_goes() {
        for (command, kept) in [("a;", "a"), ("a ;", "a"), (r"a \;", r"a \;"), (r"a \\;", r"a \\")] {
            assert_eq!(without_last_semicolon(command), kept);
        }
    }

    #[test]
    fn what_must_stand_alone_is_a_word() {
        for (commands, text) in [
            (&["a\nb"][..], "RUN set -eu; eval \"$(printf '%s\\n' \\\n        'a' \\\n        'b')\""),
            (&["a # it's", "b"], "RUN set -eu; \\\n    eval 'a # it'\\''s'; \\\n    b"),
            (&["cat <<<x"], "RUN set -eu; eval 'cat <<<x'"),
        ] {
            assert_eq!(lowered(commands), text);
        }
    }

    #[test]
    fn a_text_sees_how_the_command_before_it_failed() {
        for (commands, text) in [
            (
                &["set +e", "a", "b $?\nc"][..],
                "RUN set -eu; \\\n    set +e; \\\n    a; \\\n    \
                 eval \"$(f3s_ended=$?; printf '%s\\n' \\\n        'b $?' \\\n        'c'; exit $f3s_ended)\"",
            ),
            (&["b $?\nc"], "RUN set -eu; eval \"$(printf '%s\\n' \\\n        'b $?' \\\n        'c')\""),
        ] {
            assert_eq!(lowered(commands), text);
        }
    }

    #[test]
    fn a_long_text_is_a_file() {
        let long = format!("cat <<X\n{}X", "it's a line\n".repeat(10_000));
        let (text, files) = lowered_with_files(&["a && b", &long]);
        let mount = "--mount=type=bind,source=.f3s/run/1/script,target=/dev/f3s/run";
        assert_eq!(text, format!("RUN {mount} \\\n    set -eu; . /dev/f3s/run"));
        let script = format!("a && b; (exit $?)\neval {}", shell::always_quote(&long));
        let entry = ContextEntry::Text { text: script, mode: 0o644 };
        assert_eq!(files.entries.get(".f3s/run/1/script"), Some(&entry));
    }
}
