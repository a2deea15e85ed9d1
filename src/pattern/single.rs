//! One pattern, read and compiled as `moby/patternmatcher` does.

use regex::bytes::Regex;

use super::clean;
use super::regexp::{self, Invalid};

/// What makes a path more than a name.
pub const META: [char; 6] = ['*', '[', ']', '?', '^', '\\'];

#[derive(Clone, Debug)]
pub struct Pattern {
    /// Without `!`.
    text: String,
    pub except: bool,
    matcher: Matcher,
}

#[derive(Clone, Debug)]
enum Matcher {
    Exact,
    /// `a/**`: the length of what stands before the stars.
    Prefix(usize),
    /// `**a`: what stands behind the stars, also at the root if it begins with a slash.
    Suffix,
    Regexp(Box<Regex>),
}

impl Pattern {
    /// `None` for one that is empty.
    pub fn parse(text: &str) -> Result<Option<Pattern>, Invalid> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(None);
        }
        let cleaned = clean(text);
        let (except, text) = cleaned.strip_prefix('!').map_or((false, &*cleaned), |rest| (true, rest));
        if except && text.is_empty() {
            return Err(Invalid("it excepts nothing"));
        }
        well_formed(text)?;
        let matcher = Matcher::of(text)?;
        Ok(Some(Pattern { text: text.to_owned(), except, matcher }))
    }

    /// True for this very path; what lies below a folder that matches is not its matter.
    pub fn matches(&self, path: &str) -> bool {
        match &self.matcher {
            Matcher::Exact => path == self.text,
            Matcher::Prefix(length) => path.starts_with(&self.text[..*length]),
            Matcher::Suffix => {
                let suffix = &self.text[2..];
                path.ends_with(suffix) || suffix.strip_prefix('/') == Some(path)
            }
            Matcher::Regexp(regexp) => regexp.is_match(path.as_bytes()),
        }
    }

    pub fn without_trailing_glob(&self) -> &str {
        let text = self.text.strip_suffix("/**").unwrap_or(&self.text);
        text.strip_suffix("/*").unwrap_or(text)
    }
}

impl Matcher {
    fn of(text: &str) -> Result<Matcher, Invalid> {
        let mut matcher = Kind::Exact;
        let mut expression = String::from("^");
        // Go's scanner skips a byte order mark.
        let mut rest = text.strip_prefix('\u{feff}').unwrap_or(text).chars().peekable();
        let mut at_start = true;
        while let Some(c) = rest.next() {
            match c {
                '*' if rest.next_if_eq(&'*').is_some() => {
                    rest.next_if_eq(&'/');
                    if rest.peek().is_some() {
                        expression.push_str("(.*/)?");
                        matcher = Kind::Regexp;
                    } else if matcher == Kind::Exact {
                        matcher = Kind::Prefix;
                    } else {
                        expression.push_str(".*");
                        matcher = Kind::Regexp;
                    }
                    if at_start {
                        matcher = Kind::Suffix;
                    }
                }
                '*' => {
                    expression.push_str("[^/]*");
                    matcher = Kind::Regexp;
                }
                '?' => {
                    expression.push_str("[^/]");
                    matcher = Kind::Regexp;
                }
                '.' | '+' | '(' | ')' | '|' | '{' | '}' | '$' => expression.extend(['\\', c]),
                '\\' => {
                    expression.push('\\');
                    // At the end it escapes the end itself.
                    if let Some(escaped) = rest.next() {
                        expression.push(escaped);
                        matcher = Kind::Regexp;
                    }
                }
                '[' | ']' => {
                    expression.push(c);
                    matcher = Kind::Regexp;
                }
                c => expression.push(c),
            }
            at_start = false;
        }
        Ok(match matcher {
            Kind::Exact => Matcher::Exact,
            Kind::Prefix => Matcher::Prefix(text.len() - 2),
            Kind::Suffix => Matcher::Suffix,
            Kind::Regexp => Matcher::Regexp(Box::new(regexp::compile(&(expression + "$"))?)),
        })
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Exact,
    Prefix,
    Suffix,
    Regexp,
}

/// What Go's `filepath.Match` finds wrong when it holds the pattern against `.`, which is how Docker tries it: it looks at
/// what stands in front of the first star that counts, and behind that only as far as `.` matches.
fn well_formed(text: &str) -> Result<(), Invalid> {
    let (first, rest) = chunk(text.trim_start_matches('*'));
    elements(first)?;
    let is_dot = match first {
        "." | "?" | "\\." => true,
        class if class.starts_with('[') => {
            // One class and nothing else, of the characters that the expression takes.
            let length = elements(class)?;
            length == 1 && regexp::compile(&format!("^{class}$")).is_ok_and(|class| class.is_match(b"."))
        }
        _ => false,
    };
    if is_dot {
        elements(chunk(rest.trim_start_matches('*')).0)?;
    }
    Ok(())
}

/// Up to a star that stands in no class.
fn chunk(text: &str) -> (&str, &str) {
    let mut in_class = false;
    let mut rest = text.char_indices();
    while let Some((at, c)) = rest.next() {
        match c {
            '\\' => _ = rest.next(),
            '[' => in_class = true,
            ']' => in_class = false,
            '*' if !in_class => return text.split_at(at),
            _ => {}
        }
    }
    (text, "")
}

/// How many characters a chunk stands for: classes have an end, at least one range and no bare `-`, and nothing ends in `\`.
fn elements(chunk: &str) -> Result<usize, Invalid> {
    let mut rest = chunk.chars().peekable();
    let mut count = 0;
    while let Some(c) = rest.next() {
        count += 1;
        match c {
            '\\' if rest.next().is_none() => return Err(Invalid("`\\` at its end escapes nothing")),
            '[' => class(&mut rest)?,
            _ => {}
        }
    }
    Ok(count)
}

type Rest<'t> = std::iter::Peekable<std::str::Chars<'t>>;

fn class(rest: &mut Rest) -> Result<(), Invalid> {
    rest.next_if_eq(&'^');
    let mut ranges = 0;
    while ranges == 0 || rest.next_if_eq(&']').is_none() {
        bound(rest)?;
        if rest.next_if_eq(&'-').is_some() {
            bound(rest)?;
        }
        ranges += 1;
    }
    Ok(())
}

fn bound(rest: &mut Rest) -> Result<(), Invalid> {
    let invalid = Err(Invalid("`[` begins a class that does not end well"));
    match rest.next() {
        None | Some('-' | ']') => return invalid,
        Some('\\') if rest.next().is_none() => return invalid,
        Some(_) => {}
    }
    // Something always follows: at least the `]`.
    if rest.peek().is_none() { invalid } else { Ok(()) }
}
