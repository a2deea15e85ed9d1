//! The reference: what the doc comments over host and library functions say, as data.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{api, interpreter, library};

/// One function that recipes may call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FunctionDoc {
    pub name: String,
    /// `unpack(artifact, folder, opts)`: the longest form.
    pub signature: String,
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
    of_engine(&interpreter::engine())
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
        let refuses = raw.name == "to_string" || api::REFUSED.contains(&raw.name.as_str());
        if raw.name.starts_with('_') || !is_word || refuses {
            continue;
        }
        let entry = docs.entry(raw.name.clone()).or_insert_with(|| FunctionDoc {
            library: in_library.contains(&raw.name),
            name: raw.name,
            signature: String::new(),
            arities: Vec::new(),
            summary: String::new(),
            details: String::new(),
            example: String::new(),
            lowers_to: String::new(),
        });
        let params: Vec<&str> = raw.params.iter().map(String::as_str).filter(|param| *param != "ctx").collect();
        if entry.arities.iter().all(|arity| *arity < params.len()) {
            entry.signature = format!("{}({})", entry.name, params.join(", "));
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

/// `stdlib/REFERENCE.md`: every function with its documentation and example.
pub fn markdown() -> String {
    let functions = functions();
    let mut text = String::from(
        "# Functions of f3s\n\nGenerated from the functions' own documentation by `f3s doc --markdown`; do not edit.\n",
    );
    let kinds = [
        (false, "Host functions", "Written in Rust: they record steps."),
        (true, "Library functions", "Written in Rhai, in `stdlib/`, with the host functions."),
    ];
    for (library, title, what) in kinds {
        text.push_str(&format!("\n## {title}\n\n{what}\n"));
        for doc in functions.iter().filter(|doc| doc.library == library) {
            text.push_str(&format!("\n### `{}`\n\n{}\n", doc.signature, doc.summary));
            if !doc.details.is_empty() {
                text.push_str(&format!("\n{}\n", doc.details));
            }
            if !doc.example.is_empty() {
                text.push_str(&format!("\n```rhai\n{}```\n", doc.example));
            }
            if !doc.lowers_to.is_empty() {
                text.push_str(&format!("\nlowers to\n\n```dockerfile\n{}```\n", doc.lowers_to));
            }
        }
    }
    text
}
