//! The shell text of a `RUN`: one line where that can be, else a script in the exec form.

use std::collections::BTreeMap;

use super::quote;
use crate::recipe::Run;
use crate::shell;

/// The lines of a `RUN`, each one command or the commands of one step.
#[derive(Clone, Debug, Default)]
pub struct Body {
    lines: Vec<String>,
    /// Several steps: what they write to standard error joins standard output, so that all comes in order.
    grouped: bool,
    /// Some command cannot stand in one logical line.
    multiline: bool,
    piped: bool,
}

impl Body {
    /// The commands of a step that is a layer of its own.
    pub fn of_run(run: &Run) -> Body {
        let mut body = Body::default();
        body.setup(&run.env, run.workdir.as_deref());
        for command in &run.commands {
            body.command(command);
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

    pub fn command(&mut self, command: &str) {
        let command = without_last_semicolon(command.trim());
        if command.is_empty() {
            return;
        }
        self.multiline |= needs_lines(command);
        self.piped |= command.replace("||", "").contains('|');
        self.lines.push(command.to_owned());
    }

    pub fn is_piped(&self) -> bool {
        self.piped
    }

    /// Takes part in the options of a script that it was cut from, where it may run pipes that do not stand in it.
    pub fn join_pipefail(&mut self, piped: bool) {
        let reads = |line: &String| line.split(is_between_words).any(|word| matches!(word, "." | "source" | "eval"));
        self.piped |= piped && self.lines.iter().any(reads);
    }

    /// The commands in one line.
    pub fn line(&self) -> String {
        self.lines.join("; ")
    }

    /// The commands of one of several steps, which says its number, counting within the group, before it begins. `isolated`: in a subshell.
    pub fn step(&mut self, number: usize, step: &Body, isolated: bool) {
        self.grouped = true;
        self.multiline |= step.multiline;
        self.piped |= step.piped;
        let separator = if step.multiline { "\n" } else { "; " };
        let commands = step.lines.join(separator);
        let commands = match (isolated, step.multiline) {
            (false, _) => commands,
            (true, false) => format!("({commands})"),
            (true, true) => format!("(\n{commands}\n)"),
        };
        self.lines.push(format!("echo '{MARK}{number}'{separator}{commands}"));
    }

    /// The whole instruction.
    pub fn instruction(&self, flags: &[String], interpreter: &[String]) -> String {
        let mut text = String::from("RUN ");
        for flag in flags {
            text.push_str(flag);
            text.push_str(" \\\n    ");
        }
        let pipefail = "(set -o pipefail) 2>/dev/null && set -o pipefail";
        if self.multiline {
            let joined = if self.grouped { "exec 2>&1\n" } else { "" };
            let first =
                if self.piped { format!("set -eu\n{joined}{pipefail}\n") } else { format!("set -eu\n{joined}") };
            let words: Vec<String> =
                interpreter.iter().cloned().chain([format!("{first}{}", self.lines.join("\n"))]).collect();
            text.push_str(&quote::json(&words));
            return text;
        }
        text.push_str(if self.grouped { "set -eu; exec 2>&1;" } else { "set -eu;" });
        if self.piped {
            text.push_str(&format!(" {pipefail};"));
        }
        match self.lines.as_slice() {
            [line] => text.push_str(&format!(" {line}")),
            lines => text.push_str(&lines.iter().map(|line| format!(" \\\n    {line}")).collect::<Vec<_>>().join(";")),
        }
        text
    }
}

/// What a step in a group says before it begins; the number follows.
pub const MARK: &str = "#f3s ";

pub fn export(name: &str, value: &str) -> String {
    format!("export {name}={}", shell::always_quote(value))
}

/// `a;` and another `;` would be a syntax error. `\;` is an argument, as of `find -exec`, and `;;` ends a case.
fn without_last_semicolon(command: &str) -> &str {
    let Some(before) = command.strip_suffix(';').filter(|before| !before.ends_with(';')) else { return command };
    let escapes = before.len() - before.trim_end_matches('\\').len();
    if escapes % 2 == 1 { command } else { before.trim_end() }
}

/// True for a command that would mean something else within one line behind `;`: several lines, comments,
/// here-documents (which newer Dockerfile frontends would take for their own), background jobs.
fn needs_lines(command: &str) -> bool {
    command.contains('\n')
        || command.ends_with('\\')
        || has_comment(command)
        || command.contains("<<")
        || command.ends_with('&')
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

    fn lowered(commands: &[&str]) -> String {
        let run = Run { commands: commands.iter().map(|c| (*c).to_owned()).collect(), ..Run::default() };
        Body::of_run(&run).instruction(&[], &["/bin/sh".to_owned(), "-c".to_owned()])
    }

    #[test]
    fn one_line_where_that_can_be() {
        assert_eq!(lowered(&["a"]), "RUN set -eu; a");
        assert_eq!(lowered(&["a;", "b"]), "RUN set -eu; \\\n    a; \\\n    b");
        assert_eq!(lowered(&["a || b"]), "RUN set -eu; a || b");
        assert_eq!(lowered(&["find . -exec rm {} \\;", "b"]), "RUN set -eu; \\\n    find . -exec rm {} \\;; \\\n    b");
        assert_eq!(lowered(&["a | b"]), "RUN set -eu; (set -o pipefail) 2>/dev/null && set -o pipefail; a | b");
    }

    #[test]
    fn only_a_semicolon_that_ends_a_command_goes() {
        for (command, kept) in
            [("a;", "a"), ("a ;", "a"), (r"a \;", r"a \;"), (r"a \\;", r"a \\"), ("a) b;;", "a) b;;")]
        {
            assert_eq!(without_last_semicolon(command), kept);
        }
    }

    #[test]
    fn a_script_where_it_cannot() {
        assert_eq!(lowered(&["a\nb"]), r#"RUN ["/bin/sh","-c","set -eu\na\nb"]"#);
        assert_eq!(lowered(&["a # why", "b"]), r#"RUN ["/bin/sh","-c","set -eu\na # why\nb"]"#);
        assert_eq!(lowered(&["a;# why", "b"]), r##"RUN ["/bin/sh","-c","set -eu\na;# why\nb"]"##);
        assert_eq!(lowered(&["cat <<EOF"]), r#"RUN ["/bin/sh","-c","set -eu\ncat <<EOF"]"#);
        assert_eq!(lowered(&["a &", "wait"]), r#"RUN ["/bin/sh","-c","set -eu\na &\nwait"]"#);
    }
}
