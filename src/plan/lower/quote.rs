//! Quoting for the Dockerfile's words.

/// A value in double quotes, as `ENV` and `LABEL` read it: `$` means nothing.
pub fn double(value: &str) -> String {
    let mut quoted = String::from("\"");
    for c in value.chars() {
        if matches!(c, '"' | '\\' | '$') {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted + "\""
}

/// A word of an instruction in which variables would be expanded and quotes removed, also within a list in JSON.
pub fn expanded(word: &str) -> String {
    let escaped = |c: char| matches!(c, '\\' | '$' | '"' | '\'').then_some('\\').into_iter().chain([c]);
    word.chars().flat_map(escaped).collect()
}

/// A list of words in JSON, as the exec form takes it.
pub fn json<T: AsRef<str>>(words: &[T]) -> String {
    let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
    serde_json::to_string(&words).expect("texts are JSON")
}
