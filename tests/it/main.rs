//! What f3s says and plans, without engine and network.

mod binary;
#[path = "../cases/mod.rs"]
mod cases;
mod circles;
mod cli;
mod closures;
mod completion;
mod configuration;
mod confinement;
mod consent;
mod copies;
mod diagnostics;
mod downloads;
mod examples;
mod fine;
mod folders;
mod golden;
mod guide;
mod library;
mod limits;
mod project;
mod reference;
mod rooms;
mod settings;
mod shell;
#[path = "../cases/shell/mod.rs"]
mod shell_cases;
mod skipped;
mod urls;
mod variants;
mod warnings;
