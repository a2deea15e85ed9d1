//! What ends the shell as if all were well: of a list of commands, those behind it would never run, and nobody would notice.

use brush_parser::ast::{
    AndOr, AndOrList, Command, CommandPrefixOrSuffixItem, CompoundCommand, CompoundListItem, SeparatorOperator,
    SimpleCommand,
};

use super::chains::{bodies, conditions};

/// The first such command of a list, as it is called: `exit 0`, `exec`. Subshells, parts of a pipe and jobs end for
/// themselves only.
pub fn of<'l>(statements: impl Iterator<Item = &'l CompoundListItem>) -> Option<String> {
    of_statements(statements, false)
}

fn of_statements<'l>(
    mut statements: impl Iterator<Item = &'l CompoundListItem>,
    is_in_function: bool,
) -> Option<String> {
    statements.find_map(|CompoundListItem(list, separator)| match separator {
        SeparatorOperator::Async => None,
        SeparatorOperator::Sequence => in_list(list, is_in_function),
    })
}

fn in_list(list: &AndOrList, is_in_function: bool) -> Option<String> {
    let behind = list.additional.iter().map(|next| match next {
        AndOr::And(pipeline) => (pipeline, false),
        AndOr::Or(pipeline) => (pipeline, true),
    });
    [(&list.first, false)].into_iter().chain(behind).find_map(|(pipeline, is_behind_or)| {
        let [command] = pipeline.seq.as_slice() else { return None };
        match command {
            Command::Simple(simple) => of_simple(simple, is_behind_or, is_in_function),
            Command::Compound(compound, _) => of_compound(compound, is_in_function),
            Command::Function(function) => of_compound(&function.body.0, true),
            Command::ExtendedTest(..) => None,
        }
    })
}

fn of_compound(compound: &CompoundCommand, is_in_function: bool) -> Option<String> {
    match compound {
        CompoundCommand::Subshell(_) => None,
        _ => conditions(compound)
            .into_iter()
            .chain(bodies(compound))
            .find_map(|list| of_statements(list.0.iter(), is_in_function)),
    }
}

/// `is_behind_or`: what stands in front of it has failed, and `exit` alone hands that on.
fn of_simple(command: &SimpleCommand, is_behind_or: bool, is_in_function: bool) -> Option<String> {
    let suffix = command.suffix.iter().flat_map(|suffix| &suffix.0).filter_map(|item| match item {
        CommandPrefixOrSuffixItem::Word(word) => Some(word.value.as_str()),
        _ => None,
    });
    let mut words = command.word_or_name.iter().map(|word| word.value.as_str()).chain(suffix).map(unquoted);
    let name = words.find(|word| !matches!(word.as_str(), "command" | "builtin"))?;
    let arguments: Vec<String> = words.collect();
    match (name.as_str(), arguments.first().map(String::as_str)) {
        // A function's own end; elsewhere shells other than bash end with it.
        ("return", _) if is_in_function => None,
        ("exit" | "return", None | Some("$?")) if is_behind_or => None,
        ("exit" | "return", None) => Some(name),
        ("exit" | "return", Some(status)) => {
            let fails = status.parse::<u32>().is_ok_and(|status| status % 256 != 0);
            (!fails).then(|| format!("{name} {status}"))
        }
        // With nothing but redirections it changes those of the shell, which goes on.
        ("exec", Some(_)) => Some(name),
        ("trap", Some(action)) if action.contains("exit") => Some(name),
        ("eval", Some(_)) if arguments.iter().any(|word| word.contains("exit")) => Some(name),
        _ => None,
    }
}

/// `\exit` and `'exit'` are called as `exit` is.
fn unquoted(word: &str) -> String {
    word.replace(['\\', '\'', '"'], "")
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
            ("\\exit 0", Some("exit 0")),
            ("'exit' 0", Some("exit 0")),
            ("exit \"0\"", Some("exit 0")),
            ("command exit 0", Some("exit 0")),
            ("builtin exit", Some("exit")),
            ("eval 'a; exit 0'", Some("eval")),
            ("eval exit 0", Some("eval")),
            ("if [ -e x ]; then return 0; fi", Some("return 0")),
            ("return", Some("return")),
            ("exit 1", None),
            ("return 1", None),
            ("a || return", None),
            ("f() { return 0; }", None),
            ("f() { if a; then return; fi; }", None),
            ("eval a b", None),
            ("command -v exit", None),
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
