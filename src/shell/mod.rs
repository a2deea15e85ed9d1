//! The shell: quoting its words, and reading its texts. What a shell makes of a text is decided by a parser.

mod chains;
mod comments;
mod depth;
mod documents;
mod endings;
mod failures;
mod fault;
mod groups;
mod places;
mod script;
mod syntax;

pub use failures::FAIL_AGAIN;
pub use fault::Fault;
pub use script::Script;

/// The shell of these words, if it is one that does not read what f3s gives to shells: `set -eu`, and commands as POSIX has them.
/// Who is not known is trusted.
pub fn foreign(words: &[String]) -> Option<&str> {
    const FOREIGN: &[&str] =
        &["fish", "csh", "tcsh", "rc", "es", "nu", "elvish", "xonsh", "pwsh", "powershell", "cmd", "python", "python3"];
    let mut names = words.iter().map(|word| word.rsplit(['/', '\\']).next().unwrap_or_default());
    let name = names.find(|name| *name != "env" && !name.starts_with('-'))?;
    let program = name.to_ascii_lowercase();
    FOREIGN.contains(&program.strip_suffix(".exe").unwrap_or(&program)).then_some(name)
}

/// "in ..": why its commands are not run.
pub fn foreign_reason(shell: &str) -> String {
    format!("`{shell}`, which does not know `set -eu`: there a command could fail unseen")
}

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
    use super::{foreign, quote};

    #[test]
    fn shells_of_other_kinds_are_known_by_their_names() {
        for (words, shell) in [
            (&["/bin/sh", "-c"][..], None),
            (&["/bin/bash", "-o", "pipefail", "-c"], None),
            (&["/opt/own", "-c"], None),
            (&["conda", "run", "fish"], None),
            (&["/usr/bin/fish", "-c"], Some("fish")),
            (&["/usr/bin/env", "-S", "tcsh", "-c"], Some("tcsh")),
            (&["C:\\Windows\\System32\\cmd.EXE", "/S", "/C"], Some("cmd.EXE")),
            (&["pwsh", "-Command"], Some("pwsh")),
            (&[], None),
        ] {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            assert_eq!(foreign(&words), shell, "{words:?}");
        }
    }

    #[test]
    fn quotes_what_needs_it() {
        assert_eq!(["a/b-1.0", "", "a b", "it's"].map(quote), ["a/b-1.0", "''", "'a b'", "'it'\\''s'"]);
    }
}
