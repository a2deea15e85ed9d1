//! Shell texts made from a grammar, each in two forms: as a recipe says it, and spelled out as the rule means it.

use crate::cases::Choices;

/// A text, and what it means: every failure that counts is looked at by itself.
#[derive(Clone, Debug)]
pub struct Text {
    pub text: String,
    pub meaning: String,
}

/// Some commands for one `run`.
pub fn list(choices: &mut Choices) -> Vec<Text> {
    let mut grammar = Grammar { choices, documents: Vec::new(), names: 0, in_function: false };
    // What sets up the shell leaves a status of its own.
    let mut list = vec![Text::of("true")];
    list.extend((0..=grammar.choices.below(4)).map(|_| grammar.entry()));
    list
}

/// What commands that run one after the other in one shell mean, up to the first whose status is not 0.
pub fn meaning(list: &[Text]) -> String {
    let piped = list.iter().any(|entry| entry.text.replace("||", "").contains('|'));
    let pipefail = if piped { "(set -o pipefail) 2>/dev/null && set -o pipefail\n" } else { "" };
    let look = "ended=$?; if [ $ended != 0 ]; then (exit $ended); fi";
    let entries: String = list.iter().map(|entry| format!("{}\n{look}\n", entry.meaning)).collect();
    format!("set -eu\n{pipefail}{entries}")
}

struct Grammar<'c> {
    choices: &'c mut Choices,
    /// Where they begin stands their number between two of `MARK`.
    documents: Vec<String>,
    /// How many names were made.
    names: usize,
    in_function: bool,
}

const MARK: char = '\u{1}';

/// Commands without structure. `$ROOT/log` tells what ran.
const SIMPLE: &[&str] = &[
    "echo one >>\"$ROOT/log\"",
    "echo two >>\"$ROOT/log\"",
    "echo \"status $?\" >>\"$ROOT/log\"",
    "echo 'a && b; # c' >>\"$ROOT/log\"",
    "echo \"x $(false; echo y) z\" >>\"$ROOT/log\"",
    "true",
    "true",
    "false",
    "(exit 3)",
    "f",
    "x=$(false)",
    "touch \"$ROOT/file\"",
    "rm \"$ROOT/file\"",
    "eval 'false && true'",
    "2>&1 echo three >>\"$ROOT/log\" 3>&1",
];
const TESTS: &[&str] = &[
    "[ -e \"$ROOT/file\" ]",
    "test -e /",
    "[ -n \"\" ]",
    "grep -q one \"$ROOT/log\"",
    "command -v none >/dev/null",
    "! false",
    "! true",
    "{ [ -e / ] && ! false; }",
];

impl Text {
    fn of(text: &str) -> Text {
        Text { text: text.to_owned(), meaning: text.to_owned() }
    }

    /// Both forms, with others in place of `@`.
    fn around(pattern: &str, inner: &[&Text]) -> Text {
        let with = |form: fn(&Text) -> &String| {
            let mut inner = inner.iter();
            let parts = pattern.split('@').enumerate();
            parts
                .map(|(at, part)| if at == 0 { part.to_owned() } else { form(inner.next().unwrap()).clone() + part })
                .collect()
        };
        Text { text: with(|one| &one.text), meaning: with(|one| &one.meaning) }
    }
}

impl Grammar<'_> {
    fn entry(&mut self) -> Text {
        if self.choices.once_in(12) {
            // `$?` stays what it was.
            return Text { text: "# nothing".to_owned(), meaning: String::new() };
        }
        self.documents.clear();
        let statements = if self.choices.once_in(3) { self.statements(2) } else { self.statement(2) };
        let end = if self.choices.once_in(8) { [";", " # why"][self.choices.below(2)] } else { "" };
        let documents = |text: &str| {
            let (mut written, mut waiting, mut number) = (String::new(), Vec::new(), None::<String>);
            for c in text.chars() {
                match (c, &mut number) {
                    (MARK, None) => number = Some(String::new()),
                    (MARK, Some(digits)) => {
                        waiting.push(digits.parse::<usize>().unwrap());
                        number = None;
                    }
                    (c, Some(digits)) => digits.push(c),
                    (c, None) => written.push(c),
                }
                if c == '\n' {
                    waiting.drain(..).for_each(|number| written.push_str(&self.documents[number]));
                }
            }
            if !waiting.is_empty() {
                written.push('\n');
                waiting.drain(..).for_each(|number| written.push_str(&self.documents[number]));
            }
            written
        };
        Text { text: documents(&format!("{}{end}", statements.text)), meaning: documents(&statements.meaning) }
    }

    fn name(&mut self) -> String {
        self.names += 1;
        format!("v{}", self.names)
    }

    fn statements(&mut self, depth: usize) -> Text {
        let mut all = self.statement(depth);
        for _ in 0..=self.choices.below(2) {
            let next = self.statement(depth);
            let separator = ["; ", "\n", " # it's && a comment\n"][self.choices.below(3)];
            all = Text::around(&format!("@{separator}@"), &[&all, &next]);
        }
        all
    }

    fn statement(&mut self, depth: usize) -> Text {
        match self.choices.below(20) {
            0 => Text::of("set +e"),
            1 => Text::of("set -e"),
            2 => Text::of("{ (exit 3) & wait; }"),
            3 => {
                let before = std::mem::replace(&mut self.in_function, true);
                let body = self.statements(depth.saturating_sub(1));
                self.in_function = before;
                Text::around("f() { @\n}", &[&body])
            }
            4 => {
                let command = self.command(depth);
                let meaning = format!("if {}; then (exit 1); else :; fi", command.meaning);
                Text { text: format!("! {}", command.text), meaning }
            }
            5 => {
                let (one, other, third) = (self.command(depth), self.command(depth), self.command(depth));
                Text::around("@ && @ || @", &[&one, &other, &third])
            }
            6 => {
                let (one, other) = (self.command(depth), self.command(depth));
                Text::around("@ || @", &[&one, &other])
            }
            7 => {
                let (one, other, third) = (self.command(depth), self.condition_of(depth), self.command(depth));
                let text = format!("{} || {} && {}", one.text, other.text, third.text);
                let either = format!("{{ {} || {}\n}}", one.meaning, other.meaning);
                Text { text, meaning: self.first_or_end(&either, false, &third.meaning) }
            }
            8..=12 => self.chain(depth),
            _ => self.command(depth),
        }
    }

    /// Commands with `&&` between them; tests stand in front.
    fn chain(&mut self, depth: usize) -> Text {
        let mut chain = self.command(depth);
        for _ in 0..=self.choices.below(2) {
            let first = self.condition_of(depth);
            let meaning = self.first_or_end(&first.meaning, false, &chain.meaning);
            chain = Text { text: format!("{} && {}", first.text, chain.text), meaning };
        }
        for _ in 0..self.choices.below(3) {
            let test = *self.choices.one_of(TESTS);
            let meaning = self.first_or_end(test, true, &chain.meaning);
            chain = Text { text: format!("{test} && {}", chain.text), meaning };
        }
        chain
    }

    /// What stands in front of `&&`, where groups are refused that hold several statements.
    fn condition_of(&mut self, depth: usize) -> Text {
        let command = self.command(depth);
        match command.text.starts_with("{ ") || command.text.starts_with("( ") {
            true => self.simple(),
            false => command,
        }
    }

    /// The rule: one that fails ends the shell, but for a test; else the rest runs.
    fn first_or_end(&mut self, first: &str, is_test: bool, rest: &str) -> String {
        let status = self.name();
        let unseen = if is_test { " && :" } else { "" };
        format!(
            "{first} && {status}=0 || {status}=$?; if [ ${status} != 0 ]; then (exit ${status}){unseen}; else :; {rest}\nfi"
        )
    }

    fn command(&mut self, depth: usize) -> Text {
        if depth == 0 {
            return self.simple();
        }
        let separator = ["; ", "\n"][self.choices.below(2)];
        match self.choices.below(16) {
            0 => Text::around(&format!("{{ @{separator}}}"), &[&self.statements(depth - 1)]),
            1 => Text::around("( @\n)", &[&self.statements(depth - 1)]),
            2 => {
                let (condition, then) = (self.condition(), self.statements(depth - 1));
                Text::around(&format!("if @; then @{separator}fi"), &[&condition, &then])
            }
            3 => {
                let (condition, then, other) =
                    (self.condition(), self.statements(depth - 1), self.statements(depth - 1));
                Text::around(&format!("if @; then @{separator}else @{separator}fi"), &[&condition, &then, &other])
            }
            4 => {
                let name = self.name();
                Text::around(&format!("for {name} in 1 2; do @{separator}done"), &[&self.statements(depth - 1)])
            }
            5 => {
                let name = self.name();
                let condition = format!("while [ \"${{{name}:-}}\" != xx ]; do {name}=x${{{name}:-}}; ");
                Text::around(&format!("{condition}@{separator}done"), &[&self.statements(depth - 1)])
            }
            6 => {
                let (one, other) = (self.simple(), self.statements(depth - 1));
                Text::around(&format!("case a in b) @;; (*) @{separator}esac"), &[&one, &other])
            }
            7 => Text::around(&format!("{{ @{separator}}} | cat >>\"$ROOT/log\""), &[&self.statements(depth - 1)]),
            8 => {
                let read = "echo piped | while read -r line; do echo \"$line\" >>\"$ROOT/log\"; ";
                Text::around(&format!("{read}@{separator}done"), &[&self.statements(depth - 1)])
            }
            9 => {
                let (end, number) = (self.name(), self.documents.len());
                let quoted = if self.choices.once_in(2) { format!("'{end}'") } else { end.clone() };
                self.documents.push(format!("it's && $((1 + 1)) \\ # <<x\n{end}\n"));
                Text::of(&format!("cat <<{quoted}{MARK}{number}{MARK} >>\"$ROOT/log\""))
            }
            _ => self.simple(),
        }
    }

    fn simple(&mut self) -> Text {
        let simple = *self.choices.one_of(SIMPLE);
        // It would call itself for ever.
        Text::of(if simple == "f" && self.in_function { "true" } else { simple })
    }

    /// Where nothing counts as a failure.
    fn condition(&mut self) -> Text {
        let test = *self.choices.one_of(TESTS);
        let test = Text::of(test);
        if self.choices.once_in(2) { Text::around("@ && @", &[&test, &self.simple()]) } else { test }
    }
}
