//! What ends the shell as if all were well: of a list of commands, those behind it would never run, and nobody would notice.

use brush_parser::ast::{
    AndOr, AndOrList, Command, CommandPrefixOrSuffixItem, CompoundCommand, CompoundListItem, SeparatorOperator,
    SimpleCommand,
};

use super::chains::{bodies, conditions};

/// The first such command of a list, as it is called: `exit 0`, `exec`. Subshells, parts of a pipe and jobs end for
/// themselves only.
pub fn of<'l>(mut statements: impl Iterator<Item = &'l CompoundListItem>) -> Option<String> {
    statements.find_map(|CompoundListItem(list, separator)| match separator {
        SeparatorOperator::Async => None,
        SeparatorOperator::Sequence => in_list(list),
    })
}

fn in_list(list: &AndOrList) -> Option<String> {
    let behind = list.additional.iter().map(|next| match next {
        AndOr::And(pipeline) => (pipeline, false),
        AndOr::Or(pipeline) => (pipeline, true),
    });
    [(&list.first, false)].into_iter().chain(behind).find_map(|(pipeline, is_behind_or)| {
        let [command] = pipeline.seq.as_slice() else { return None };
        match command {
            Command::Simple(simple) => of_simple(simple, is_behind_or),
            Command::Compound(compound, _) => of_compound(compound),
            Command::Function(function) => of_compound(&function.body.0),
            Command::ExtendedTest(..) => None,
        }
    })
}

fn of_compound(compound: &CompoundCommand) -> Option<String> {
    match compound {
        CompoundCommand::Subshell(_) => None,
        _ => conditions(compound).into_iter().chain(bodies(compound)).find_map(|list| of(list.0.iter())),
    }
}

/// `is_behind_or`: what stands in front of it has failed, and `exit` alone hands that on.
fn of_simple(command: &SimpleCommand, is_behind_or: bool) -> Option<String> {
    let name = command.word_or_name.as_ref()?.value.as_str();
    let mut words = command.suffix.iter().flat_map(|suffix| &suffix.0).filter_map(|item| match item {
        CommandPrefixOrSuffixItem::Word(word) => Some(word.value.as_str()),
        _ => None,
    });
    let first = words.next();
    match (name, first) {
        ("exit", None | Some("$?")) if is_behind_or => None,
        ("exit", None) => Some("exit".to_owned()),
        ("exit", Some(status)) => {
            let fails = status.parse::<u32>().is_ok_and(|status| status % 256 != 0);
            (!fails).then(|| format!("exit {status}"))
        }
        // With nothing but redirections it changes those of the shell, which goes on.
        ("exec", Some(_)) => Some("exec".to_owned()),
        ("trap", Some(action)) if action.contains("exit") => Some("trap".to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::shell::Script;

    #[test]
    fn what_ends_the_shell_with_success() {
        for (text, found) in [
            ("exit 0", Some("exit 0")),
            ("exit", Some("exit")),
            ("exit $status", Some("exit $status")),
            ("exit 256", Some("exit 256")),
            ("a; if [ -e x ]; then exit 0; fi", Some("exit 0")),
            ("if exit 0; then a; fi", Some("exit 0")),
            ("if a; then b; elif exit 0; then c; fi", Some("exit 0")),
            ("while a; do exit; done", Some("exit")),
            ("case x in a) exit 0;; esac", Some("exit 0")),
            ("{ a; exit 0; }", Some("exit 0")),
            ("a && exit", Some("exit")),
            ("a || exit 0", Some("exit 0")),
            ("f() { exit 0; }", Some("exit 0")),
            ("exec a b", Some("exec")),
            ("trap 'exit 0' EXIT", Some("trap")),
            ("exit 1", None),
            ("a || exit", None),
            ("a || exit $?", None),
            ("(exit 0)", None),
            ("exit 0 | cat", None),
            ("exit 0 &", None),
            ("sh -c 'exit 0'", None),
            ("exec 2>/dev/null", None),
            ("trap 'rm -f x' EXIT", None),
            ("echo exit 0", None),
        ] {
            assert_eq!(Script::parse(text).unwrap().ends_early.as_deref(), found, "{text}");
        }
    }
}
