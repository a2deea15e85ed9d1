//! Go's regular expressions in the syntax of the crate `regex`: patterns are translated into the former by Docker, and what
//! that makes of classes and escapes is part of their meaning. Only what a pattern can bring is known here: no flags, no
//! counted repetitions, no groups but Docker's own.

use regex::bytes::{Regex, RegexBuilder};

/// Why a text is no pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid(pub &'static str);

const INVALID: Invalid = Invalid("it becomes no regular expression");

/// Memory of one compiled expression.
const SIZE_LIMIT: usize = 1 << 20;

pub fn compile(go: &str) -> Result<Regex, Invalid> {
    let mut translator = Translator { rest: go, out: String::new() };
    translator.all()?;
    RegexBuilder::new(&translator.out).size_limit(SIZE_LIMIT).build().map_err(|_| INVALID)
}

struct Translator<'t> {
    rest: &'t str,
    out: String,
}

impl Translator<'_> {
    fn next(&mut self) -> Result<char, Invalid> {
        let c = self.rest.chars().next().ok_or(INVALID)?;
        self.rest = &self.rest[c.len_utf8()..];
        Ok(c)
    }

    fn eat(&mut self, text: &str) -> bool {
        let rest = self.rest.strip_prefix(text);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn literal(&mut self, c: char) {
        self.out.push_str(&format!("\\x{{{:x}}}", u32::from(c)));
    }

    fn all(&mut self) -> Result<(), Invalid> {
        while !self.rest.is_empty() {
            match self.next()? {
                '\\' => self.escape()?,
                '[' => self.class()?,
                c @ ('^' | '$' | '.' | '*' | '?' | '(' | ')') => self.out.push(c),
                c => self.literal(c),
            }
        }
        Ok(())
    }

    fn escape(&mut self) -> Result<(), Invalid> {
        if let Some(quoted) = self.rest.strip_prefix('Q') {
            let (quoted, rest) = quoted.split_once("\\E").unwrap_or((quoted, ""));
            quoted.chars().for_each(|c| self.literal(c));
            self.rest = rest;
            return Ok(());
        }
        for (go, here) in [("A", "\\A"), ("z", "\\z"), ("b", "(?-u:\\b)"), ("B", "(?-u:\\B)")] {
            if self.eat(go) {
                self.out.push_str(here);
                return Ok(());
            }
        }
        if self.set()? {
            return Ok(());
        }
        let c = self.escaped()?;
        self.literal(c);
        Ok(())
    }

    /// `d` and its like, behind the `\`.
    fn set(&mut self) -> Result<bool, Invalid> {
        let sets = [
            ("d", "[0-9]"),
            ("D", "[^0-9]"),
            ("s", "[\\t\\n\\x0c\\r\\x20]"),
            ("S", "[^\\t\\n\\x0c\\r\\x20]"),
            ("w", "[0-9A-Za-z_]"),
            ("W", "[^0-9A-Za-z_]"),
        ];
        for (go, here) in sets {
            if self.eat(go) {
                self.out.push_str(here);
                return Ok(true);
            }
        }
        if self.rest.starts_with(['p', 'P']) {
            return Err(Invalid("it names a set of Unicode, which f3s does not know"));
        }
        Ok(false)
    }

    /// One character behind the `\`.
    fn escaped(&mut self) -> Result<char, Invalid> {
        let octal = |c: char| c.to_digit(8);
        Ok(match self.next()? {
            'a' => '\u{7}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\u{b}',
            'x' => {
                let digits = self.rest.get(..2).ok_or(INVALID)?;
                let code = u8::from_str_radix(digits, 16).map_err(|_| INVALID)?;
                self.rest = &self.rest[2..];
                char::from(code)
            }
            first @ '0'..='7' => {
                let mut code = octal(first).ok_or(INVALID)?;
                let mut digits = 1;
                while digits < 3
                    && let Some(digit) = self.rest.chars().next().and_then(octal)
                {
                    code = code * 8 + digit;
                    digits += 1;
                    self.next()?;
                }
                // One digit alone would refer back.
                if first != '0' && digits == 1 {
                    return Err(INVALID);
                }
                char::from_u32(code).ok_or(INVALID)?
            }
            c if c.is_ascii() && !c.is_ascii_alphanumeric() => c,
            _ => return Err(INVALID),
        })
    }

    /// Behind the `[`.
    fn class(&mut self) -> Result<(), Invalid> {
        self.out.push('[');
        if self.eat("^") {
            self.out.push('^');
        }
        let mut first = true;
        while first || !self.eat("]") {
            first = false;
            if self.named()? {
                continue;
            }
            if self.rest.starts_with('\\') && self.rest.len() > 1 {
                let before = self.rest;
                self.eat("\\");
                if self.set()? {
                    continue;
                }
                self.rest = before;
            }
            let low = self.member()?;
            self.literal(low);
            if self.rest.len() >= 2 && self.rest.starts_with('-') && !self.rest.starts_with("-]") {
                self.eat("-");
                let high = self.member()?;
                if high < low {
                    return Err(INVALID);
                }
                self.out.push('-');
                self.literal(high);
            }
        }
        self.out.push(']');
        Ok(())
    }

    fn member(&mut self) -> Result<char, Invalid> {
        match self.next()? {
            '\\' => self.escaped(),
            c => Ok(c),
        }
    }

    /// `[:alpha:]` within a class.
    fn named(&mut self) -> Result<bool, Invalid> {
        let Some((name, rest)) = self.rest.strip_prefix("[:").and_then(|rest| rest.split_once(":]")) else {
            return Ok(false);
        };
        // An unknown name ends the compilation.
        if !name.strip_prefix('^').unwrap_or(name).bytes().all(|byte| byte.is_ascii_lowercase()) {
            return Err(INVALID);
        }
        self.out.push_str(&format!("[:{name}:]"));
        self.rest = rest;
        Ok(true)
    }
}
