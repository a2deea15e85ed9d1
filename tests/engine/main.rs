//! f3s against a real engine, a real registry and real downloads: the lab's, which `make test` sets up.

mod archives;
mod artifacts;
mod capabilities;
#[path = "../cases/mod.rs"]
mod cases;
mod checks;
mod classic;
mod configuration;
mod connections;
mod copies;
mod copies_compared;
mod copy_cases;
mod credentials;
mod docker_build;
mod door;
mod endurance;
mod failures;
mod families;
mod fine;
mod gate;
mod identity;
mod ignored;
mod implied;
mod lab;
mod layers;
mod library;
mod private;
mod prune;
mod pty;
mod rebuilds;
mod registry;
mod runs;
mod secrets;
#[path = "../it/downloads/server.rs"]
mod server;
mod session;
mod shell;
#[path = "../cases/shell/mod.rs"]
mod shell_cases;
mod standing;
mod steps;
mod stored;
mod ten;
mod terminal;
mod together;
mod watch;
mod watching;
