//! `f3s doc`: the reference of the recipe language, as the functions' own comments tell it.

use crate::cli::args::Format;
use crate::cli::failure::Failure;
use crate::cli::output;
use crate::diagnostic::{Diagnostic, nearest};
use crate::script::reference::{self, FunctionDoc};

#[derive(clap::Args)]
pub struct Args {
    /// A function, or `guide`: the language in a quarter of an hour; all functions, one line each, when left out
    #[arg(value_name = "NAME")]
    function: Option<String>,
    /// Print the whole reference as Markdown
    #[arg(long, conflicts_with_all = ["function", "format"])]
    markdown: bool,
    /// Print the definitions of all functions for editors with Rhai's language server
    #[arg(long, conflicts_with_all = ["function", "format", "markdown"])]
    definitions: bool,
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// What shows the guide instead of a function.
const GUIDE: &str = "guide";

pub fn run(args: &Args) -> Result<(), Failure> {
    if args.markdown {
        return output::print(&reference::markdown());
    }
    if args.definitions {
        return output::print(&reference::definitions());
    }
    if args.function.as_deref() == Some(GUIDE) {
        return output::print(reference::GUIDE);
    }
    let functions = reference::functions();
    let selected: Vec<&FunctionDoc> = match &args.function {
        None => functions.iter().collect(),
        Some(name) => vec![find(&functions, name)?],
    };
    match (args.format, &args.function) {
        (Format::Json, _) => output::print_json(&serde_json::json!({ "version": 1, "functions": selected })),
        (Format::Text, Some(_)) => output::print(&page(selected[0])),
        (Format::Text, None) => output::print(&index(&functions)),
    }
}

fn find<'f>(functions: &'f [FunctionDoc], name: &str) -> Result<&'f FunctionDoc, Failure> {
    functions.iter().find(|function| function.name == name).ok_or_else(|| {
        let near = nearest(name, functions.iter().map(|function| function.name.as_str()));
        let error = Diagnostic::error(format!("there is no function `{name}`"));
        Failure::Usage(match near {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None => error.hint("`f3s doc` lists all functions"),
        })
    })
}

fn index(functions: &[FunctionDoc]) -> String {
    let width = functions.iter().map(|function| function.name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for (library, title) in [(false, "Host functions"), (true, "Library functions")] {
        text.push_str(&format!("{}{title}\n", if library { "\n" } else { "" }));
        for function in functions.iter().filter(|function| function.library == library) {
            text.push_str(&format!("  {:width$}  {}\n", function.name, function.summary));
        }
    }
    text + "\n`f3s doc NAME` shows one of them with its options and an example, `f3s doc guide` the language.\n"
}

fn page(function: &FunctionDoc) -> String {
    let mut text = format!("{}\n\n{}\n", function.signature, function.summary);
    if !function.details.is_empty() {
        text.push_str(&format!("\n{}\n", function.details));
    }
    let indented = |lines: &str| lines.lines().map(|line| format!("    {line}\n")).collect::<String>();
    if !function.example.is_empty() {
        text.push_str(&format!("\nExample:\n\n{}", indented(&function.example)));
    }
    if !function.lowers_to.is_empty() {
        text.push_str(&format!("\nlowers to\n\n{}", indented(&function.lowers_to)));
    }
    text
}
