//! `.netrc`: logins by machine, as ftp(1) and curl read them.

pub struct Entry {
    pub machine: String,
    pub user: String,
    pub password: String,
}

/// `default` is left out: it would give a login to whatever host a recipe names.
pub fn parse(text: &str) -> Vec<Entry> {
    let mut logins: Vec<Entry> = Vec::new();
    let mut open = false;
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let mut words = words(line).into_iter();
        while let Some(word) = words.next() {
            match word.as_str() {
                "machine" => {
                    let machine = words.next().unwrap_or_default();
                    logins.push(Entry { machine, user: String::new(), password: String::new() });
                    open = true;
                }
                "default" => open = false,
                // Its text ends at an empty line.
                "macdef" => {
                    _ = lines.by_ref().find(|line| line.trim().is_empty());
                    break;
                }
                key @ ("login" | "password" | "account") => {
                    let value = words.next().unwrap_or_default();
                    if let Some(login) = logins.last_mut().filter(|_| open) {
                        match key {
                            "login" => login.user = value,
                            "password" => login.password = value,
                            _ => {}
                        }
                    }
                }
                comment if comment.starts_with('#') => break,
                _ => {}
            }
        }
    }
    logins
}

/// The words of a line; one in quotes may hold blanks.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = line.trim_start();
    while !rest.is_empty() {
        let (word, left) = match rest.strip_prefix('"') {
            Some(quoted) => quoted_word(quoted),
            None => {
                let (word, left) = rest.split_at(rest.find(char::is_whitespace).unwrap_or(rest.len()));
                (word.to_owned(), left)
            }
        };
        words.push(word);
        rest = left.trim_start();
    }
    words
}

fn quoted_word(text: &str) -> (String, &str) {
    let mut word = String::new();
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return (word, &text[at + 1..]),
            '\\' => word.extend(letters.next().map(|(_, letter)| letter)),
            letter => word.push(letter),
        }
    }
    (word, "")
}
