//! The reference: what the doc comments over host and library functions say, as data.

mod definitions;
mod markdown;

use std::collections::BTreeMap;

use serde::Serialize;

use super::{api, language, library};
pub use definitions::definitions;
pub use markdown::markdown;

/// The language for somebody who writes Dockerfiles, as Markdown.
pub const GUIDE: &str = include_str!("../../../stdlib/GUIDE.md");

/// One function that recipes may call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FunctionDoc {
    pub name: String,
    /// `unpack(artifact, folder, opts)`: the longest form.
    pub signature: String,
    /// The names of its parameters, in the longest form.
    #[serde(skip)]
    pub params: Vec<String>,
    /// The numbers of arguments that it takes, ascending.
    pub arities: Vec<usize>,
    /// The first line of its documentation.
    pub summary: String,
    /// The rest, as Markdown, without the example.
    pub details: String,
    /// A recipe, or the part of one behind `base("alpine:3.13");`.
    pub example: String,
    /// The Dockerfile lines that the example lowers to; empty when it makes none.
    pub lowers_to: String,
    /// True for a function written in Rhai, in `stdlib/`.
    pub library: bool,
}

/// All functions, sorted by name.
pub fn functions() -> Vec<FunctionDoc> {
    of_engine(&language::engine())
}

/// The functions of an engine that bear documentation of f3s.
pub fn of_engine(engine: &rhai::Engine) -> Vec<FunctionDoc> {
    struct Raw {
        name: String,
        params: Vec<String>,
        comments: String,
    }
    let collect = |info: rhai::FuncInfo| {
        let native = info.metadata.params_info.iter().map(|param| param.as_str());
        let native: Vec<String> =
            native.map(|param| param.split(':').next().unwrap_or(param).trim().to_owned()).collect();
        let comments = info.metadata.comments.iter().map(|line| line.as_str()).collect::<Vec<_>>().join("\n");
        Some(Raw { name: info.metadata.name.to_string(), params: native, comments })
    };
    let scripted = library::scripts(engine).iter().flat_map(|ast| {
        ast.iter_functions().map(|function| Raw {
            name: function.name.to_owned(),
            params: function.params.iter().map(|param| (*param).to_owned()).collect(),
            comments: function.comments.join("\n"),
        })
    });
    let native = engine.collect_fn_metadata(None, collect, false);
    let library: Vec<Raw> = scripted.collect();
    let in_library: Vec<String> = library.iter().map(|raw| raw.name.clone()).collect();
    let mut docs: BTreeMap<String, FunctionDoc> = BTreeMap::new();
    for raw in native.into_iter().chain(library) {
        // Private helpers, closures, operators and what only refuses are nobody's business.
        let is_word = raw.name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        let refuses = api::REFUSED.contains(&raw.name.as_str()) || api::OF_THE_LANGUAGE.contains(&raw.name.as_str());
        if raw.name.starts_with('_') || !is_word || refuses {
            continue;
        }
        let entry = docs.entry(raw.name.clone()).or_insert_with(|| FunctionDoc {
            library: in_library.contains(&raw.name),
            name: raw.name,
            signature: String::new(),
            params: Vec::new(),
            arities: Vec::new(),
            summary: String::new(),
            details: String::new(),
            example: String::new(),
            lowers_to: String::new(),
        });
        let params: Vec<&str> = raw.params.iter().map(String::as_str).filter(|param| *param != "ctx").collect();
        if entry.arities.iter().all(|arity| *arity < params.len()) {
            entry.signature = format!("{}({})", entry.name, params.join(", "));
            entry.params = params.iter().map(|param| (*param).to_owned()).collect();
        }
        if !entry.arities.contains(&params.len()) {
            entry.arities.push(params.len());
            entry.arities.sort_unstable();
        }
        if !raw.comments.is_empty() {
            read_comments(&raw.comments, entry);
        }
    }
    docs.into_values().collect()
}

/// Splits a doc comment into summary, details, example and the lines it lowers to.
fn read_comments(comments: &str, doc: &mut FunctionDoc) {
    let lines = comments.lines().map(|line| {
        let line = line.trim_start().trim_start_matches("///");
        line.strip_prefix(' ').unwrap_or(line)
    });
    let (mut prose, mut fence) = (Vec::new(), None);
    for line in lines {
        match (line.trim(), fence) {
            ("```rhai", None) => fence = Some("rhai"),
            ("```dockerfile", None) => fence = Some("dockerfile"),
            ("```", Some(_)) => fence = None,
            (_, Some("rhai")) => doc.example.push_str(&format!("{line}\n")),
            (_, Some(_)) => doc.lowers_to.push_str(&format!("{line}\n")),
            (_, None) => prose.push(line),
        }
    }
    let text = prose.join("\n");
    let (summary, details) = text.trim().split_once("\n\n").unwrap_or((text.trim(), ""));
    doc.summary = summary.replace('\n', " ");
    doc.details = details.trim().to_owned();
}
