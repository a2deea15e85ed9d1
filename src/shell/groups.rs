//! Several commands in front of `&&`, where a shell holds `-e` back: which of them would only be seen by how the last one ends.

use brush_parser::ast::{
    Command, CommandPrefixOrSuffixItem, CompoundList, CompoundListItem, Pipeline, SeparatorOperator, SimpleCommand,
};

use super::chains::{bodies, is_loop};
use super::endings;

/// True where several commands run one after the other, be it in a group within the command, and may succeed as a whole though
/// one of them failed.
pub fn hides_failures(pipeline: &Pipeline) -> bool {
    let hides = |list: &CompoundList| {
        // How a job in the background ends is nobody's matter.
        let statements = list.0.iter().filter(|item| matches!(item.1, SeparatorOperator::Sequence));
        let pipelines = statements.clone().flat_map(|item| item.0.iter());
        let holds_several = statements.count() > 1;
        (holds_several || pipelines.into_iter().any(|(_, pipeline)| hides_failures(pipeline))) && !is_failure(list)
    };
    pipeline.seq.iter().any(|command| match command {
        Command::Compound(compound, _) => is_loop(compound) || bodies(compound).into_iter().any(hides),
        Command::Simple(_) | Command::ExtendedTest(..) | Command::Function(_) => false,
    })
}

/// True for commands that come to their last one, `exit 1`: whatever fails before, they fail.
fn is_failure(list: &CompoundList) -> bool {
    let Some((CompoundListItem(last, SeparatorOperator::Sequence), before)) = list.0.split_last() else { return false };
    let ([Command::Simple(command)], [], false) = (&*last.first.seq, &*last.additional, last.first.bang) else {
        return false;
    };
    let mut words = command.suffix.iter().flat_map(|suffix| &suffix.0).filter_map(|item| match item {
        CommandPrefixOrSuffixItem::Word(word) => Some(word.value.as_str()),
        _ => None,
    });
    let status = words.next().and_then(|status| status.parse::<u32>().ok());
    is_called(command, &["exit"])
        && status.is_some_and(|status| status % 256 != 0)
        && endings::of(before.iter()).is_none()
        && before.iter().all(goes_on)
}

/// True for simple commands of which none ends a loop around them.
fn goes_on(CompoundListItem(list, _): &CompoundListItem) -> bool {
    list.iter().flat_map(|(_, pipeline)| &pipeline.seq).all(|command| match command {
        Command::Simple(simple) => !is_called(simple, &["break", "continue"]),
        Command::Compound(..) | Command::Function(_) | Command::ExtendedTest(..) => false,
    })
}

fn is_called(command: &SimpleCommand, names: &[&str]) -> bool {
    command.word_or_name.as_ref().is_some_and(|name| names.contains(&name.value.as_str()))
}
