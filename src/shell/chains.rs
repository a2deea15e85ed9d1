//! What chains of commands are made of: which commands ask a question, and how compound commands hold others.

use brush_parser::ast::{
    AndOr, AndOrList, Command, CommandPrefixOrSuffixItem, CompoundCommand, CompoundList, CompoundListItem, Pipeline,
    SimpleCommand,
};

/// The commands that `&&` joins behind the last `||`: the last one, and those that it waits for.
pub fn chain(list: &AndOrList) -> (Vec<&Pipeline>, &Pipeline) {
    let mut chain = vec![&list.first];
    for next in &list.additional {
        match next {
            AndOr::And(pipeline) => chain.push(pipeline),
            AndOr::Or(pipeline) => chain = vec![pipeline],
        }
    }
    let last = chain.pop().expect("it holds the last one");
    (chain, last)
}

/// The lists of which a compound command runs one or all, but for its conditions.
pub fn bodies(compound: &CompoundCommand) -> Vec<&CompoundList> {
    match compound {
        CompoundCommand::BraceGroup(group) => vec![&group.list],
        CompoundCommand::Subshell(subshell) => vec![&subshell.list],
        CompoundCommand::ForClause(clause) => vec![&clause.body.list],
        CompoundCommand::ArithmeticForClause(clause) => vec![&clause.body.list],
        CompoundCommand::WhileClause(clause) | CompoundCommand::UntilClause(clause) => vec![&clause.1.list],
        CompoundCommand::IfClause(clause) => {
            let elses = clause.elses.iter().flatten().map(|clause| &clause.body);
            [&clause.then].into_iter().chain(elses).collect()
        }
        CompoundCommand::CaseClause(clause) => clause.cases.iter().filter_map(|case| case.cmd.as_ref()).collect(),
        CompoundCommand::Arithmetic(_) | CompoundCommand::Coprocess(_) => Vec::new(),
    }
}

/// The lists that decide which of the others run.
pub fn conditions(compound: &CompoundCommand) -> Vec<&CompoundList> {
    match compound {
        CompoundCommand::WhileClause(clause) | CompoundCommand::UntilClause(clause) => vec![&clause.0],
        CompoundCommand::IfClause(clause) => {
            let elses = clause.elses.iter().flatten().filter_map(|clause| clause.condition.as_ref());
            [&clause.condition].into_iter().chain(elses).collect()
        }
        CompoundCommand::BraceGroup(_)
        | CompoundCommand::Subshell(_)
        | CompoundCommand::ForClause(_)
        | CompoundCommand::ArithmeticForClause(_)
        | CompoundCommand::CaseClause(_)
        | CompoundCommand::Arithmetic(_)
        | CompoundCommand::Coprocess(_) => Vec::new(),
    }
}

pub fn is_loop(compound: &CompoundCommand) -> bool {
    matches!(
        compound,
        CompoundCommand::ForClause(_)
            | CompoundCommand::ArithmeticForClause(_)
            | CompoundCommand::WhileClause(_)
            | CompoundCommand::UntilClause(_)
    )
}

/// True if the parser took `!` alone for a command.
pub fn lacks_command(list: &AndOrList) -> bool {
    let within = |list: &CompoundList| list.0.iter().any(|CompoundListItem(list, _)| lacks_command(list));
    let of_compound = |compound: &CompoundCommand| conditions(compound).into_iter().chain(bodies(compound)).any(within);
    list.iter().any(|(_, pipeline)| {
        pipeline.seq.is_empty() && pipeline.timed.is_none()
            || pipeline.seq.iter().any(|command| match command {
                Command::Compound(compound, _) => of_compound(compound),
                Command::Function(function) => of_compound(&function.body.0),
                Command::Simple(_) | Command::ExtendedTest(..) => false,
            })
    })
}

/// What asks a question, so that its failing is an answer.
pub fn is_test(pipeline: &Pipeline) -> bool {
    if pipeline.bang {
        return true;
    }
    let of_list = |list: &CompoundList| {
        list.0.iter().all(|CompoundListItem(list, _)| list.iter().all(|(_, pipeline)| is_test(pipeline)))
    };
    match pipeline.seq.last() {
        Some(Command::Simple(simple)) => is_question(simple),
        Some(Command::ExtendedTest(..) | Command::Compound(CompoundCommand::Arithmetic(_), _)) => true,
        Some(Command::Compound(CompoundCommand::BraceGroup(group), _)) => of_list(&group.list),
        Some(Command::Compound(CompoundCommand::Subshell(subshell), _)) => of_list(&subshell.list),
        Some(Command::Compound(..) | Command::Function(_)) | None => false,
    }
}

fn is_question(command: &SimpleCommand) -> bool {
    let Some(name) = &command.word_or_name else { return false };
    let mut options = command.suffix.iter().flat_map(|suffix| &suffix.0).filter_map(|item| match item {
        CommandPrefixOrSuffixItem::Word(word) => word.value.strip_prefix('-'),
        _ => None,
    });
    let mut has = |short: char, long: &[&str]| {
        options.any(|option| match option.strip_prefix('-') {
            Some(option) => long.contains(&option),
            None => option.contains(short),
        })
    };
    match name.value.as_str() {
        "[" | "test" | "type" | "which" => true,
        "grep" | "egrep" | "fgrep" => has('q', &["quiet", "silent"]),
        "cmp" => has('s', &["quiet", "silent"]),
        "command" => has('v', &[]),
        _ => false,
    }
}
