//! The shell: quoting its words, and reading its texts. What a shell makes of a text is decided by a parser.

mod documents;
mod endings;
mod failures;
mod syntax;

pub use failures::FAIL_AGAIN;
pub use syntax::{Fault, Script};

/// One word, whatever it holds.
pub fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    always_quote(word)
}

/// One word, in quotes even where it needs none.
pub fn always_quote(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::quote;

    #[test]
    fn quotes_what_needs_it() {
        assert_eq!(["a/b-1.0", "", "a b", "it's"].map(quote), ["a/b-1.0", "''", "'a b'", "'it'\\''s'"]);
    }
}
