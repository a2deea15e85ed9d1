//! A shell text as a parser reads it: what stands where in it.

use std::borrow::Cow;

use brush_parser::ast::{CompoundListItem, Program};
use brush_parser::{ParserOptions, Token, TokenizerError, TokenizerOptions};

use super::fault::Fault;
use super::{chains, comments, depth, documents};

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
    pub fn parse(text: &'t str, options: &ParserOptions) -> Result<Tree<'t>, Fault> {
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
        if let Some(line) = comments::that_end_a_command(&read, &tokens) {
            return Err(Fault::Comment { line });
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
