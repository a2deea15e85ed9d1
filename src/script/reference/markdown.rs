//! The reference as a page.

use super::functions;

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
