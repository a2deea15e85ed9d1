//! Quoting for the Dockerfile's words.

/// A value in double quotes, as `ENV` and `LABEL` read it: `$` means nothing.
pub fn double(value: &str) -> String {
    format!("\"{}\"", escaped(value))
}

/// What stands between double quotes.
pub fn escaped(value: &str) -> String {
    let escaped = |c: char| matches!(c, '"' | '\\' | '$').then_some('\\').into_iter().chain([c]);
    value.chars().flat_map(escaped).collect()
}

/// The name of a variable or label: in quotes where it would be read as a flag.
pub fn name(name: &str) -> String {
    if name.starts_with('-') { double(name) } else { name.to_owned() }
}

/// A word of an instruction in which variables would be expanded and quotes removed, also within a list in JSON.
pub fn expanded(word: &str) -> String {
    // Blanks at the ends are trimmed; a backslash at the end of a line, even an escaped one, makes engines before 23.0 go on.
    if word.ends_with('\\') || word.trim() != word {
        return double(word);
    }
    let escaped = |c: char| matches!(c, '\\' | '$' | '"' | '\'').then_some('\\').into_iter().chain([c]);
    word.chars().flat_map(escaped).collect()
}

/// A list of words in JSON, as the exec form takes it.
pub fn json<T: AsRef<str>>(words: &[T]) -> String {
    let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
    serde_json::to_string(&words).expect("texts are JSON")
}
