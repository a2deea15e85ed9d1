//! `f3s man`: manual pages, from the same source as `--help`.

use std::path::{Path, PathBuf};

use clap::Command;
use clap::builder::Resettable;
use clap_mangen::Man;

use crate::cli::failure::Failure;
use crate::cli::help::EXIT_CODES;
use crate::cli::output;

#[derive(clap::Args)]
pub struct Args {
    /// Where the pages go, one for every command
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
}

/// `program`: all that f3s understands.
pub fn run(args: &Args, program: Command) -> Result<(), Failure> {
    std::fs::create_dir_all(&args.folder).map_err(|error| Failure::of_file(&args.folder, &error))?;
    let mut command = program.disable_help_subcommand(true);
    command.build();
    write_pages(&command, &args.folder)?;
    output::note(&format!("`man -l {}` shows the first one", args.folder.join("f3s.1").display()));
    Ok(())
}

/// The page of a command and those of the commands in it.
fn write_pages(command: &Command, folder: &Path) -> std::io::Result<()> {
    for inner in command.get_subcommands() {
        write_pages(inner, folder)?;
    }
    let mut command = command.clone();
    // The generator's own synopsis says of no argument that it may be repeated.
    let usage = command.render_usage().to_string();
    let more = command.get_after_long_help().or(command.get_after_help());
    let more = more.map_or(EXIT_CODES.to_owned(), ToString::to_string);
    // It would also make one paragraph of all lines below the options.
    let command = command.override_usage(usage.trim_start_matches("Usage: ").to_owned());
    let command = command.after_help(Resettable::Reset).after_long_help(Resettable::Reset);
    let page = Man::new(command).source(concat!("f3s ", env!("CARGO_PKG_VERSION")));
    let mut text = Vec::new();
    page.render(&mut text)?;
    text.extend(sections(&more).into_bytes());
    std::fs::write(folder.join(page.get_filename()), text)
}

/// Lines that end in a colon head a section; the others stand as they are.
fn sections(text: &str) -> String {
    let mut roff = String::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        match line.strip_suffix(':').filter(|_| !line.starts_with(' ')) {
            Some(heading) => roff.push_str(&format!(".fi\n.SH \"{}\"\n.nf\n", heading.to_uppercase())),
            None => roff.push_str(&format!("\\&{}\n", escaped(line.strip_prefix("  ").unwrap_or(line)))),
        }
    }
    roff + ".fi\n"
}

fn escaped(line: &str) -> String {
    line.replace('\\', "\\e").replace('-', "\\-")
}
