//! The grammar: lists of commands made of choices.

use std::rc::Rc;

use crate::cases::Choices;

use super::refusals::{holds_several, is_mixed};
use super::{Action, Command, Entries, Entry, Item, Joint, List, Part, Question, Statement};

/// Commands without structure. `$ROOT/log` tells what ran. Whether `-e` holds in `$(..)` is each shell's own matter, so that
/// what fails there is the last.
const SIMPLE: &[(&str, Action)] = &[
    ("echo one >>\"$ROOT/log\"", Action::Tell("one")),
    ("echo two >>\"$ROOT/log\"", Action::Tell("two")),
    ("echo \"status $?\" >>\"$ROOT/log\"", Action::TellStatus),
    ("echo 'a && b; # c' >>\"$ROOT/log\"", Action::Tell("a && b; # c")),
    ("echo \"x $(echo y; false) z\" >>\"$ROOT/log\"", Action::Tell("x y z")),
    ("true", Action::End(0)),
    ("true", Action::End(0)),
    ("false", Action::End(1)),
    ("(exit 3)", Action::End(3)),
    ("f", Action::Call),
    ("x=$(false)", Action::End(1)),
    ("touch \"$ROOT/file\"", Action::Touch),
    ("rm \"$ROOT/file\"", Action::Remove),
    ("eval 'false && true'", Action::End(1)),
    ("2>&1 echo three >>\"$ROOT/log\" 3>&1", Action::Tell("three")),
    TRUE,
];
const TRUE: (&str, Action) = ("true", Action::End(0));
const TESTS: &[(&str, Question)] = &[
    ("[ -e \"$ROOT/file\" ]", Question::IsThere),
    ("test -e /", Question::Answer(true)),
    ("[ -n \"\" ]", Question::Answer(false)),
    ("grep -q one \"$ROOT/log\"", Question::HasTold("one")),
    ("command -v none >/dev/null", Question::IsKnown),
    ("! false", Question::Answer(true)),
    ("! true", Question::Answer(false)),
    ("{ [ -e / ] && ! false; }", Question::Answer(true)),
];

/// Some commands for one `run`.
pub fn list(choices: &mut Choices) -> Entries {
    let mut grammar = Grammar { choices, names: 0, in_function: false };
    // What sets up the shell leaves a status of its own.
    let first = Part::of(Command::Simple(TRUE.0, TRUE.1));
    let mut entries = vec![Entry { list: Statement::Chain(vec![first]).alone(), end: "" }];
    entries.extend((0..=grammar.choices.below(4)).map(|_| grammar.entry()));
    Entries(entries)
}

struct Grammar<'c> {
    choices: &'c mut Choices,
    /// How many names were made.
    names: usize,
    in_function: bool,
}

impl Statement {
    fn alone(self) -> List {
        List(vec![Item { statement: self, separator: "" }])
    }
}

impl Part {
    fn of(command: Command) -> Part {
        Part { joined_by: Joint::And, is_negated: false, command }
    }
}

impl Grammar<'_> {
    fn entry(&mut self) -> Entry {
        if self.choices.once_in(12) {
            return Entry { list: List(Vec::new()), end: "" };
        }
        let list = if self.choices.once_in(3) { self.statements(2) } else { self.statement(2).alone() };
        let end = if self.choices.once_in(8) { [";", " # why"][self.choices.below(2)] } else { "" };
        Entry { list, end }
    }

    fn name(&mut self) -> String {
        self.names += 1;
        format!("v{}", self.names)
    }

    fn statements(&mut self, depth: usize) -> List {
        let count = 2 + self.choices.below(2);
        let item = |_| {
            let statement = self.statement(depth);
            Item { statement, separator: ["; ", "\n", " # it's && a comment\n"][self.choices.below(3)] }
        };
        List((0..count).map(item).collect())
    }

    /// What a compound command holds.
    fn body(&mut self, depth: usize) -> List {
        if self.choices.once_in(4) { self.statement(depth - 1).alone() } else { self.statements(depth - 1) }
    }

    fn statement(&mut self, depth: usize) -> Statement {
        let simple = |text, action| Statement::Chain(vec![Part::of(Command::Simple(text, action))]);
        match self.choices.below(20) {
            0 => simple("set +e", Action::Exits(false)),
            1 => simple("set -e", Action::Exits(true)),
            2 => simple("{ (exit 3) & wait; }", Action::End(0)),
            3 => {
                let before = std::mem::replace(&mut self.in_function, true);
                let body = self.statements(depth.saturating_sub(1));
                self.in_function = before;
                Statement::Function(Rc::new(body))
            }
            4 => Statement::Chain(vec![Part { is_negated: true, ..Part::of(self.command(depth)) }]),
            5 => self.joined(depth, &[Joint::And, Joint::Or]),
            6 => self.joined(depth, &[Joint::Or]),
            7 => self.joined(depth, &[Joint::Or, Joint::And]),
            8..=12 => self.chain(depth),
            _ => Statement::Chain(vec![Part::of(self.command(depth))]),
        }
    }

    /// Any commands, joined so.
    fn joined(&mut self, depth: usize, joints: &[Joint]) -> Statement {
        let mut parts = vec![Part::of(self.command(depth))];
        for (index, joint) in joints.iter().enumerate() {
            let is_front = joints.get(index + 1) == Some(&Joint::And);
            let command = if is_front { self.front(depth) } else { self.command(depth) };
            parts.push(Part { joined_by: *joint, ..Part::of(command) });
        }
        Statement::Chain(self.mostly_plain(parts))
    }

    /// Commands with `&&` between them; tests stand in front.
    fn chain(&mut self, depth: usize) -> Statement {
        let mut parts = Vec::new();
        for _ in 0..self.choices.below(3) {
            parts.push(self.test(depth));
        }
        for _ in 0..=self.choices.below(2) {
            parts.push(Part::of(self.front(depth)));
            if self.choices.once_in(40) {
                parts.push(self.test(depth));
            }
        }
        parts.push(Part { is_negated: self.choices.once_in(10), ..Part::of(self.command(depth)) });
        Statement::Chain(self.mostly_plain(parts))
    }

    fn test(&mut self, depth: usize) -> Part {
        if self.choices.once_in(8) {
            return Part { is_negated: true, ..Part::of(self.command(depth)) };
        }
        let (text, question) = *self.choices.one_of(TESTS);
        Part::of(Command::Test(text, question))
    }

    /// What stands in front of `&&`: now and then something that is refused there.
    fn front(&mut self, depth: usize) -> Command {
        let command = self.command(depth);
        if holds_several(&command) && !self.choices.once_in(40) { self.simple() } else { command }
    }

    /// Now and then a chain that is refused unless it is the last.
    fn mostly_plain(&mut self, mut parts: Vec<Part>) -> Vec<Part> {
        if is_mixed(&parts) && !self.choices.once_in(16) {
            let last = parts.pop().expect("a chain holds a command");
            let apart = Command::Subshell(Statement::Chain(vec![Part::of(last.command)]).alone());
            parts.push(Part { command: apart, ..last });
        }
        parts
    }

    fn command(&mut self, depth: usize) -> Command {
        if depth == 0 {
            return self.simple();
        }
        let separator = ["; ", "\n"][self.choices.below(2)];
        match self.choices.below(16) {
            0 => Command::Group(self.body(depth), separator),
            1 => Command::Subshell(self.body(depth)),
            2 => {
                let (condition, then) = (Box::new(self.condition()), self.body(depth));
                Command::If { condition, then, otherwise: None, separator }
            }
            3 => {
                let (condition, then) = (Box::new(self.condition()), self.body(depth));
                Command::If { condition, then, otherwise: Some(self.body(depth)), separator }
            }
            4 => Command::For { variable: self.name(), body: self.body(depth), separator },
            5 => Command::While { variable: self.name(), body: self.body(depth), separator },
            6 => Command::Case { never: Box::new(self.simple()), body: self.body(depth), separator },
            7 => Command::Piped(self.body(depth), separator),
            8 => Command::Reading(self.body(depth), separator),
            9 => Command::Document { delimiter: self.name(), is_quoted: self.choices.once_in(2) },
            _ => self.simple(),
        }
    }

    fn simple(&mut self) -> Command {
        let (text, action) = *self.choices.one_of(SIMPLE);
        // It would call itself for ever.
        let is_endless = self.in_function && matches!(action, Action::Call);
        let (text, action) = if is_endless { TRUE } else { (text, action) };
        Command::Simple(text, action)
    }

    fn condition(&mut self) -> Statement {
        let (text, question) = *self.choices.one_of(TESTS);
        let mut parts = vec![Part::of(Command::Test(text, question))];
        if self.choices.once_in(2) {
            parts.push(Part::of(self.simple()));
        }
        Statement::Chain(parts)
    }
}
