//! Here-documents: a text without them, character for character. The parser's tokens come in a wrong order where a line goes
//! on behind `<<X` with `$(..)` or `${..}`: so the parser is given `< X` there, and blanks in place of the document.

use std::borrow::Cow;

use brush_parser::{Token, TokenizerOptions};

use super::fault::Fault;

/// How many characters are looked at again and again to find what is quoted.
const MAX_LOOKED_AT: usize = 4 << 20;

pub fn without<'t>(text: &'t str, options: &TokenizerOptions) -> Result<Cow<'t, str>, Fault> {
    if !text.contains("<<") {
        return Ok(Cow::Borrowed(text));
    }
    let mut reading = Reading { text: text.chars().collect(), begin: 0, waiting: Vec::new(), looked_at: 0, options };
    let mut at = 0;
    while let Some(c) = reading.text.get(at) {
        at = match c {
            '<' if reading.text[at..].starts_with(&['<'; 3]) => at + 3,
            '<' if reading.text[at..].starts_with(&['<'; 2]) => reading.redirection(at)?,
            '\n' if !reading.waiting.is_empty() => reading.line_end(at)?,
            _ => at + 1,
        };
    }
    match reading.waiting.is_empty() {
        true => Ok(Cow::Owned(reading.text.into_iter().collect())),
        false => Err(Fault::missing_document()),
    }
}

struct Reading<'o> {
    text: Vec<char>,
    /// Where no quote and no substitution is open.
    begin: usize,
    /// The documents that begin behind this line.
    waiting: Vec<Document>,
    looked_at: usize,
    options: &'o TokenizerOptions,
}

struct Document {
    end: String,
    /// Backslashes join lines.
    is_expanded: bool,
    is_indented: bool,
}

impl Reading<'_> {
    fn redirection(&mut self, at: usize) -> Result<usize, Fault> {
        let mut tokens = self.tokens(at, "<<x\nx\n")?.into_iter();
        let is_operator = |token: &Token| matches!(token, Token::Operator(operator, span) if operator == "<<" && span.start.index == at - self.begin);
        // Neither a comment nor a number that is shifted.
        let opens =
            tokens.any(|token| is_operator(&token)) && tokens.nth(1).is_some_and(|body| body.to_str().is_empty());
        if !opens {
            return Ok(at + 2);
        }
        let is_indented = self.text.get(at + 2) == Some(&'-');
        let operator_end = at + if is_indented { 3 } else { 2 };
        self.text[at + 1..operator_end].fill(' ');
        let (end, is_expanded, behind) = delimiter(&self.text, operator_end)?;
        self.waiting.push(Document { end, is_expanded, is_indented });
        Ok(behind)
    }

    /// Takes out the documents, if the line ends here.
    fn line_end(&mut self, at: usize) -> Result<usize, Fault> {
        let ends = |token: &Token| matches!(token, Token::Operator(operator, _) if operator == "\n");
        if !self.tokens(at, "\n")?.last().is_some_and(ends) {
            return Ok(at + 1);
        }
        let mut at = at + 1;
        for document in std::mem::take(&mut self.waiting) {
            at = self.take_out(&document, at)?;
        }
        self.begin = at;
        Ok(at)
    }

    fn take_out(&mut self, document: &Document, from: usize) -> Result<usize, Fault> {
        let (mut at, mut joined, mut is_joined) = (from, String::new(), false);
        while at < self.text.len() {
            let line_end =
                self.text[at..].iter().position(|c| *c == '\n').map_or(self.text.len(), |length| at + length);
            let line: String = self.text[at..line_end].iter().collect();
            self.text[at..line_end].fill(' ');
            at = (line_end + 1).min(self.text.len());
            let line = if document.is_indented { line.trim_start_matches('\t') } else { &line };
            joined.push_str(line);
            let backslashes = line.len() - line.trim_end_matches('\\').len();
            if document.is_expanded && backslashes % 2 == 1 {
                joined.pop();
                is_joined = true;
                continue;
            }
            match joined == document.end {
                // Shells disagree.
                true if is_joined => return Err(Fault::Unclear),
                true => return Ok(at),
                false => (joined, is_joined) = (String::new(), false),
            }
        }
        Err(Fault::missing_document())
    }

    /// What the text holds from `begin` to `end`, with `more` behind it. Nothing where something is open.
    fn tokens(&mut self, end: usize, more: &str) -> Result<Vec<Token>, Fault> {
        self.looked_at += end - self.begin;
        if self.looked_at > MAX_LOOKED_AT {
            return Err(Fault::Deep);
        }
        let text: String = self.text[self.begin..end].iter().copied().chain(more.chars()).collect();
        Ok(brush_parser::uncached_tokenize_str(&text, self.options).unwrap_or_default())
    }
}

/// The word behind the operator: what it is without its quotes, whether it had none, and where it ends.
fn delimiter(text: &[char], from: usize) -> Result<(String, bool, usize), Fault> {
    let blanks = text[from..].iter().take_while(|c| matches!(c, ' ' | '\t')).count();
    let (start, mut word, mut quote, mut is_expanded) = (from + blanks, String::new(), None, true);
    let mut at = start;
    while let Some(&c) = text.get(at) {
        at += 1;
        match (quote, c) {
            (_, '\n') if quote.is_some() => return Err(Fault::Unclear),
            (Some(open), c) if open == c => quote = None,
            (None, '\'' | '"') => (quote, is_expanded) = (Some(c), false),
            (None | Some('"'), '\\') => match text.get(at) {
                Some('\n') | None => return Err(Fault::Unclear),
                Some(escaped) => {
                    is_expanded = false;
                    if quote.is_some() && !matches!(escaped, '"' | '\\' | '$' | '`') {
                        word.push('\\');
                    }
                    word.push(*escaped);
                    at += 1;
                }
            },
            // Shells disagree.
            (None | Some('"'), '$' | '`') => return Err(Fault::Unclear),
            (None, c) if c.is_ascii_whitespace() || ";&|<>()".contains(c) => {
                at -= 1;
                break;
            }
            (_, c) => word.push(c),
        }
    }
    if at == start || quote.is_some() {
        return Err(Fault::missing_document());
    }
    Ok((word, is_expanded, at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<String, Fault> {
        without(text, &TokenizerOptions::default()).map(Cow::into_owned)
    }

    #[test]
    fn documents_are_taken_out_and_nothing_else_is() {
        for (text, expected) in [
            ("cat <<X; b\nit's\nX\nc", "cat < X; b\n    \n \nc"),
            ("cat <<-'X Y' && b $(c\nd)\n\t(\n\tX Y\nc", "cat <  'X Y' && b $(c\nd)\n  \n    \nc"),
            ("cat <<X <<\\Y\na\\\nb\nX\nb\\\nY", "cat < X < \\Y\n  \n \n \n  \n "),
            ("cat <<X && \\\n  b\nX\n", "cat < X && \\\n  b\n \n"),
            ("a '<<X' \"<<X\" \\<<X $((1 << 2)) <<<x # <<X", "a '<<X' \"<<X\" \\<<X $((1 << 2)) <<<x # <<X"),
            ("a $(cat <<X\n(\nX\n) <<Y\n'\nY", "a $(cat <<X\n(\nX\n) < Y\n \n "),
            ("cat <<X\nX", "cat < X\n "),
        ] {
            assert_eq!(read(text), Ok(expected.to_owned()), "{text}");
        }
    }

    #[test]
    fn what_shells_disagree_on_is_refused() {
        for text in ["cat <<$X\n$X", "cat <<`a`\na", "cat <<X\n\\\nX\nX", "cat <<'X\nY'\nX\nY"] {
            assert_eq!(read(text), Err(Fault::Unclear), "{text}");
        }
        for text in ["cat <<X", "cat <<X\nY", "cat <<X\na\\\nX", "cat <<\nX", "cat <<;\nX", "cat <<X <<Y\nX"] {
            assert_eq!(read(text), Err(Fault::missing_document()), "{text}");
        }
        assert!(read(&format!("'{}'", "<< ".repeat(20_000))) == Err(Fault::Deep));
        let many = "cat <<X $(a)\nit's <<Y\nX\n".repeat(5_000);
        assert_eq!(read(&many).unwrap().len(), many.len());
    }
}
