//! The real binary, where it needs no engine.

use std::path::Path;
use std::process::{Command, Output};

/// Runs f3s in a folder, with these variables and no others but PATH.
pub fn bare(folder: &Path, variables: &[(&str, &str)], words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_f3s"))
        .args(words)
        .current_dir(folder)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .envs(variables.iter().copied())
        .output()
        .unwrap()
}

/// The same, with a cache of its own in the folder.
pub fn f3s(folder: &Path, variables: &[(&str, &str)], words: &[&str]) -> Output {
    let cache = folder.join("cache").display().to_string();
    bare(folder, &[&[("F3S_CACHE_DIR", &*cache)], variables].concat(), words)
}
