//! Comments between the lines of one command: Dockerfiles drop them, for a shell they end the command.

use brush_parser::Token;

/// Behind these words a command begins, on the same line or a later one.
const OPENING: &[&str] = &["then", "do", "else", "elif", "if", "while", "until", "in", "{", "!"];

/// The line, from 1, of the first comment behind a line that a backslash continues, unless an operator or a keyword stands
/// in front, behind which a shell goes on anyway.
pub fn that_end_a_command(text: &str, tokens: &[Token]) -> Option<usize> {
    if !text.contains("\\\n") {
        return None;
    }
    let (mut at, mut tokens, mut before) = (0, tokens.iter().peekable(), None::<&Token>);
    let lines: Vec<&str> = text.split('\n').collect();
    for (number, pair) in lines.windows(2).enumerate() {
        let length = pair[0].chars().count();
        let end = at + length;
        at = end + 1;
        if !is_continued(pair[0]) || !pair[1].trim_start_matches([' ', '\t']).starts_with('#') {
            continue;
        }
        let backslash = end - 1;
        while let Some(token) = tokens.next_if(|token| token.location().end.index <= backslash) {
            before = Some(token);
        }
        // The end of the comment's line may be said to begin here, too.
        let is_within = tokens
            .peek()
            .is_some_and(|token| matches!(token, Token::Word(..)) && token.location().start.index <= backslash);
        let goes_on = match before {
            None | Some(Token::Operator(..)) => true,
            Some(Token::Word(word, _)) => OPENING.contains(&word.as_str()),
        };
        if !is_within && !goes_on {
            return Some(number + 2);
        }
    }
    None
}

fn is_continued(line: &str) -> bool {
    (line.len() - line.trim_end_matches('\\').len()) % 2 == 1 && !line.trim_start().starts_with('#')
}

#[cfg(test)]
mod tests {
    use crate::shell::{Fault, Script};

    #[test]
    fn comments_that_end_a_command_are_found() {
        for (text, line) in [
            ("apt-get install \\\n# why\n  curl", Some(2)),
            ("echo x \\\n\t# why\n  >/out", Some(2)),
            ("A=1 \\\n# why\nenv", Some(2)),
            ("set -x \\\n# why\n  && a", Some(2)),
            ("a; \\\n# why\nb x \\\n# why\ny", Some(4)),
            ("echo 'ü' \\\n# why\n  >/out", Some(2)),
            ("a && \\\n# why\n b", None),
            ("a; \\\n# why\n b", None),
            ("a | \\\n# why\n b", None),
            ("if a; then \\\n# why\n b; fi", None),
            ("case a in \\\n a) \\\n# why\n b;; esac", None),
            ("# why \\\n# not\na", None),
            ("echo 'a \\\n# b'", None),
            ("echo \"a \\\n# b\"", None),
            ("cat <<X\na \\\n# b\nX", None),
            ("a \\\\\n# why", None),
            ("a \\\n b # why", None),
            ("\\\n# why\na", None),
        ] {
            let found = match Script::parse(text) {
                Err(Fault::Comment { line }) => Some(line),
                Err(fault) => panic!("{text}: {fault}"),
                Ok(_) => None,
            };
            assert_eq!(found, line, "{text}");
        }
    }
}
