//! Shell texts made from a grammar, and what they do by the rule that the documentation of `run` gives: no shell is asked.

mod grammar;
mod meaning;
mod refusals;
mod writing;

use std::rc::Rc;

pub use grammar::list;
pub use meaning::{Dialect, Meaning, meaning};

/// Some commands for one `run`.
#[derive(Clone, Debug)]
pub struct Entries(Vec<Entry>);

#[derive(Clone, Debug)]
pub struct Entry {
    /// Empty for a comment.
    list: List,
    end: &'static str,
}

#[derive(Clone, Debug)]
struct List(Vec<Item>);

#[derive(Clone, Debug)]
struct Item {
    statement: Statement,
    /// What stands behind it, unless it is the last.
    separator: &'static str,
}

#[derive(Clone, Debug)]
enum Statement {
    Chain(Vec<Part>),
    /// `f`
    Function(Rc<List>),
}

#[derive(Clone, Debug)]
struct Part {
    /// Of the first it says nothing.
    joined_by: Joint,
    is_negated: bool,
    command: Command,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Joint {
    And,
    Or,
}

#[derive(Clone, Debug)]
enum Command {
    Simple(&'static str, Action),
    Test(&'static str, Question),
    Document {
        delimiter: String,
        is_quoted: bool,
    },
    Group(List, &'static str),
    Subshell(List),
    If {
        condition: Box<Statement>,
        then: List,
        otherwise: Option<List>,
        separator: &'static str,
    },
    For {
        variable: String,
        body: List,
        separator: &'static str,
    },
    /// Until its variable holds two letters, which it does from then on.
    While {
        variable: String,
        body: List,
        separator: &'static str,
    },
    /// The second case is what runs.
    Case {
        never: Box<Command>,
        body: List,
        separator: &'static str,
    },
    /// `{ .. } | cat`
    Piped(List, &'static str),
    /// `echo piped | while read -r line; do .. done`
    Reading(List, &'static str),
}

#[derive(Clone, Copy, Debug)]
enum Action {
    Tell(&'static str),
    TellStatus,
    End(i32),
    Call,
    Touch,
    Remove,
    /// `set -e`, `set +e`
    Exits(bool),
}

#[derive(Clone, Copy, Debug)]
enum Question {
    Answer(bool),
    IsThere,
    HasTold(&'static str),
    /// A command that nobody has.
    IsKnown,
}

impl Command {
    /// The lists that it runs, but for its condition.
    fn bodies(&self) -> Vec<&List> {
        match self {
            Command::Simple(..) | Command::Test(..) | Command::Document { .. } => Vec::new(),
            Command::Group(body, _)
            | Command::Subshell(body)
            | Command::For { body, .. }
            | Command::While { body, .. }
            | Command::Case { body, .. }
            | Command::Piped(body, _)
            | Command::Reading(body, _) => vec![body],
            Command::If { then, otherwise, .. } => [then].into_iter().chain(otherwise).collect(),
        }
    }
}

/// Those that `&&` joins behind the last `||`: the last one, and those in front of it.
fn split(parts: &[Part]) -> (&[Part], &Part) {
    let begin = parts.iter().skip(1).rposition(|part| part.joined_by == Joint::Or).map_or(0, |at| at + 1);
    let (last, front) = parts[begin..].split_last().expect("a chain holds a command");
    (front, last)
}

/// The rule: tests are commands that ask, what stands behind `!`, and groups of nothing else.
fn is_test(part: &Part) -> bool {
    let of_list = |list: &List| {
        list.0.iter().all(|item| match &item.statement {
            Statement::Chain(parts) => parts.iter().all(is_test),
            Statement::Function(_) => false,
        })
    };
    part.is_negated
        || match &part.command {
            Command::Test(..) => true,
            Command::Group(list, _) | Command::Subshell(list) => of_list(list),
            Command::Simple(..)
            | Command::Document { .. }
            | Command::If { .. }
            | Command::For { .. }
            | Command::While { .. }
            | Command::Case { .. }
            | Command::Piped(..)
            | Command::Reading(..) => false,
        }
}
