//! A shell text as a parser reads it: whether it is complete in itself, and what stands where in it.

use std::borrow::Cow;

use brush_parser::ast::{CompoundListItem, Program, SeparatorOperator};
use brush_parser::{ParserOptions, Token, TokenizerError, TokenizerOptions};

use super::fault::Fault;
use super::{chains, depth, documents, endings, failures};

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

/// What the parser makes of a text.
pub(super) struct Tree<'t> {
    pub text: &'t str,
    program: Program,
    /// In the order in which they stand in the text.
    pub tokens: Vec<Token>,
    /// The text as the parser got it: as long, without its here-documents.
    read: Cow<'t, str>,
    options: ParserOptions,
}

impl<'t> Tree<'t> {
    fn parse(text: &'t str, options: &ParserOptions) -> Result<Tree<'t>, Fault> {
        let read = documents::without(text, &tokenizer(options))?;
        if depth::words(&read) > depth::MAX_WORDS {
            return Err(Fault::Long);
        }
        let tokens = tokens(&read, options).map_err(|inner| Fault::unclosed(&inner))?;
        if tokens.len() > depth::MAX_TOKENS {
            return Err(Fault::Long);
        }
        if depth::is_deep(&tokens) {
            return Err(Fault::Deep);
        }
        let program = brush_parser::parse_tokens(&tokens, options).map_err(|error| Fault::of(&error, text))?;
        let mut statements = program.complete_commands.iter().flat_map(|commands| &commands.0);
        if statements.any(|CompoundListItem(list, _)| chains::lacks_command(list)) {
            return Err(Fault::Incomplete);
        }
        if !stand_where_they_say(&tokens, &read) {
            return Err(Fault::Unclear);
        }
        Ok(Tree { text, program, tokens, read, options: options.clone() })
    }

    /// The text with something put in front of some characters, if that leaves all else what it was. In order.
    pub fn with(&self, insertions: &[(usize, &str)]) -> Result<String, Fault> {
        if insertions.is_empty() {
            return Ok(self.text.to_owned());
        }
        let found = tokens(&put_in(&self.read, insertions), &self.options).map_err(|_| Fault::Unclear)?;
        let mut waiting = insertions.iter().peekable();
        let mut expected = Vec::new();
        for token in &self.tokens {
            while let Some((_, inserted)) = waiting.next_if(|(at, _)| *at <= token.location().start.index) {
                expected.extend(tokens(inserted, &self.options).map_err(|_| Fault::Unclear)?);
            }
            expected.push(token.clone());
        }
        for (_, inserted) in waiting {
            expected.extend(tokens(inserted, &self.options).map_err(|_| Fault::Unclear)?);
        }
        let is_same = |one: &Token, other: &Token| {
            matches!(one, Token::Word(..)) == matches!(other, Token::Word(..)) && one.to_str() == other.to_str()
        };
        let stays =
            found.len() == expected.len() && found.iter().zip(&expected).all(|(one, other)| is_same(one, other));
        if !stays || brush_parser::parse_tokens(&found, &self.options).is_err() {
            return Err(Fault::Unclear);
        }
        Ok(put_in(self.text, insertions))
    }

    pub fn statements(&self) -> impl Iterator<Item = &CompoundListItem> {
        self.program.complete_commands.iter().flat_map(|commands| &commands.0)
    }
}

fn tokenizer(options: &ParserOptions) -> TokenizerOptions {
    TokenizerOptions {
        enable_extended_globbing: options.enable_extended_globbing,
        posix_mode: options.posix_mode,
        sh_mode: options.sh_mode,
    }
}

fn tokens(text: &str, options: &ParserOptions) -> Result<Vec<Token>, TokenizerError> {
    brush_parser::uncached_tokenize_str(text, &tokenizer(options))
}

fn put_in(text: &str, insertions: &[(usize, &str)]) -> String {
    let (mut result, mut insertions) = (String::new(), insertions.iter().peekable());
    for (at, c) in text.chars().enumerate() {
        while let Some((_, inserted)) = insertions.next_if(|(place, _)| *place == at) {
            result.push_str(inserted);
        }
        result.push(c);
    }
    insertions.for_each(|(_, inserted)| result.push_str(inserted));
    result
}

/// True if all that a word holds stands there in the text; joined lines and comments within it are left out.
fn stand_where_they_say(tokens: &[Token], text: &str) -> bool {
    let (mut text, mut at) = (text.chars(), 0);
    tokens.iter().all(|token| {
        let span = token.location();
        if span.start.index < at {
            return false;
        }
        text.by_ref().take(span.start.index - at).for_each(drop);
        at = span.end.index.max(span.start.index);
        let mut place = text.by_ref().take(at - span.start.index);
        let stands = token.to_str().chars().filter(|c| !c.is_whitespace()).all(|c| place.any(|there| there == c));
        place.for_each(drop);
        stands
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
