//! The reference as Rhai's language server reads it: a definition file (rhai.rs/book, "Definition files").

use super::{FunctionDoc, functions};

/// A `.d.rhai` file: every form of every function, with its documentation, for completion and hints in editors.
pub fn definitions() -> String {
    let mut text = String::from("module static;\n");
    for doc in functions() {
        for arity in &doc.arities {
            let params: Vec<String> = doc.params.iter().take(*arity).map(|param| format!("{param}: ?")).collect();
            text.push_str(&format!("\n{}fn {}({});\n", comment(&doc), doc.name, params.join(", ")));
        }
    }
    text
}

fn comment(doc: &FunctionDoc) -> String {
    let mut text = doc.summary.clone();
    if !doc.details.is_empty() {
        text.push_str(&format!("\n\n{}", doc.details));
    }
    if !doc.example.is_empty() {
        text.push_str(&format!("\n\n```rhai\n{}```", doc.example));
    }
    text.lines().map(|line| format!("/// {line}").trim_end().to_owned() + "\n").collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_form_of_a_function_is_defined() {
        let text = super::definitions();
        for line in ["fn apk(packages: ?);", "fn apk(packages: ?, opts: ?);", "fn push();", "/// Puts folders, one"] {
            assert!(text.lines().any(|found| found.starts_with(line)), "{line}");
        }
    }
}
