//! Patterns over paths: `.dockerignore`, and the options `only` and `exclude`.
//!
//! The rules of `.dockerignore` (docs.docker.com, "Build context"): patterns are relative to the root, `**` crosses folders, a
//! pattern that matches a folder takes all below it, `!` excepts, the last match wins.

use globset::{GlobBuilder, GlobMatcher};

#[derive(Clone, Debug, Default)]
pub struct Patterns(Vec<Pattern>);

#[derive(Clone, Debug)]
struct Pattern {
    matcher: GlobMatcher,
    except: bool,
}

impl Patterns {
    /// Lines that are no patterns are left out: they match nothing.
    pub fn new(lines: &[String]) -> Patterns {
        Patterns(lines.iter().filter_map(|line| Pattern::parse(line)).collect())
    }

    /// True when something below a path that matches may be excepted.
    pub fn has_exceptions(&self) -> bool {
        self.0.iter().any(|pattern| pattern.except)
    }

    pub fn matches(&self, path: &str) -> bool {
        let ancestors = || std::iter::successors(Some(path), |path| path.rsplit_once('/').map(|(folder, _)| folder));
        self.0
            .iter()
            .rfind(|pattern| ancestors().any(|path| pattern.matcher.is_match(path)))
            .is_some_and(|pattern| !pattern.except)
    }
}

impl Pattern {
    fn parse(line: &str) -> Option<Pattern> {
        let line = line.trim();
        let (except, text) = line.strip_prefix('!').map_or((false, line), |rest| (true, rest.trim()));
        let text = text.trim_start_matches("./").trim_matches('/');
        if text.is_empty() {
            return None;
        }
        let glob = GlobBuilder::new(text).literal_separator(true).backslash_escape(true).build().ok()?;
        Some(Pattern { matcher: glob.compile_matcher(), except })
    }
}

#[cfg(test)]
mod tests {
    use super::Patterns;

    #[test]
    fn the_last_match_wins_and_folders_take_what_is_below() {
        let patterns = Patterns::new(&["target", "**/*.log", "docs/*", "!docs/kept"].map(str::to_owned));
        for out in ["target", "target/a/b", "x.log", "a/b/x.log", "docs/other", "docs/other/x"] {
            assert!(patterns.matches(out), "{out}");
        }
        for kept in ["src/target", "docs", "docs/kept", "docs/kept/x", "a"] {
            assert!(!patterns.matches(kept), "{kept}");
        }
    }
}
