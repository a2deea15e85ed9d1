//! Patterns over paths: `.dockerignore`, and the options `only` and `exclude`. The rules are Docker's to the letter
//! (`moby/patternmatcher` 0.6, and how `tonistiigi/fsutil` walks with it): what it leaves out must not enter an image here.

mod clean;
mod regexp;
mod single;

pub use clean::clean;
pub use regexp::Invalid;

use single::{META, Pattern};

/// Patterns in order: the last one that matches decides, `!` excepts, and what matches takes all below it.
#[derive(Clone, Debug, Default)]
pub struct Patterns {
    patterns: Vec<Pattern>,
    excepts: bool,
    /// Exceptions are plain paths, so that folders they cannot lead into are not looked into.
    plain_exceptions: bool,
}

/// What the patterns say of a folder, which those of its files build upon.
#[derive(Clone, Debug, Default)]
pub struct Matched {
    by: Vec<bool>,
    /// The path itself is left out.
    pub out: bool,
}

impl Patterns {
    /// Empty ones count for nothing. Errors: the number, from 0, of one that means nothing.
    pub fn new<T: AsRef<str>>(texts: &[T]) -> Result<Patterns, (usize, Invalid)> {
        let mut patterns = Vec::new();
        for (number, text) in texts.iter().enumerate() {
            patterns.extend(Pattern::parse(text.as_ref()).map_err(|error| (number, error))?);
        }
        let excepts = patterns.iter().any(|pattern| pattern.except);
        let plain = |pattern: &Pattern| !pattern.except || !pattern.without_trailing_glob().contains(META);
        let plain_exceptions = patterns.iter().all(plain);
        Ok(Patterns { patterns, excepts, plain_exceptions })
    }

    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    /// What they say of a path without any of its parents being known. The root, the empty path, is never left out.
    pub fn of(&self, path: &str) -> Matched {
        let mut matched = Matched::default();
        if path.is_empty() {
            return matched;
        }
        for (end, _) in path.match_indices('/').chain([(path.len(), "")]) {
            matched = self.below(&matched, &path[..end]);
        }
        matched
    }

    /// What they say of a path in a folder of which `parent` tells; the default is the root's.
    pub fn below(&self, parent: &Matched, path: &str) -> Matched {
        let mut matched = Matched { by: vec![false; self.patterns.len()], out: false };
        for (number, pattern) in self.patterns.iter().enumerate() {
            let known = parent.by.get(number).copied().unwrap_or(false);
            // One that could change nothing is not asked, and its folder's content does not inherit from it.
            if known || (pattern.except == matched.out && pattern.matches(path)) {
                matched.by[number] = true;
                matched.out = !pattern.except;
            }
        }
        matched
    }

    /// True when Docker looks into a folder that is left out: something below it may be excepted.
    pub fn may_except_below(&self, folder: &str) -> bool {
        let folder = format!("{folder}/");
        let leads_there = |pattern: &&Pattern| format!("{}/", pattern.without_trailing_glob()).starts_with(&folder);
        let mut exceptions = self.patterns.iter().filter(|pattern| pattern.except);
        if self.plain_exceptions { exceptions.any(|pattern| leads_there(&pattern)) } else { self.excepts }
    }

    pub fn matches(&self, path: &str) -> bool {
        self.of(path).out
    }
}

#[cfg(test)]
mod tests {
    use super::Patterns;

    #[track_caller]
    fn check(patterns: &[&str], out: &[&str], kept: &[&str]) {
        let compiled = Patterns::new(patterns).unwrap();
        for path in out {
            assert!(compiled.matches(path), "{patterns:?} keep {path}");
        }
        for path in kept {
            assert!(!compiled.matches(path), "{patterns:?} leave {path} out");
        }
    }

    #[test]
    fn the_last_match_wins_and_folders_take_what_is_below() {
        let patterns = ["target", "**/*.log", "docs/*", "!docs/kept"];
        check(
            &patterns,
            &["target", "target/a/b", "x.log", "a/b/x.log", "docs/other", "docs/other/x"],
            &["src/target", "docs", "docs/kept", "docs/kept/x", "a"],
        );
    }

    #[test]
    fn stars_question_marks_and_classes_are_docker_s() {
        check(&["**.pem"], &["a.pem", "x/y.pem", ".pem"], &["a.pemx"]);
        check(&["a**/*.txt"], &["ab/c/d.txt", "a.txt", "abc/d.txt"], &["b.txt"]);
        check(&["a?b"], &["axb", "aüb", "a日b"], &["a/b", "ab"]);
        check(&["{a,b}", "[!a]", "x{"], &["{a,b}", "!", "a", "x{"], &["b", "x"]);
        check(&["[^a-c]x", "[\\]\\-]"], &["dx", "]", "-"], &["ax", "\\"]);
        check(&["x/**"], &["x/a", "x/a/b"], &["x"]);
        check(&["a\\*b"], &["a*b"], &["axb"]);
        // Older clients take these for operators of the regular expression.
        check(&["a|*", "b+?", "(?)"], &["a|x", "b+x", "(x)"], &["a", "x", "bbx"]);
        check(&["**"], &["a"], &[""]);
    }

    #[test]
    fn what_go_s_regular_expressions_read_in_a_pattern_counts() {
        check(&["\\d"], &["7"], &["d"]);
        check(&["[[:upper:]]z]"], &[], &["Az"]);
        check(&["[[:upper:]]"], &["A"], &["a", ":"]);
        check(&["[a*b]"], &["b]", "aab]", "/b]"], &["a", "b", "a*b]"]);
        check(&["\\Q?"], &["[^/]$"], &["a"]);
    }

    #[test]
    fn what_docker_refuses_is_refused() {
        for wrong in ["!", "[", "a[", "[]a]", "a\\", "[a-]", "[z-a]", "[-x]", "\\y", "[^]"] {
            assert!(Patterns::new(&[wrong]).is_err(), "{wrong}");
        }
        assert!(Patterns::new(&["", " ", "a]", "{", "(", "+"]).is_ok());
    }

    #[test]
    fn folders_are_looked_into_where_an_exception_may_lead() {
        let may = |patterns: &[&str], folder: &str| Patterns::new(patterns).unwrap().may_except_below(folder);
        assert!(may(&["*", "!a/b"], "a"));
        assert!(!may(&["*", "!a/b"], "b"));
        assert!(may(&["*", "!**/b"], "c"));
        assert!(!may(&["*"], "c"));
    }
}
