//! The rule of failures: no statement of a text fails unseen, but for a chain that begins with tests of which one says no.
//!
//! A shell with `-e` sees to most of it. Of a chain, `a && b`, it sees nothing but how `b` ends, and of `! a` nothing at all: behind
//! those stands `(exit $?)`, which fails as they did and leaves `$?` as it was; behind tests it sees to the rest of
//! the chain only, `[ t ] && { a && b; (exit $?); }`. Where a shell holds `-e` back (`set +e`, what decides an `if` or a
//! `while`, what stands in front of `||` or behind `!`) it does nothing, and nothing is put in. The last statement of a text,
//! of a function and of a subshell hands its status on to who runs it.
//!
//! Refused is what that cannot show: several commands in front of `&&`, where `-e` is held back, and a chain in which
//! behind a command that must succeed a test may say no.

use brush_parser::ast::{
    AndOrList, CaseItemPostAction, Command, CompoundCommand, CompoundList, CompoundListItem, Pipeline,
    SeparatorOperator, SourceLocation,
};

use super::chains::{bodies, chain, conditions, is_loop, is_test};
use super::fault::Fault;
use super::groups::hides_failures;
use super::syntax::Tree;

/// Fails as the command before it did.
pub const FAIL_AGAIN: &str = "; (exit $?)";

/// The text, in which the rule holds. How its last statement ends is for the caller to see.
pub fn shown(tree: &Tree) -> Result<String, Fault> {
    let mut search = Search { tree, insertions: Vec::new() };
    let count = tree.statements().count();
    for (index, statement) in tree.statements().enumerate() {
        search.statement(statement, if index + 1 == count { Place::Last } else { Place::Amid })?;
    }
    search.insertions.sort_by_key(|(at, _)| *at);
    tree.with(&search.insertions)
}

/// Who sees how a statement ends.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    /// Nobody, unless the shell ends.
    Amid,
    /// Who runs the list.
    Last,
    /// The shell, which holds `-e` back.
    Held,
}

struct Search<'s, 't> {
    tree: &'s Tree<'t>,
    /// By the number of the character that they precede.
    insertions: Vec<(usize, &'static str)>,
}

impl Search<'_, '_> {
    fn list(&mut self, list: &CompoundList, place: Place) -> Result<(), Fault> {
        for (index, statement) in list.0.iter().enumerate() {
            let is_last = index + 1 == list.0.len();
            self.statement(statement, if place == Place::Last && !is_last { Place::Amid } else { place })?;
        }
        Ok(())
    }

    fn statement(&mut self, statement: &CompoundListItem, place: Place) -> Result<(), Fault> {
        let CompoundListItem(list, SeparatorOperator::Sequence) = statement else { return Ok(()) };
        if place != Place::Held && chain(list).0.iter().any(|pipeline| !is_test(pipeline) && hides_failures(pipeline)) {
            return Err(Fault::Group { chain: self.shortened(list) });
        }
        if place == Place::Amid {
            self.chain(list)?;
        }
        let count = list.iter().count();
        for (index, (_, pipeline)) in list.iter().enumerate() {
            let place = match place {
                _ if index + 1 < count || pipeline.bang => Place::Held,
                Place::Amid if pipeline.seq.len() > 1 => Place::Last,
                place => place,
            };
            pipeline.seq.iter().try_for_each(|command| self.command(command, place))?;
        }
        Ok(())
    }

    fn chain(&mut self, list: &AndOrList) -> Result<(), Fault> {
        let (conditions, last) = chain(list);
        let tests = conditions.iter().take_while(|pipeline| is_test(pipeline)).count();
        if tests == conditions.len() && !last.bang {
            return Ok(());
        }
        let mut must_succeed = conditions[tests..].iter().chain([&last].into_iter().filter(|last| !last.bang));
        let is_mixed =
            must_succeed.any(|pipeline| !ends_at(pipeline, true)) || conditions[tests..].iter().any(|one| is_test(one));
        if is_mixed {
            return Err(Fault::Mixed { chain: self.shortened(list) });
        }
        let end = self.tree.end(last.seq.last());
        let Some(test) = conditions[..tests].last() else {
            self.insertions.push((end, FAIL_AGAIN));
            return Ok(());
        };
        // The `&&` behind the tests.
        let at = self.tree.behind(test.seq.last()).map_or(end, |operator| operator.location().end.index);
        let is_apart = self.tree.text.chars().nth(at).is_some_and(char::is_whitespace);
        self.insertions.push((at, if is_apart { " {" } else { " { " }));
        self.insertions.push((end, "; (exit $?); }"));
        Ok(())
    }

    fn shortened(&self, list: &AndOrList) -> String {
        let start = list.location().map_or(0, |span| span.start.index);
        let end = self.tree.end(list.iter().last().and_then(|(_, pipeline)| pipeline.seq.last()));
        let text: String = self.tree.text.chars().skip(start).take(end.saturating_sub(start)).collect();
        let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if line.chars().count() <= 60 { line } else { line.chars().take(57).chain("...".chars()).collect() }
    }

    fn command(&mut self, command: &Command, place: Place) -> Result<(), Fault> {
        match command {
            Command::Simple(_) | Command::ExtendedTest(..) => Ok(()),
            Command::Compound(compound, _) => self.compound(compound, place),
            // Wherever it is defined, it may be called elsewhere.
            Command::Function(function) => self.compound(&function.body.0, Place::Last),
        }
    }

    fn compound(&mut self, compound: &CompoundCommand, place: Place) -> Result<(), Fault> {
        let falls_through = match compound {
            CompoundCommand::CaseClause(clause) => {
                clause.cases.iter().any(|case| !matches!(case.post_action, CaseItemPostAction::ExitCase))
            }
            _ => false,
        };
        let within = match (place, compound) {
            (Place::Held, _) => Place::Held,
            (_, CompoundCommand::Subshell(_)) => Place::Last,
            (Place::Last, _) if is_loop(compound) || falls_through => Place::Amid,
            (place, _) => place,
        };
        conditions(compound).into_iter().try_for_each(|list| self.list(list, Place::Held))?;
        bodies(compound).into_iter().try_for_each(|list| self.list(list, within))
    }
}

/// True where a shell with `-e` ends by itself if the statement fails, wherever it stands. A failing command in front of `&&`
/// or behind `!` does not end it, nor does the compound command that it is the last one of (POSIX, `set -e`).
/// `is_followed`: by `(exit $?)`, where the rule asks for it.
pub fn ends_the_shell(statement: &CompoundListItem, is_followed: bool) -> bool {
    let CompoundListItem(list, SeparatorOperator::Sequence) = statement else { return true };
    let (conditions, last) = chain(list);
    if conditions.is_empty() && !last.bang {
        return ends_at(last, is_followed);
    }
    is_followed && !conditions.first().is_some_and(|pipeline| is_test(pipeline))
}

fn ends_at(pipeline: &Pipeline, is_followed: bool) -> bool {
    // Each part of a pipe is a shell of its own, as a subshell is.
    let [Command::Compound(compound, _)] = pipeline.seq.as_slice() else { return true };
    let is_followed = is_followed || is_loop(compound);
    matches!(compound, CompoundCommand::Subshell(_))
        || bodies(compound)
            .into_iter()
            .all(|list| list.0.last().is_none_or(|statement| ends_the_shell(statement, is_followed)))
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
        for chain in [
            "a && [ -e x ] && b",
            "a && { b; [ -e x ] && c; }",
            "a || b && if c; then [ -e x ] && d; fi",
            "{ [ -e x ] && a; } && b",
            "[ -e x ] && a && for y in z; do [ -e y ] && b; done",
        ] {
            let fault = format!("{:?}", Fault::Mixed { chain: chain.to_owned() });
            assert_eq!(strict(&format!("if c; then {chain}; fi")), fault);
        }
        for text in ["a && ( b; [ -e x ] && c )", "a || { b; [ -e x ] && c; }", "[ a ] && { b; [ -e x ] && c; }"] {
            assert!(Script::parse(&format!("{text}\nlast")).is_ok(), "{text}");
        }
        assert!(Script::parse("a && [ -e x ] && b").is_ok());
    }

    #[test]
    fn of_a_group_in_front_of_a_chain_all_must_be_seen() {
        for chain in [
            "(a; b) && c",
            "{ a; b; } && c",
            "x && (a; b) && c",
            "x || { a; b; } && c",
            "{ { a; b; }; } && c",
            "{ x && { a; b; }; } && c",
            "if x; then a; b; fi && c",
            "for x in y z; do a; done && c",
            "if x; then a; else b; exit 0; fi && c",
            "if x; then a; else b; exit 1 || d; fi && c",
            "if x; then a; b; else c; exit 1; fi && c",
            "(a; b && exit 0; exit 1) && c",
            "(a; if b; then exit; fi; exit 1) && c",
            "{ a; b && break; exit 1; } && c",
            "a | while read x; do b; done && c",
            "{ a; b; } | cat && c",
        ] {
            let fault = Some(Fault::Group { chain: chain.to_owned() });
            assert_eq!(Script::parse(chain).err(), fault, "{chain}");
            assert_eq!(Script::parse(&format!("if y; then {chain}; fi\nlast")).err(), fault, "{chain}");
        }
        for text in [
            "(a; b) || c",
            "a && (b; c)",
            "{ [ a ]; [ b ]; } && c",
            "if (a; b); then c; fi",
            "if x; then a; fi && c",
            "if x; then a; else b; exit 1; fi && c",
            "a && case x in y) b;; *) echo no >&2; exit 3;; esac && c",
            "(a; exit 1) && c",
            "(a && b || d; exit 1) && c",
            "{ a && b; } && c",
            "{ a & } && c",
        ] {
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
            ("if f() { a && b; c; }; then d; fi", "if f() { a && b; (exit $?); c; }; then d; fi"),
            ("{ f() { a && b; c; }; } || d", "{ f() { a && b; (exit $?); c; }; } || d"),
        ] {
            assert_eq!(strict(text), expected);
        }
    }
}
