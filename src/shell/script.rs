//! A text of commands: whether it is complete in itself, how it ends, and the text in which nothing fails unseen.

use brush_parser::ParserOptions;
use brush_parser::ast::{CompoundListItem, SeparatorOperator};

use super::fault::Fault;
use super::syntax::Tree;
use super::{depth, endings, failures};

/// One or more complete commands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// The text, in which no chain of commands can fail unseen, wherever it stands as a statement of its own. How the last
    /// statement ends is for the caller to see.
    pub text: String,
    /// There are only comments and blanks.
    pub is_empty: bool,
    /// Its last command goes to the background: no `;` may follow.
    pub ends_in_background: bool,
    /// A shell with `-e` ends by itself if the script's last command fails.
    pub shows_failure: bool,
    /// What in it ends the shell as if all were well.
    pub ends_early: Option<String>,
}

impl Script {
    /// Reads a text as bash does, whose grammar holds that of other shells, or else as they do.
    pub fn parse(text: &str) -> Result<Script, Fault> {
        if text.contains('\0') {
            return Err(Fault::Nul);
        }
        match depth::opened(text) {
            0..=depth::FLAT => read(text),
            opened @ ..=depth::MAX_OPENED => std::thread::scope(|scope| {
                let builder = std::thread::Builder::new().stack_size((1 << 20) + opened * depth::LEVEL);
                let reading = builder.spawn_scoped(scope, || read(text)).map_err(|_| Fault::Deep)?;
                reading.join().expect("the parser does not panic")
            }),
            _ => Err(Fault::Deep),
        }
    }
}

fn read(text: &str) -> Result<Script, Fault> {
    let bash = ParserOptions::default();
    let posix = ParserOptions { posix_mode: true, sh_mode: true, enable_extended_globbing: false, ..bash.clone() };
    let tree = Tree::parse(text, &bash).or_else(|fault| Tree::parse(text, &posix).map_err(|_| fault))?;
    let last = tree.statements().last();
    Ok(Script {
        text: failures::shown(&tree)?,
        is_empty: last.is_none(),
        ends_in_background: matches!(last, Some(CompoundListItem(_, SeparatorOperator::Async))),
        shows_failure: match last {
            Some(statement) => failures::ends_the_shell(statement, false),
            None => true,
        },
        ends_early: endings::of(tree.statements()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_shell_refuses_is_a_fault() {
        let unexpected = |word: &str, line| Fault::Unexpected { word: word.to_owned(), line };
        for (text, fault) in [
            ("true; ;", unexpected(";", 1)),
            ("a\nb;; c", unexpected(";;", 2)),
            ("fi", unexpected("fi", 1)),
            ("a )", unexpected(")", 1)),
            ("a &; b", unexpected(";", 1)),
            ("if a; then", Fault::Incomplete),
            ("a &&", Fault::Incomplete),
            ("a |", Fault::Incomplete),
            ("( a", Fault::Incomplete),
            ("f() {", Fault::Incomplete),
            ("a \\", Fault::Incomplete),
            ("! ", Fault::Incomplete),
            ("a && !; b", Fault::Incomplete),
            ("f() { if ! ; then a; fi; }", Fault::Incomplete),
            ("echo 'a", Fault::Unclosed("a single quote".to_owned())),
            ("echo \"a", Fault::Unclosed("a double quote".to_owned())),
            ("echo $(a", Fault::Unclosed("a `$(` or `${`".to_owned())),
            ("cat <<X\na", Fault::Unclosed("a here-document".to_owned())),
            ("a\0b", Fault::Nul),
        ] {
            assert_eq!(Script::parse(text).err(), Some(fault), "{text}");
        }
        for text in ["( ", "((", "$(", "$(')' ", "if a; then ", "{ ", "case a in a) ", "case a in a) b; ( ", "f() ( "] {
            assert_eq!(Script::parse(&text.repeat(20_000)).err(), Some(Fault::Deep), "{text}");
            assert!(Script::parse(&text.repeat(1_000)).is_err(), "{text}");
            assert!(Script::parse(&text.repeat(10)).is_err(), "{text}");
        }
        let nested = format!("{}a; {}", "{ ".repeat(1_000), "}; ".repeat(1_000));
        assert_eq!(Script::parse(&nested).unwrap().text, nested);
        assert!(Script::parse(&"grep case x\n".repeat(100)).is_ok());
        for text in ["a && b\n", "x ", "a;", "'b'"] {
            let long = text.repeat(if text.contains('b') { 20_000 } else { 200_000 });
            let fault = (!text.contains('\'')).then_some(Fault::Long);
            assert_eq!(Script::parse(&long).err(), fault, "{text}");
        }
    }

    #[test]
    fn what_ends_a_shell_and_what_is_nothing() {
        for (text, shows, is_empty, background) in [
            ("a", true, false, false),
            ("# a", true, true, false),
            ("a &", true, false, true),
            ("a && b &", true, false, true),
            ("a & b", true, false, false),
            ("a && b", false, false, false),
            ("a || b", true, false, false),
            ("a || b && c", false, false, false),
            ("! a", false, false, false),
            ("a | b", true, false, false),
            ("( a && b )", true, false, false),
            ("a && b; c", true, false, false),
            ("f() { a && b; }", true, false, false),
            ("[[ a ]]", true, false, false),
            ("if a; then b; fi", true, false, false),
            ("if a; then b; elif c; then d && e; fi", false, false, false),
            ("{ a; }", true, false, false),
            ("{ a && b; }", false, false, false),
            ("case x in a) b;; c) d && e;; esac", false, false, false),
            // In loops chains are followed by a look already.
            ("for x in a; do b && c; done", true, false, false),
            ("for x in a; do [ b ] && c; done", false, false, false),
            ("while a && b; do c; done", true, false, false),
        ] {
            let script = Script::parse(text).unwrap();
            let found = (script.shows_failure, script.is_empty, script.ends_in_background);
            assert_eq!(found, (shows, is_empty, background), "{text}");
        }
    }
}
