//! How deep and how long a text is: what the parser, which calls itself for each level and holds all words, is not given.

use brush_parser::Token;

/// As much as a text may open, be it one within the other.
pub const MAX_OPENED: usize = 16_384;
/// What the parser's stack holds anywhere, and what it needs for each level.
pub const FLAT: usize = 32;
pub const LEVEL: usize = 32 << 10;

/// Words and operators of a text, each of which the parser makes some kilobytes of; and as many as are worth telling apart from
/// what stands in quotes.
pub const MAX_TOKENS: usize = 32_768;
pub const MAX_WORDS: usize = 4 * MAX_TOKENS;

/// At least as many as a text has words and operators, whatever is quoted.
pub fn words(text: &str) -> usize {
    text.split_whitespace().count() + text.matches([';', '&', '|', '<', '>', '(', ')']).count()
}

/// How much is opened in a text that may hold more of it; quotes are not read.
pub fn opened(text: &str) -> usize {
    let brackets = text.matches(['(', '`']).count() + text.matches("${").count() + text.matches("$[").count();
    let groups = text.split('{').skip(1).filter(|rest| rest.starts_with(char::is_whitespace)).count();
    let keyword = |word: &&str| matches!(*word, "if" | "while" | "until" | "for" | "case" | "select" | "coproc");
    brackets + groups + text.split(|c: char| !c.is_alphanumeric()).filter(keyword).count()
}

/// More parentheses and `case`s within each other than these take the parser time that doubles with each of them.
const MAX_PARENTHESES: usize = 12;
const MAX_CASES: usize = 6;

pub fn is_deep(tokens: &[Token]) -> bool {
    let (mut parentheses, mut cases, mut begins) = (0_usize, 0_usize, true);
    for token in tokens {
        match (token, token.to_str()) {
            (Token::Operator(..), "(") => parentheses += 1,
            (Token::Operator(..), ")") => parentheses = parentheses.saturating_sub(1),
            (Token::Word(..), "case") if begins => cases += 1,
            (Token::Word(..), "esac") if begins => cases = cases.saturating_sub(1),
            _ => {}
        }
        if parentheses > MAX_PARENTHESES || cases > MAX_CASES {
            return true;
        }
        begins = match token {
            Token::Operator(operator, _) => !operator.contains(['<', '>']),
            Token::Word(word, _) => {
                matches!(word.as_str(), "if" | "then" | "elif" | "else" | "while" | "until" | "do" | "{" | "!")
            }
        };
    }
    false
}
