//! Where a command can fail unseen by a shell with `-e`, and what makes it seen: `(exit $?)` behind it, which fails as it
//! did and leaves `$?` as it was. Under `set +e`, and where a condition holds `-e` back, it does nothing.

use brush_parser::Token;
use brush_parser::ast::{
    AndOr, AndOrList, CaseItemPostAction, Command, CommandPrefixOrSuffixItem, CompoundCommand, CompoundList,
    CompoundListItem, IoFileRedirectTarget, IoRedirect, Pipeline, RedirectList, SeparatorOperator, SimpleCommand,
    SourceLocation,
};

use super::syntax::{Fault, Tree};

/// Fails as the command before it did.
pub const FAIL_AGAIN: &str = "; (exit $?)";

pub fn shown(tree: &Tree) -> Result<String, Fault> {
    let mut search = Search { tree, insertions: Vec::new() };
    let count = tree.statements().count();
    for (index, statement) in tree.statements().enumerate() {
        search.statement(statement, index + 1 == count)?;
    }
    search.insertions.sort_by_key(|(at, _)| *at);
    tree.with(&search.insertions)
}

struct Search<'s, 't> {
    tree: &'s Tree<'t>,
    /// By the number of the character that they precede.
    insertions: Vec<(usize, &'static str)>,
}

impl Search<'_, '_> {
    /// `is_last`: how the list ends is seen by who runs it.
    fn list(&mut self, list: &CompoundList, is_last: bool) -> Result<(), Fault> {
        for (index, statement) in list.0.iter().enumerate() {
            self.statement(statement, is_last && index + 1 == list.0.len())?;
        }
        Ok(())
    }

    fn statement(&mut self, statement: &CompoundListItem, is_last: bool) -> Result<(), Fault> {
        let CompoundListItem(list, SeparatorOperator::Sequence) = statement else { return Ok(()) };
        self.groups(list)?;
        if !is_last {
            self.chain(list)?;
        }
        // The other ones are conditions, in which `-e` does nothing.
        let last = list.iter().map(|(_, pipeline)| pipeline).last().expect("a list holds a pipeline");
        if last.bang {
            return Ok(());
        }
        let is_last = is_last || last.seq.len() > 1;
        last.seq.iter().try_for_each(|command| self.command(command, is_last))
    }

    /// The commands of which the first to fail fails the list: those behind the last `||`. Tests in front may fail.
    fn chain(&mut self, list: &AndOrList) -> Result<(), Fault> {
        let (conditions, last) = chain(list);
        let tests = conditions.iter().take_while(|pipeline| is_test(pipeline)).count();
        if tests == conditions.len() && !last.bang {
            return Ok(());
        }
        let mut before = None;
        if conditions[tests..].iter().any(|pipeline| is_test(pipeline)) {
            return Err(Fault::Mixed { chain: self.shortened(list) });
        }
        if tests > 0 {
            before = conditions[tests - 1].seq.last();
        }
        let end = self.end(last.seq.last());
        match before {
            None => self.insertions.push((end, FAIL_AGAIN)),
            Some(before) => {
                // The `&&` between them.
                let (_, operator) = self.behind(self.known_end(before));
                let Some(operator) = operator else { return Ok(()) };
                let at = operator.location().end.index;
                let is_apart = self.tree.text.chars().nth(at).is_some_and(char::is_whitespace);
                self.insertions.push((at, if is_apart { " {" } else { " { " }));
                self.insertions.push((end, "; (exit $?); }"));
            }
        }
        Ok(())
    }

    /// In front of `&&` a shell holds `-e` back: of a group only how its last command ends is seen.
    fn groups(&self, list: &AndOrList) -> Result<(), Fault> {
        let (conditions, _) = chain(list);
        let is_unseen = |pipeline: &&Pipeline| {
            let list = match pipeline.seq.last() {
                Some(Command::Compound(CompoundCommand::BraceGroup(group), _)) => &group.list,
                Some(Command::Compound(CompoundCommand::Subshell(subshell), _)) => &subshell.list,
                _ => return false,
            };
            list.0.len() > 1 && !is_test(pipeline)
        };
        match conditions.iter().any(is_unseen) {
            true => Err(Fault::Group { chain: self.shortened(list) }),
            false => Ok(()),
        }
    }

    fn shortened(&self, list: &AndOrList) -> String {
        let start = list.location().map_or(0, |span| span.start.index);
        let end = self.end(list.iter().last().and_then(|(_, pipeline)| pipeline.seq.last()));
        let text: String = self.tree.text.chars().skip(start).take(end.saturating_sub(start)).collect();
        let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if line.chars().count() <= 60 { line } else { line.chars().take(57).chain("...".chars()).collect() }
    }

    fn command(&mut self, command: &Command, is_last: bool) -> Result<(), Fault> {
        match command {
            Command::Simple(_) | Command::ExtendedTest(..) => Ok(()),
            Command::Compound(compound, _) => self.compound(compound, is_last),
            // Who calls it sees how it ends.
            Command::Function(function) => self.compound(&function.body.0, true),
        }
    }

    fn compound(&mut self, compound: &CompoundCommand, is_last: bool) -> Result<(), Fault> {
        match compound {
            CompoundCommand::BraceGroup(group) => self.list(&group.list, is_last),
            CompoundCommand::Subshell(subshell) => self.list(&subshell.list, true),
            CompoundCommand::ForClause(clause) => self.list(&clause.body.list, false),
            CompoundCommand::ArithmeticForClause(clause) => self.list(&clause.body.list, false),
            CompoundCommand::WhileClause(clause) | CompoundCommand::UntilClause(clause) => {
                self.list(&clause.1.list, false)
            }
            CompoundCommand::IfClause(clause) => {
                self.list(&clause.then, is_last)?;
                clause.elses.iter().flatten().try_for_each(|clause| self.list(&clause.body, is_last))
            }
            CompoundCommand::CaseClause(clause) => clause.cases.iter().try_for_each(|case| {
                let ends = matches!(case.post_action, CaseItemPostAction::ExitCase);
                case.cmd.iter().try_for_each(|list| self.list(list, is_last && ends))
            }),
            CompoundCommand::Arithmetic(_) | CompoundCommand::Coprocess(_) => Ok(()),
        }
    }

    /// Where a statement ends, by its last command: the parser tells neither where redirections nor where `fi` stands.
    fn end(&self, last: Option<&Command>) -> usize {
        self.behind(last.map_or(0, |command| self.known_end(command))).0
    }

    /// Where the command ends of which this is a place, and the operator that ends it.
    fn behind(&self, known: usize) -> (usize, Option<&Token>) {
        let mut end = known;
        let first = self.tree.tokens.partition_point(|token| token.location().start.index < known);
        for token in &self.tree.tokens[first..] {
            if let Token::Operator(operator, _) = token
                && ["\n", ";", "&", "&&", "||", "|", "|&", ")", ";;", ";&", ";;&"].contains(&operator.as_str())
            {
                return (end, Some(token));
            }
            end = token.location().end.index;
        }
        (end, None)
    }

    /// A place within the command, as far behind as the parser knows.
    fn known_end(&self, command: &Command) -> usize {
        let (end, redirects) = match command {
            Command::Simple(simple) => (end_of_simple(simple), None),
            Command::ExtendedTest(test, redirects) => (test.loc.end.index, redirects.as_ref()),
            Command::Compound(compound, redirects) => (self.end_of_compound(compound), redirects.as_ref()),
            Command::Function(function) => (self.end_of_compound(&function.body.0), function.body.1.as_ref()),
        };
        end.max(redirects.map_or(0, |RedirectList(list)| list.iter().map(end_of_redirect).max().unwrap_or(0)))
    }

    fn end_of_compound(&self, compound: &CompoundCommand) -> usize {
        let CompoundCommand::IfClause(clause) = compound else {
            return compound.location().map_or(0, |span| span.end.index);
        };
        let body = clause.elses.iter().flatten().last().map_or(&clause.then, |clause| &clause.body);
        let last = body.0.last().and_then(|CompoundListItem(list, _)| list.iter().last());
        let inner = self.end(last.and_then(|(_, pipeline)| pipeline.seq.last()));
        let is_fi = |token: &&Token| {
            let span = token.location();
            matches!(token, Token::Word(word, _) if word == "fi") && span.start.index >= inner && span.length() > 0
        };
        self.tree.tokens.iter().find(is_fi).map_or(inner, |token| token.location().end.index)
    }
}

fn end_of_simple(command: &SimpleCommand) -> usize {
    let name = command.word_or_name.as_ref().and_then(SourceLocation::location).map_or(0, |span| span.end.index);
    let prefix = command.prefix.iter().flat_map(|prefix| &prefix.0);
    let items = prefix.chain(command.suffix.iter().flat_map(|suffix| &suffix.0));
    items.map(end_of_item).max().unwrap_or(0).max(name)
}

fn end_of_item(item: &CommandPrefixOrSuffixItem) -> usize {
    match item {
        CommandPrefixOrSuffixItem::IoRedirect(redirect) => end_of_redirect(redirect),
        item => item.location().map_or(0, |span| span.end.index),
    }
}

fn end_of_redirect(redirect: &IoRedirect) -> usize {
    let word = match redirect {
        IoRedirect::File(_, _, IoFileRedirectTarget::Filename(word) | IoFileRedirectTarget::Duplicate(word)) => word,
        IoRedirect::File(_, _, IoFileRedirectTarget::ProcessSubstitution(_, subshell)) => {
            return subshell.loc.end.index;
        }
        IoRedirect::File(_, _, IoFileRedirectTarget::Fd(_)) => return 0,
        IoRedirect::HereDocument(_, document) => &document.here_end,
        IoRedirect::HereString(_, word) | IoRedirect::OutputAndError(word, _) => word,
    };
    word.location().map_or(0, |span| span.end.index)
}

/// The commands that `&&` joins behind the last `||`: the last one, and those that it waits for.
fn chain(list: &AndOrList) -> (Vec<&Pipeline>, &Pipeline) {
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

/// True where a shell with `-e` ends by itself if the statement fails: a failing command in front of `&&` or behind `!` does
/// not end it, nor does the compound command that it is the last one of (POSIX, `set -e`). `is_followed`: by `(exit $?)`.
pub fn end_the_shell(statement: &CompoundListItem, is_followed: bool) -> bool {
    let CompoundListItem(list, SeparatorOperator::Sequence) = statement else { return true };
    let (conditions, last) = chain(list);
    if !conditions.is_empty() || last.bang {
        return is_followed && !conditions.first().is_some_and(|pipeline| is_test(pipeline));
    }
    let of_list = |list: &CompoundList, is_followed: bool| {
        list.0.last().is_none_or(|statement| end_the_shell(statement, is_followed))
    };
    let [Command::Compound(compound, _)] = last.seq.as_slice() else {
        // Each part of a pipe is a shell of its own.
        return true;
    };
    match compound {
        CompoundCommand::Subshell(_) | CompoundCommand::Arithmetic(_) | CompoundCommand::Coprocess(_) => true,
        CompoundCommand::BraceGroup(group) => of_list(&group.list, is_followed),
        CompoundCommand::ForClause(clause) => of_list(&clause.body.list, true),
        CompoundCommand::ArithmeticForClause(clause) => of_list(&clause.body.list, true),
        CompoundCommand::WhileClause(clause) | CompoundCommand::UntilClause(clause) => of_list(&clause.1.list, true),
        CompoundCommand::IfClause(clause) => {
            let elses = clause.elses.iter().flatten().map(|clause| &clause.body);
            [&clause.then].into_iter().chain(elses).all(|list| of_list(list, is_followed))
        }
        CompoundCommand::CaseClause(clause) => {
            clause.cases.iter().filter_map(|case| case.cmd.as_ref()).all(|list| of_list(list, is_followed))
        }
    }
}

/// What asks a question, so that its failing is an answer.
fn is_test(pipeline: &Pipeline) -> bool {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell::Script;

    /// What stands in front of a last statement becomes this.
    fn strict(text: &str) -> String {
        let text = format!("{text}\nlast");
        match Script::parse(&text) {
            Ok(Script { text: strict, .. }) => {
                let _ = Script::parse(&strict).unwrap_or_else(|fault| panic!("{strict}: {fault}"));
                strict.strip_suffix("\nlast").unwrap().to_owned()
            }
            Err(fault) => format!("{fault:?}"),
        }
    }

    #[test]
    fn chains_are_followed_by_a_look_at_how_they_ended() {
        for (text, expected) in [
            ("a", "a"),
            ("a && b", "a && b; (exit $?)"),
            ("a && b; c && d # why", "a && b; (exit $?); c && d; (exit $?) # why"),
            ("a || b", "a || b"),
            ("a && b || c", "a && b || c"),
            ("a || b && c", "a || b && c; (exit $?)"),
            ("a && b >x 2>&1", "a && b >x 2>&1; (exit $?)"),
            ("a && cat <<X; b\nfoo && bar\nX", "a && cat <<X; (exit $?); b\nfoo && bar\nX"),
            (
                "a && cat <<X && echo \"x $(g; echo y)\" && h\nbody\nX\nz",
                "a && cat <<X && echo \"x $(g; echo y)\" && h; (exit $?)\nbody\nX\nz",
            ),
            (
                "a && cat <<X >\"${y:-a;b}\" # it's\n'\nX\nb && c",
                "a && cat <<X >\"${y:-a;b}\"; (exit $?) # it's\n'\nX\nb && c; (exit $?)",
            ),
            (
                "a && cat <<X <<-'Y' && b \\\n  && c $(d && e)\n\\\n`\nX\n(\n\tY\nf && g",
                "a && cat <<X <<-'Y' && b \\\n  && c $(d && e); (exit $?)\n\\\n`\nX\n(\n\tY\nf && g; (exit $?)",
            ),
            ("a && cat <<X && b \"c\nd\"\n'\nX", "a && cat <<X && b \"c\nd\"; (exit $?)\n'\nX"),
            ("x=$((1 << 2)) && a; (( x << 2 )) && b", "x=$((1 << 2)) && a; (exit $?); (( x << 2 )) && b"),
            ("a && cat <<<x && b", "a && cat <<<x && b; (exit $?)"),
            ("a && b '<<X' # <<X\nb", "a && b '<<X'; (exit $?) # <<X\nb"),
            (
                "a && b \"$(cat <<X\nit's; c && d\nX\n)\" && c",
                "a && b \"$(cat <<X\nit's; c && d\nX\n)\" && c; (exit $?)",
            ),
            ("a && if b; then c; fi >x", "a && if b; then c; fi >x; (exit $?)"),
            ("ünï && b", "ünï && b; (exit $?)"),
            ("a && b &", "a && b &"),
            ("! a", "! a; (exit $?)"),
            ("a | b && c | d", "a | b && c | d; (exit $?)"),
            ("x=$(a && b)", "x=$(a && b)"),
            ("echo 'a && b; c'", "echo 'a && b; c'"),
        ] {
            assert_eq!(strict(text), expected);
        }
    }

    #[test]
    fn tests_in_front_may_fail() {
        for (text, expected) in [
            ("[ -e x ] && rm x", "[ -e x ] && rm x"),
            ("test -e x && grep -q y x && rm x", "test -e x && grep -q y x && rm x"),
            ("[[ -e x ]] && rm x", "[[ -e x ]] && rm x"),
            ("(( 1 )) && a", "(( 1 )) && a"),
            ("! a && b", "! a && b"),
            ("a | grep -Eq b && c", "a | grep -Eq b && c"),
            ("{ [ a ] || [ b ]; } && c", "{ [ a ] || [ b ]; } && c"),
            ("command -v a && a", "command -v a && a"),
            ("[ -e x ] && a && b", "[ -e x ] && { a && b; (exit $?); }"),
            ("[ -e x ]&&a && b", "[ -e x ]&& { a && b; (exit $?); }"),
            ("[ x ] && ! a", "[ x ] && { ! a; (exit $?); }"),
            ("a || [ -e x ] && b", "a || [ -e x ] && b"),
            ("a | grep b && c", "a | grep b && c; (exit $?)"),
            ("command a && b", "command a && b; (exit $?)"),
            ("a && [ -e x ]", "a && [ -e x ]; (exit $?)"),
        ] {
            assert_eq!(strict(text), expected);
        }
        let chain = "a && [ -e x ] && b".to_owned();
        assert_eq!(strict(&format!("if c; then {chain}; fi")), format!("{:?}", Fault::Mixed { chain }));
        assert!(Script::parse("a && [ -e x ] && b").is_ok());
    }

    #[test]
    fn of_a_group_in_front_of_a_chain_all_must_be_seen() {
        for chain in ["(a; b) && c", "{ a; b; } && c", "x && (a; b) && c", "x || { a; b; } && c"] {
            let fault = Some(Fault::Group { chain: chain.to_owned() });
            assert_eq!(Script::parse(chain).err(), fault, "{chain}");
            assert_eq!(Script::parse(&format!("if y; then {chain}; fi\nlast")).err(), fault, "{chain}");
        }
        for text in ["(a; b) || c", "a && (b; c)", "{ [ a ]; [ b ]; } && c", "if (a; b); then c; fi"] {
            assert!(Script::parse(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn chains_within_others_are_seen_too() {
        for (text, expected) in [
            ("if a && b; then c && d; fi", "if a && b; then c && d; (exit $?); fi"),
            ("if a; then b; else c && d\nfi", "if a; then b; else c && d; (exit $?)\nfi"),
            ("for x in y; do a && b; done", "for x in y; do a && b; (exit $?); done"),
            ("while a && b; do c && d; done", "while a && b; do c && d; (exit $?); done"),
            ("case x in (a) b && c;; d) e && f; esac", "case x in (a) b && c; (exit $?);; d) e && f; (exit $?); esac"),
            ("( a && b; c && d )", "( a && b; (exit $?); c && d )"),
            ("{ a && b; c && d; }", "{ a && b; (exit $?); c && d; (exit $?); }"),
            ("f() { a && b; c && d; }", "f() { a && b; (exit $?); c && d; }"),
            ("{ a && b; c; } || d", "{ a && b; c; } || d"),
            ("(cd a && b) && c", "(cd a && b) && c; (exit $?)"),
            ("a | while read x; do b && c; done", "a | while read x; do b && c; (exit $?); done"),
            ("a && { b && c; d; }", "a && { b && c; (exit $?); d; }; (exit $?)"),
        ] {
            assert_eq!(strict(text), expected);
        }
    }
}
