//! A shell command as words and operators. What stands in quotes, substitutions and subshells stays unread: it cannot
//! change the shell around it. What is not understood for certain is not read at all.

#[derive(Clone, Debug, PartialEq)]
pub enum Token {
    /// As written, quotes and expansions included.
    Word(String),
    /// `;`, `&&`, `|`, a line break..: here another command may begin.
    Separator(&'static str),
    /// `>`, `<`..: a word follows that is no word of the command.
    Redirection,
    /// `( .. )`, where a command could stand.
    Subshell,
}

/// The longest of those that begin alike come first.
const SEPARATORS: &[&str] = &["&&", "||", "|&", "|", ";;&", ";;", ";&", ";", "&", ")", "\n"];
/// `&>` is none: where the shell is not bash, it ends a command that goes on in the background.
const REDIRECTIONS: &[&str] = &["<<<", "<<-", "<<", "<&", "<>", "<", ">>", ">&", ">|", ">"];

/// `None`: the command is not complete, or not understood.
pub fn tokens(command: &str) -> Option<Vec<Token>> {
    let mut reader = Reader { text: command, at: 0, tokens: Vec::new(), here_documents: Vec::new() };
    while reader.at < command.len() {
        reader.token()?;
    }
    reader.here_documents.is_empty().then_some(reader.tokens)
}

/// A word without its quotes.
pub fn unquoted(word: &str) -> String {
    word.replace("\\\n", "").chars().filter(|c| !matches!(c, '\'' | '"' | '\\')).collect()
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    tokens: Vec<Token>,
    /// The last lines of here-documents that begin behind the next line break, and whether tabs may precede them.
    here_documents: Vec<(String, bool)>,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn starts(&self, prefixes: &[&'static str]) -> Option<&'static str> {
        prefixes.iter().find(|prefix| self.rest().starts_with(**prefix)).copied()
    }

    fn token(&mut self) -> Option<()> {
        if self.rest().starts_with("\\\n") {
            self.at += 2;
        } else if self.rest().starts_with('#') {
            self.at += self.rest().find('\n').unwrap_or(self.rest().len());
        } else if self.rest().starts_with([' ', '\t']) {
            self.at += 1;
        } else if self.rest().starts_with('(') {
            self.at += 1;
            self.subshell()?;
            self.tokens.push(Token::Subshell);
        } else if let Some(operator) = self.starts(REDIRECTIONS) {
            self.at += operator.len();
            self.tokens.push(Token::Redirection);
            if matches!(operator, "<<" | "<<-") {
                self.at += self.rest().len() - self.rest().trim_start_matches([' ', '\t']).len();
                let end = self.word()?;
                self.here_documents.push((unquoted(&end), operator == "<<-"));
                self.tokens.push(Token::Word(end));
            }
        } else if let Some(operator) = self.starts(SEPARATORS) {
            self.at += operator.len();
            self.tokens.push(Token::Separator(operator));
            if operator == "\n" {
                self.skip_here_documents()?;
            }
        } else {
            let word = self.word()?;
            let is_descriptor = word.bytes().all(|byte| byte.is_ascii_digit()) && self.rest().starts_with(['<', '>']);
            if !is_descriptor {
                self.tokens.push(Token::Word(word));
            }
        }
        Some(())
    }

    fn skip_here_documents(&mut self) -> Option<()> {
        for (end, tabs) in std::mem::take(&mut self.here_documents) {
            loop {
                let line = self.rest().split('\n').next().filter(|_| !self.rest().is_empty())?;
                self.at = (self.at + line.len() + 1).min(self.text.len());
                let line = if tabs { line.trim_start_matches('\t') } else { line };
                if line == end {
                    break;
                }
            }
        }
        Some(())
    }

    fn word(&mut self) -> Option<String> {
        let start = self.at;
        while let Some(c) = self.rest().chars().next() {
            if c.is_whitespace() || ";&|<>()".contains(c) {
                break;
            }
            self.piece(c, false)?;
        }
        (self.at > start).then(|| self.text[start..self.at].to_owned())
    }

    /// One character, or all that belongs to the quote or expansion which begins here.
    fn piece(&mut self, c: char, quoted: bool) -> Option<()> {
        self.at += c.len_utf8();
        match c {
            '\\' => self.at += self.rest().chars().next()?.len_utf8(),
            '\'' if !quoted => self.at += self.rest().find('\'')? + 1,
            '"' if !quoted => self.until('"', true)?,
            '`' => self.until('`', true)?,
            '$' if self.rest().starts_with('(') => {
                self.at += 1;
                self.subshell()?;
            }
            '$' if self.rest().starts_with('{') => {
                self.at += 1;
                let start = self.at;
                self.until('}', quoted)?;
                // Whether a single quote quotes there depends on the shell.
                return (!quoted || !self.text[start..self.at].contains('\'')).then_some(());
            }
            // bash has quotes of its own behind it.
            '$' if self.rest().starts_with(['\'', '"']) && !quoted => return None,
            _ => {}
        }
        Some(())
    }

    fn until(&mut self, end: char, quoted: bool) -> Option<()> {
        loop {
            let c = self.rest().chars().next()?;
            if c == end {
                self.at += c.len_utf8();
                return Some(());
            }
            self.piece(c, quoted)?;
        }
    }

    /// Up to the parenthesis that closes the open one.
    fn subshell(&mut self) -> Option<()> {
        let start = self.at;
        loop {
            let c = self.rest().chars().next()?;
            let begins = self.at == start || self.text[..self.at].ends_with([' ', '\t', '\n', ';', '(']);
            match c {
                ')' => break,
                '(' => {
                    self.at += 1;
                    self.subshell()?;
                }
                '#' if begins => self.at += self.rest().find('\n')?,
                _ => self.piece(c, false)?,
            }
        }
        let inside = &self.text[start..self.at];
        self.at += 1;
        // Both may hold parentheses that close nothing.
        let has_case = inside.split(|c: char| !c.is_alphanumeric()).any(|word| word == "case");
        (!has_case && !inside.contains("<<")).then_some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(command: &str) -> String {
        let Some(tokens) = tokens(command) else { return "?".to_owned() };
        let shown = tokens.into_iter().map(|token| match token {
            Token::Word(word) => format!("[{word}]"),
            Token::Separator(operator) => operator.replace('\n', "NL"),
            Token::Redirection => ">".to_owned(),
            Token::Subshell => "()".to_owned(),
        });
        shown.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn words_and_operators() {
        for (command, expected) in [
            ("a  b;c", "[a] [b] ; [c]"),
            ("a && b || c | d &", "[a] && [b] || [c] | [d] &"),
            ("a\nb \\\n  c", "[a] NL [b] [c]"),
            ("a # b; c\nd#e", "[a] NL [d#e]"),
            ("a 2>&1 >'x y' 3 >z", "[a] > [1] > ['x y'] [3] > [z]"),
            (r#"a 'b;c' "d;$(e ")" f);g" h\;i"#, r#"[a] ['b;c'] ["d;$(e ")" f);g"] [h\;i]"#),
            ("a $(b; (c)) ${d:-$(e)} `f; g` $((1+2))", "[a] [$(b; (c))] [${d:-$(e)}] [`f; g`] [$((1+2))]"),
            ("(a; # b)\n c) && d", "() && [d]"),
            ("a <<X <<-'Y' | b\ncd $(\nX\n\tcd (\n\tY\nc", "[a] > [X] > ['Y'] | [b] NL [c]"),
            ("case a in b) c;; esac", "[case] [a] [in] [b] ) [c] ;; [esac]"),
        ] {
            assert_eq!(read(command), expected, "{command}");
        }
    }

    #[test]
    fn what_is_not_complete_or_not_certain() {
        for command in ["a 'b", "a \"b", "a $(b", "(a", "a `b", "a ${b", "a \\", "a <<X", "a <<X\nb"] {
            assert_eq!(tokens(command), None, "{command}");
        }
        for command in ["a $'b\\'c'", "a $(case b in c) d;; esac)", "a \"${b:-it's}\"", "a $(cat <<X\n)\nX\n)"] {
            assert_eq!(tokens(command), None, "{command}");
        }
    }
}
