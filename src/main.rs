//! The `f3s` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    f3s::cli::main()
}
