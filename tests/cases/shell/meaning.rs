//! What the commands do: the rule, carried out.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use super::refusals::is_refused;
use super::{Action, Command, Entries, Joint, List, Part, Question, Statement, is_test};

#[derive(Clone, Debug, PartialEq)]
pub enum Meaning {
    /// f3s says that a command could fail unseen.
    Refused,
    /// Shells do not agree on it, and f3s leaves it to them: `set -e` within a condition, where the shell around it has none,
    /// as in `set +e; ! ( set -e; false; true )`: bash heeds it there.
    Unsaid,
    Ran {
        succeeds: bool,
        log: String,
    },
}

/// In what the shells differ that the cases can see.
pub struct Dialect {
    pub knows_pipefail: bool,
    /// How `command -v` ends for what is not there.
    pub unknown: i32,
}

/// What is outside of the shell.
#[derive(Default)]
struct World {
    log: String,
    has_file: bool,
    is_unsaid: bool,
}

#[derive(Clone)]
struct Shell<'w> {
    world: &'w RefCell<World>,
    dialect: &'w Dialect,
    /// `set -e`
    exits: bool,
    /// `$?`
    status: i32,
    function: Option<Rc<List>>,
    lengths: BTreeMap<String, usize>,
}

#[derive(Clone, Copy)]
struct Ended {
    status: i32,
    /// It failed as a test in front of `&&` says no.
    is_answer: bool,
}

/// The status with which a shell ends.
struct Exit(i32);

impl From<i32> for Ended {
    fn from(status: i32) -> Ended {
        Ended { status, is_answer: false }
    }
}

/// Of one `run`, or of several, one after the other, each in a shell of its own.
pub fn meaning(all: &[&Entries], dialect: &Dialect) -> Meaning {
    if all.iter().any(|entries| is_refused(entries)) {
        return Meaning::Refused;
    }
    let world = RefCell::default();
    let succeeds = all.iter().all(|entries| {
        let (exits, status, function) = (true, 0, None);
        let mut shell = Shell { world: &world, dialect, exits, status, function, lengths: BTreeMap::new() };
        shell.entries(entries) == 0
    });
    let World { log, is_unsaid, .. } = world.into_inner();
    if is_unsaid { Meaning::Unsaid } else { Meaning::Ran { succeeds, log } }
}

impl Shell<'_> {
    /// Every entry is a command whose status counts.
    fn entries(&mut self, entries: &Entries) -> i32 {
        for entry in &entries.0 {
            match self.list(&entry.list, false) {
                Err(Exit(status)) => return status,
                Ok(_) if self.status != 0 && self.exits => return self.status,
                Ok(_) => {}
            }
        }
        self.status
    }

    /// `is_held`: in a condition, where failures end nothing.
    fn list(&mut self, list: &List, is_held: bool) -> Result<Ended, Exit> {
        let mut ended = Ended::from(self.status);
        for item in &list.0 {
            ended = match &item.statement {
                Statement::Function(body) => {
                    self.function = Some(body.clone());
                    0.into()
                }
                Statement::Chain(parts) => self.chain(parts, is_held)?,
            };
            self.status = ended.status;
            if ended.status != 0 && !ended.is_answer && self.exits && !is_held {
                return Err(Exit(ended.status));
            }
        }
        Ok(ended)
    }

    fn chain(&mut self, parts: &[Part], is_held: bool) -> Result<Ended, Exit> {
        let mut ended = Ended::from(0);
        for (index, part) in parts.iter().enumerate() {
            let runs = index == 0 || (part.joined_by == Joint::And) == (ended.status == 0);
            if !runs {
                continue;
            }
            let is_last = index + 1 == parts.len();
            ended = self.command(&part.command, is_held || !is_last || part.is_negated)?;
            if part.is_negated {
                ended = i32::from(ended.status == 0).into();
            }
            if !is_last {
                ended.is_answer = is_test(part);
            }
            self.status = ended.status;
        }
        Ok(ended)
    }

    fn command(&mut self, command: &Command, is_held: bool) -> Result<Ended, Exit> {
        match command {
            Command::Simple(_, action) => Ok(self.act(*action, is_held)?.into()),
            Command::Test(_, question) => Ok(self.ask(*question).into()),
            Command::Document { is_quoted, .. } => {
                self.tell(if *is_quoted { "it's && $((1 + 1)) \\ # <<x" } else { "it's && 2 \\ # <<x" });
                Ok(0.into())
            }
            Command::Group(list, _) => self.list(list, is_held),
            Command::Subshell(list) => Ok(self.apart(list, is_held).into()),
            Command::If { condition, then, otherwise, .. } => {
                let Statement::Chain(parts) = &**condition else { unreachable!("a condition is a chain") };
                let holds = self.chain(parts, true)?.status == 0;
                match otherwise {
                    _ if holds => self.list(then, is_held),
                    Some(otherwise) => self.list(otherwise, is_held),
                    None => Ok(0.into()),
                }
            }
            Command::For { body, .. } => {
                self.list(body, is_held)?;
                self.list(body, is_held)
            }
            Command::While { variable, body, .. } => {
                let mut ended = Ended::from(0);
                while self.lengths.get(variable) != Some(&2) {
                    *self.lengths.entry(variable.clone()).or_default() += 1;
                    self.status = 0;
                    ended = self.list(body, is_held)?;
                }
                Ok(ended)
            }
            Command::Case { body, .. } => self.list(body, is_held),
            Command::Piped(body, _) => {
                let status = self.apart(body, is_held);
                Ok(if self.dialect.knows_pipefail { status } else { 0 }.into())
            }
            Command::Reading(body, _) => {
                self.tell("piped");
                let mut reading = self.clone();
                reading.status = 0;
                Ok(reading.apart(body, is_held).into())
            }
        }
    }

    /// In a shell of its own.
    fn apart(&self, list: &List, is_held: bool) -> i32 {
        match self.clone().list(list, is_held) {
            Ok(Ended { status, .. }) | Err(Exit(status)) => status,
        }
    }

    fn act(&mut self, action: Action, is_held: bool) -> Result<i32, Exit> {
        match action {
            Action::Tell(text) => self.tell(text),
            Action::TellStatus => self.tell(&format!("status {}", self.status)),
            Action::End(status) => return Ok(status),
            Action::Call => {
                let Some(body) = self.function.clone() else { return Ok(127) };
                return Ok(self.list(&body, is_held)?.status);
            }
            Action::Touch => self.world.borrow_mut().has_file = true,
            Action::Remove => {
                let had_file = std::mem::take(&mut self.world.borrow_mut().has_file);
                return Ok(i32::from(!had_file));
            }
            Action::Exits(exits) => {
                self.world.borrow_mut().is_unsaid |= is_held && exits && !self.exits;
                self.exits = exits;
            }
        }
        Ok(0)
    }

    fn ask(&self, question: Question) -> i32 {
        let world = self.world.borrow();
        let holds = match question {
            Question::Answer(answer) => answer,
            Question::IsThere => world.has_file,
            Question::HasTold(text) => world.log.contains(text),
            Question::IsKnown => return self.dialect.unknown,
        };
        i32::from(!holds)
    }

    fn tell(&self, text: &str) {
        let log = &mut self.world.borrow_mut().log;
        log.push_str(text);
        log.push('\n');
    }
}
