//! Why a text is not run as it stands, and what to write instead.

use std::fmt;

use brush_parser::{ParseError, TokenizerError};

/// Why a text is not run as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// What is open at its end: "a single quote".
    Unclosed(String),
    /// A shell would go on reading.
    Incomplete,
    /// A shell refuses it; the place counts lines from 1.
    Unexpected { word: String, line: usize },
    /// A comment behind a line that ends in a backslash, and not behind an operator: the command ends there.
    Comment { line: usize },
    /// It opens more, or more within each other, than can be told apart.
    Deep,
    /// More words than can be held beside each other.
    Long,
    /// A character that no argument of a program can hold.
    Nul,
    /// Where each command ends cannot be told for certain.
    Unclear,
    /// A chain whose failure is meant in one place and goes unseen in another. As it stands in the text.
    Mixed { chain: String },
    /// Several commands in front of `&&`, of which only the last one's failure would be seen. As it stands in the text.
    Group { chain: String },
}

impl Fault {
    pub(super) fn unclosed(error: &TokenizerError) -> Fault {
        let unclosed = |what: &str| Fault::Unclosed(what.to_owned());
        match error {
            TokenizerError::UnterminatedSingleQuote(_) | TokenizerError::UnterminatedAnsiCQuote(_) => {
                unclosed("a single quote")
            }
            TokenizerError::UnterminatedDoubleQuote(_) => unclosed("a double quote"),
            TokenizerError::UnterminatedBackquote(_) => unclosed("a backquote"),
            TokenizerError::UnterminatedExpansion
            | TokenizerError::UnterminatedCommandSubstitution
            | TokenizerError::UnterminatedVariable => unclosed("a `$(` or `${`"),
            TokenizerError::UnterminatedHereDocuments(..) | TokenizerError::MissingHereTag(_) => {
                Fault::missing_document()
            }
            _ => Fault::Incomplete,
        }
    }

    pub(super) fn missing_document() -> Fault {
        Fault::Unclosed("a here-document".to_owned())
    }

    pub(super) fn of(error: &ParseError, text: &str) -> Fault {
        match error {
            ParseError::Tokenizing { inner, .. } => Fault::unclosed(inner),
            ParseError::ParsingAtEndOfInput => match first_word(text) {
                word @ ("then" | "elif" | "else" | "fi" | "do" | "done" | "esac" | "}") => {
                    Fault::Unexpected { word: word.to_owned(), line: 1 }
                }
                _ => Fault::Incomplete,
            },
            ParseError::ParsingNear(place) => {
                let rest: String = text.chars().skip(place.index).collect();
                let word = match first_word(&rest) {
                    "" => rest.chars().take(1).collect(),
                    word => word.to_owned(),
                };
                Fault::Unexpected { word, line: place.line }
            }
        }
    }

    /// What to write instead. `in_list`: of several commands.
    pub fn hint(&self, in_list: bool) -> Option<&'static str> {
        Some(match self {
            Fault::Unclosed(_) | Fault::Incomplete | Fault::Unexpected { .. } => {
                return in_list.then_some(
                    "every command of a list is complete in itself: write what belongs together as one text of several \
                     lines",
                );
            }
            Fault::Comment { .. } => {
                "a Dockerfile drops such a line, a shell does not: write the comment above the command"
            }
            Fault::Deep | Fault::Long => "write it to a file with `write`, and run that",
            Fault::Unclear => {
                "write each of its commands as a text of its own, or all to a file with `write`, and run that"
            }
            Fault::Nul => "no command can hold it: `printf '\\\\0'` writes one",
            Fault::Group { .. } => "join them by `&&`, or write the chain as lines of its own",
            Fault::Mixed { .. } => {
                "write what must not fail as a line of its own, and the rest as `if .. ; then .. ; fi`"
            }
        })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Unclosed(what) => write!(f, "{what} is not closed in this command"),
            Fault::Incomplete => f.write_str("this command is not complete: a shell would wait for the rest of it"),
            Fault::Unexpected { word, line: 1 } => {
                write!(f, "a shell cannot read this command: it stumbles over `{word}`")
            }
            Fault::Unexpected { word, line } => {
                write!(f, "a shell cannot read this command: it stumbles over `{word}` in its line {line}")
            }
            Fault::Comment { line } => {
                write!(f, "the comment in line {line} ends the command that the line above goes on with a backslash")
            }
            Fault::Long => f.write_str("this command has more words than f3s reads"),
            Fault::Deep => f.write_str(
                "this command holds more brackets and blocks, or more of them within each other, than f3s reads",
            ),
            Fault::Nul => f.write_str("this command holds the character NUL"),
            Fault::Unclear => f.write_str("where the commands of this text end cannot be told for certain"),
            Fault::Group { chain } => write!(
                f,
                "`{chain}` could fail unseen: of several commands in front of `&&` only the last one's failure counts"
            ),
            Fault::Mixed { chain } => {
                write!(f, "`{chain}` could fail unseen: behind a command that must succeed stands a test that may fail")
            }
        }
    }
}

/// The first word or operator.
fn first_word(text: &str) -> &str {
    let text = text.trim_start();
    let is_word = |c: char| !c.is_whitespace() && !";&|()<>".contains(c);
    let length = text.find(|c| !is_word(c)).unwrap_or(text.len());
    if length > 0 { &text[..length] } else { &text[..text.find(is_word_or_blank).unwrap_or(text.len())] }
}

fn is_word_or_blank(c: char) -> bool {
    c.is_whitespace() || !";&|()<>".contains(c)
}
