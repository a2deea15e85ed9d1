//! What the rule refuses: where a failure could not be told from a test's answer, or not be seen.

use super::{Command, Entries, List, Part, Statement, is_test, split};

/// Who learns how a statement ends: nobody, unless the shell ends; who runs the list; the shell, as a condition.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Amid,
    Last,
    Condition,
}

pub fn is_refused(entries: &Entries) -> bool {
    entries.0.iter().any(|entry| in_list(&entry.list, Place::Last))
}

fn in_list(list: &List, place: Place) -> bool {
    let count = list.0.len();
    list.0.iter().enumerate().any(|(index, item)| {
        let place = if place == Place::Last && index + 1 < count { Place::Amid } else { place };
        match &item.statement {
            Statement::Function(body) => in_list(body, Place::Last),
            Statement::Chain(parts) => in_chain(parts, place),
        }
    })
}

fn in_chain(parts: &[Part], place: Place) -> bool {
    let (front, _) = split(parts);
    let is_hidden = front.iter().any(|part| !is_test(part) && holds_several(&part.command));
    if place != Place::Condition && is_hidden || place == Place::Amid && is_mixed(parts) {
        return true;
    }
    parts.iter().enumerate().any(|(index, part)| {
        let is_condition = index + 1 < parts.len() || part.is_negated;
        in_command(&part.command, if is_condition { Place::Condition } else { place })
    })
}

fn in_command(command: &Command, place: Place) -> bool {
    if let Command::If { condition, .. } = command
        && let Statement::Chain(parts) = &**condition
        && in_chain(parts, Place::Condition)
    {
        return true;
    }
    let within = match command {
        _ if place == Place::Condition => place,
        Command::Subshell(_) | Command::Piped(..) => Place::Last,
        Command::For { .. } | Command::While { .. } | Command::Reading(..) => Place::Amid,
        Command::Group(..) | Command::If { .. } | Command::Case { .. } => place,
        Command::Simple(..) | Command::Test(..) | Command::Document { .. } => place,
    };
    command.bodies().into_iter().any(|list| in_list(list, within))
}

/// Behind a command that must succeed a test may say no.
pub fn is_mixed(parts: &[Part]) -> bool {
    let (front, last) = split(parts);
    let tests = front.iter().take_while(|part| is_test(part)).count();
    let must_succeed = &front[tests..];
    if must_succeed.is_empty() {
        return false;
    }
    must_succeed.iter().any(is_test) || must_succeed.iter().chain([last]).any(answers)
}

/// It may end as a test within it says.
fn answers(part: &Part) -> bool {
    let ends_so = |list: &List| match list.0.last().map(|item| &item.statement) {
        Some(Statement::Chain(parts)) => match split(parts) {
            ([], last) => answers(last),
            ([first, ..], _) => is_test(first),
        },
        Some(Statement::Function(_)) | None => false,
    };
    // A subshell and a pipe are commands of their own.
    let is_apart = matches!(part.command, Command::Subshell(_) | Command::Piped(..) | Command::Reading(..));
    !part.is_negated && !is_apart && part.command.bodies().into_iter().any(ends_so)
}

/// Several commands run within it, one after the other.
pub fn holds_several(command: &Command) -> bool {
    let is_one = |list: &List| match list.0.as_slice() {
        [item] => match &item.statement {
            Statement::Chain(parts) => !parts.iter().any(|part| holds_several(&part.command)),
            Statement::Function(_) => true,
        },
        _ => false,
    };
    let is_loop = matches!(command, Command::For { .. } | Command::While { .. } | Command::Reading(..));
    is_loop || !command.bodies().into_iter().all(is_one)
}
