//! Mistakes that can be seen without running a script: Rhai itself finds an unknown function only when it is called.

use std::collections::{BTreeMap, BTreeSet};

use rhai::{AST, ASTNode, Expr, Position};

use super::arguments::unknown_option;
use super::reference::FunctionDoc;
use super::{api, language, library, origin, reference};
use crate::diagnostic::{Diagnostic, Place, nearest};

/// A script with more mistakes is no script; looking for what was meant takes time.
const MAX_MISTAKES: usize = 100;

/// Arguments of one call. Rhai looks for a function that takes some of them as anything, in all ways.
const MAX_ARGUMENTS: usize = 100;

/// What is known of all functions that a recipe may call.
pub struct Lint {
    /// Host and library functions with the numbers of arguments they take.
    ours: BTreeMap<String, FunctionDoc>,
    /// What library functions call and recipes do not.
    helpers: BTreeSet<String>,
    /// Functions of Rhai's own packages.
    standard: BTreeSet<String>,
    /// Option keys of library functions, from their `options(opts, #{..})`.
    library_options: BTreeMap<String, Vec<String>>,
}

impl Lint {
    pub fn new() -> Lint {
        let engine = language::engine();
        let ours = reference::of_engine(&engine).into_iter().map(|doc| (doc.name.clone(), doc)).collect();
        let standard = engine.collect_fn_metadata(None, |info| Some(info.metadata.name.to_string()), true);
        let scripted = library::scripts(&engine).iter().flat_map(AST::iter_functions);
        let helpers = scripted.map(|function| function.name.to_owned()).filter(|name| name.starts_with('_')).collect();
        let library_options = library::scripts(&engine).iter().flat_map(declared_options).collect();
        // Part of the language, or called in other ways than by name.
        let language =
            ["call", "curry", "is_shared", "is_def_var", "is_def_fn", "type_of", "Fn", "print", "debug", "this"];
        let standard = standard.into_iter().chain(language.map(str::to_owned)).collect();
        Lint { ours, helpers, standard, library_options }
    }

    /// The mistakes of a script, in the order of their lines.
    pub fn examine(&self, file: &str, text: &str, ast: &AST) -> Vec<Diagnostic> {
        let own: BTreeMap<&str, Vec<usize>> = ast.iter_functions().fold(BTreeMap::new(), |mut own, function| {
            own.entry(function.name).or_insert_with(Vec::new).push(function.params.len());
            own
        });
        let variables = variables(ast);
        let mut mistakes = self.shadowing(file, text, ast);
        ast.walk(&mut |path: &[ASTNode]| {
            if mistakes.len() >= MAX_MISTAKES {
                return false;
            }
            if let Some(ASTNode::Expr(Expr::FnCall(call, position) | Expr::MethodCall(call, position))) = path.last()
                && call.args.len() > MAX_ARGUMENTS
            {
                let message = format!("`{}` is given {} arguments", call.name, call.args.len());
                let error = Diagnostic::error(message).at(origin::place(file, *position));
                mistakes.push(error.hint("hand over a list: `[..]`"));
                return false;
            }
            if let Some(ASTNode::Expr(Expr::FnCall(call, position))) = path.last()
                && call.op_token.is_none()
                && call.namespace.is_empty()
                && !variables.contains(call.name.as_str())
            {
                mistakes.extend(self.examine_call(file, &own, &call.name, &call.args, *position));
            }
            true
        });
        mistakes.sort_by(|a, b| a.origin.as_ref().map(|o| &o.place).cmp(&b.origin.as_ref().map(|o| &o.place)));
        mistakes.dedup();
        mistakes
    }

    /// User functions named like one of ours: they would replace it inside the library, too.
    fn shadowing(&self, file: &str, text: &str, ast: &AST) -> Vec<Diagnostic> {
        let mut mistakes = Vec::new();
        for function in ast.iter_fn_def() {
            if mistakes.len() >= MAX_MISTAKES {
                break;
            }
            let name = function.name.as_str();
            let whose = match () {
                () if self.ours.contains_key(name) || self.helpers.contains(name) => "f3s",
                () if self.standard.contains(name) => "the language",
                () => continue,
            };
            {
                let place = name_of(file, text, function.name.as_str(), function.body.start_position());
                mistakes.push(
                    Diagnostic::error(format!("`{name}` is a function of {whose}"))
                        .at(place)
                        .label("this one would take its place, also inside the library")
                        .hint("give yours another name"),
                );
            }
        }
        mistakes
    }

    fn examine_call(
        &self,
        file: &str,
        own: &BTreeMap<&str, Vec<usize>>,
        name: &str,
        args: &[Expr],
        position: Position,
    ) -> Vec<Diagnostic> {
        if position.is_none() || name.contains('$') {
            return Vec::new();
        }
        let place = origin::place(file, position);
        if let Some(arities) = own.get(name) {
            if arities.contains(&args.len()) {
                return Vec::new();
            }
            return vec![wrong_count(name, arities, args.len(), None).at(place)];
        }
        let Some(doc) = self.ours.get(name) else {
            if self.standard.contains(name) {
                return Vec::new();
            }
            let known = self.ours.keys().map(String::as_str).chain(own.keys().copied());
            let near = nearest(name, known);
            let unknown = Diagnostic::error(format!("there is no function `{name}`")).at(place);
            return vec![match near {
                Some(near) => unknown.hint(format!("did you mean `{near}`?")),
                None => unknown.hint("`f3s doc` lists all functions"),
            }];
        };
        if !doc.arities.contains(&args.len()) {
            let usage = format!("write `{}`", doc.signature);
            return vec![wrong_count(name, &doc.arities, args.len(), Some(usage)).at(place)];
        }
        self.examine_options(file, name, doc, args)
    }

    fn examine_options(&self, file: &str, name: &str, doc: &FunctionDoc, args: &[Expr]) -> Vec<Diagnostic> {
        let host = api::option_keys(name).map(|keys| keys.iter().map(|key| (*key).to_owned()).collect());
        let Some(known) = host.or_else(|| self.library_options.get(name).cloned()) else { return Vec::new() };
        // Options come last, and only in the longest form of a function.
        let longest = doc.arities.iter().max() == Some(&args.len());
        let Some(Expr::Map(map, _)) = args.last().filter(|_| longest) else { return Vec::new() };
        let unknown = map.0.iter().filter(|(key, _)| !known.iter().any(|known| known == key.name.as_str()));
        unknown
            .take(MAX_MISTAKES)
            .map(|(key, _)| {
                let keys = known.iter().map(String::as_str);
                unknown_option(name, &key.name, keys).at(origin::place(file, key.pos))
            })
            .collect()
    }
}

/// Where a function's name stands in its definition: Rhai keeps only where its body begins.
fn name_of(file: &str, text: &str, name: &str, body: Position) -> Place {
    let lines: Vec<&str> = text.lines().take(body.line().unwrap_or(1)).collect();
    let found = lines.iter().enumerate().rev().find_map(|(number, line)| {
        let at = line.find("fn ")? + 3;
        let at = at + line[at..].find(name)?;
        Some(Place::new(file, number as u32 + 1, line[..at].chars().count() as u32 + 1))
    });
    found.unwrap_or_else(|| origin::place(file, body))
}

fn wrong_count(name: &str, arities: &[usize], given: usize, usage: Option<String>) -> Diagnostic {
    let counts: Vec<String> = arities.iter().map(ToString::to_string).collect();
    let noun = if arities == [1] { "argument" } else { "arguments" };
    let takes = match counts.split_last() {
        _ if arities == [0] => "no".to_owned(),
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => "no".to_owned(),
    };
    Diagnostic::error(format!("`{name}` takes {takes} {noun}, not {given}")).hint_if(usage)
}

/// Names of variables: a function in a variable may be called by the variable's name.
fn variables(ast: &AST) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    ast.walk(&mut |path: &[ASTNode]| {
        if let Some(ASTNode::Stmt(rhai::Stmt::Var(definition, ..))) = path.last() {
            names.insert(definition.0.name.to_string());
        }
        true
    });
    names
}

/// The option keys of each function of a library file: the map literal in its call of `options`.
fn declared_options(ast: &AST) -> Vec<(String, Vec<String>)> {
    let mut calls = Vec::new();
    ast.walk(&mut |path: &[ASTNode]| {
        if let Some(ASTNode::Expr(Expr::FnCall(call, position))) = path.last()
            && call.name == "options"
            && let Some(Expr::Map(map, _)) = call.args.get(1)
        {
            calls.push((*position, map.0.iter().map(|(key, _)| key.name.to_string()).collect::<Vec<_>>()));
        }
        true
    });
    let function_at = |position: &Position| {
        ast.iter_fn_def()
            .find(|function| function.body.start_position() <= *position && *position <= function.body.end_position())
    };
    let named = calls.into_iter().filter_map(|(at, keys)| Some((function_at(&at)?.name.to_string(), keys)));
    named.collect()
}

/// A `/*` that nothing closes: Rhai takes the rest of the file for a comment, in silence.
pub fn unterminated_comment(file: &str, text: &str) -> Option<Diagnostic> {
    let mut opened: Vec<(u32, u32)> = Vec::new();
    let (mut line, mut column) = (1u32, 0u32);
    let mut chars = text.chars().peekable();
    let mut quote: Option<char> = None;
    while let Some(c) = chars.next() {
        column += 1;
        let next = chars.peek().copied();
        if c == '\n' {
            (line, column) = (line + 1, 0);
            // Only a text in back-ticks goes on over the end of a line.
            quote = quote.filter(|quote| *quote == '`');
        } else if let Some(end) = quote {
            if c == '\\' && end != '`' {
                chars.next();
                column += 1;
            } else if c == end {
                quote = None;
            }
        } else if c == '#' && opened.is_empty() && !is_raw_text(&chars) {
            // All signs in a row are looked at once.
            while chars.next_if_eq(&'#').is_some() {
                column += 1;
            }
        } else if c == '#' && opened.is_empty() {
            // `#"..."#`, with as many `#` behind as before.
            let mut fence = String::from("\"#");
            while chars.peek() == Some(&'#') {
                chars.next();
                fence.push('#');
            }
            chars.next();
            let mut seen = String::new();
            for c in chars.by_ref() {
                (line, column) = if c == '\n' { (line + 1, 0) } else { (line, column + 1) };
                seen.push(c);
                if seen.ends_with(&fence) {
                    break;
                }
            }
        } else if c == '/' && next == Some('*') {
            opened.push((line, column));
            chars.next();
            column += 1;
        } else if !opened.is_empty() {
            if c == '*' && next == Some('/') {
                opened.pop();
                chars.next();
                column += 1;
            }
        } else if c == '/' && next == Some('/') {
            while chars.peek().is_some_and(|c| *c != '\n') {
                chars.next();
            }
        } else if matches!(c, '"' | '`' | '\'') {
            quote = Some(c);
        }
    }
    let (line, column) = opened.first()?;
    Some(
        Diagnostic::error("a comment does not end")
            .at(Place::new(file, *line, *column))
            .label("everything behind this is a comment")
            .hint("close it with `*/`"),
    )
}

/// True when what follows a `#` opens a raw text.
fn is_raw_text(rest: &std::iter::Peekable<std::str::Chars>) -> bool {
    rest.clone().find(|c| *c != '#') == Some('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_only_comments_that_do_not_end() {
        let open = |text| unterminated_comment("a", text).map(|d| d.origin.unwrap().place.to_string());
        assert_eq!(open("a /* b */ c"), None);
        assert_eq!(open("run(\"rm /*\"); // /*\n`/*`"), None);
        assert_eq!(open("run(#\"echo \"/*\" x\"#); /* b */"), None);
        assert_eq!(open("x\n  /* b /* */ c"), Some("a:2:3".to_owned()));
    }
}
