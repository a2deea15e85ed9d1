//! Asks the user for what a project wants of his machine, before anything is built and any engine is reached.

use std::io::{IsTerminal, Write};

use super::Project;
use crate::cli::args::ALLOW;
use crate::cli::environment;
use crate::cli::failure::Failure;
use crate::cli::output;
use crate::consent::{self, Allowance, Memory, SETTINGS_FILE, Want, Wish};
use crate::diagnostic::{Diagnostic, Diagnostics, Sources};
use crate::engine::Access;
use crate::graph::Graph;
use crate::harmless;
use crate::shell::quote;

impl Project {
    /// What the family may have of the machine: all that it wants, or an error.
    pub fn consent(&self, graph: &Graph, sources: &Sources, asking: Asking) -> Result<Access, Failure> {
        let family = consent::of_family(graph, &self.root);
        let wants: Vec<&Want> = self.wants.iter().chain(&family).collect();
        self.obtain(&wants, sources, asking)?;
        let wishes = |wish: Wish| wants.iter().any(|want| want.wish == wish);
        Ok(Access {
            files: consent::files(graph, &self.root),
            ssh: wishes(Wish::Ssh),
            host_network: self.config.network.as_deref() == Some("host") || wishes(Wish::HostNetwork),
        })
    }

    /// Makes sure that the engine is one that the user wants to talk to.
    pub fn consent_to_engine(&self) -> Result<(), Failure> {
        let wants: Vec<&Want> = self.wants.iter().filter(|want| matches!(want.wish, Wish::Engine(_))).collect();
        self.obtain(&wants, &Sources::in_folder(&self.root), Asking::OnTerminal)
    }

    /// What is not allowed yet, of all that is wanted.
    pub fn not_allowed<'w>(&self, wants: &[&'w Want]) -> Result<Vec<&'w Want>, Failure> {
        let mut left: Vec<&Want> = wants.to_vec();
        let keep = |left: &mut Vec<&Want>, allowed: &[Allowance]| {
            let is_covered = |want: &Want| allowed.iter().any(|allowance| allowance.covers(&want.wish));
            left.retain(|want| want.wish.allowance().is_some() && !is_covered(want));
        };
        keep(&mut left, &self.allowed);
        if left.is_empty() {
            return Ok(left);
        }
        let wrong = |error: Diagnostic| Failure::Wrong(error.into(), Sources::in_folder(&self.root));
        keep(&mut left, &consent::allowed_by_settings(&self.root).map_err(wrong)?);
        if left.is_empty() {
            return Ok(left);
        }
        let memory = Memory::of_project(&self.root).map_err(wrong)?;
        left.retain(|want| !memory.allows(want));
        Ok(left)
    }

    fn obtain(&self, wants: &[&Want], sources: &Sources, asking: Asking) -> Result<(), Failure> {
        let left = self.not_allowed(wants)?;
        if left.is_empty() {
            return Ok(());
        }
        if asking == Asking::OnTerminal && can_ask() && answers_yes(&question(&left))? {
            let kept = Memory::of_project(&self.root).map(|mut memory| memory.remember(left.iter().copied()));
            if let Ok(Err(error)) = kept {
                output::note(&format!("the answer cannot be kept: {error}"));
            }
            return Ok(());
        }
        let mut sources = sources.clone();
        sources.insert(self.settings.0.as_str(), self.settings.1.as_str());
        Err(Failure::Wrong(Diagnostics(left.into_iter().map(refusal).collect()), sources))
    }
}

/// Whether a question may be put.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Asking {
    /// Where somebody sees it and can answer.
    OnTerminal,
    /// Not while a live view fills the terminal.
    Never,
}

fn can_ask() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal() && !environment::is_ci()
}

fn question(wants: &[&Want]) -> String {
    let line = |want: &&Want| {
        let place = &want.origin.place;
        format!("  {} ({}:{})\n", printable(&described(want)), printable(&place.file), place.line)
    };
    let lines: String = wants.iter().map(line).collect();
    format!(
        "this project wants of your machine:\n{lines}allow it for this project, until what it wants changes? [y/N] "
    )
}

fn answers_yes(question: &str) -> Result<bool, Failure> {
    // What was typed, or pasted, before the question stands there answers another one.
    let _ = rustix::termios::tcflush(std::io::stdin(), rustix::termios::QueueSelector::IFlush);
    let mut err = std::io::stderr();
    write!(err, "{question}")?;
    err.flush()?;
    let mut answer = String::new();
    if std::io::stdin().read_line(&mut answer)? == 0 {
        writeln!(err)?;
    }
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

/// What is wanted, in words that stand in a list.
pub fn described(want: &Want) -> String {
    let of = if want.purpose.is_empty() { "all steps" } else { &want.purpose };
    match &want.wish {
        Wish::Engine(host) => format!("the engine `{host}`, which gets files and logins"),
        Wish::HostNetwork => format!("the network of the engine's host, for {of}"),
        Wish::Ssh => format!("the ssh agent, for {of}"),
        Wish::Read(path) => format!("the file `{}`, as {of}", path.display()),
        Wish::Variable(name) => format!("the variable {name}, as {of}"),
    }
}

fn refusal(want: &Want) -> Diagnostic {
    let message = match &want.wish {
        Wish::Engine(host) => {
            format!("the project names the engine `{host}`, which would get its files and logins of yours")
        }
        Wish::HostNetwork if want.purpose.is_empty() => {
            "the project runs its steps in the network of the engine's host".to_owned()
        }
        Wish::HostNetwork => "this command runs in the network of the engine's host".to_owned(),
        Wish::Ssh => "this command gets your ssh agent".to_owned(),
        Wish::Read(path) => format!("this command reads `{}`, which lies outside of the project", path.display()),
        Wish::Variable(name) => format!("this command reads the host variable {name}"),
    };
    let flag = want.wish.allowance().map(|allowance| quote(&allowance.to_string())).unwrap_or_default();
    let error = Diagnostic::error(message).at(want.origin.clone()).label("not allowed");
    let other = match &want.wish {
        Wish::Engine(_) => "; so do `--host` and DOCKER_HOST, which name one themselves",
        Wish::HostNetwork | Wish::Ssh | Wish::Read(_) | Wish::Variable(_) => "",
    };
    error
        .hint(format!("if you trust this project: `--allow {}` allows it{other}", flag))
        .hint(format!("or {ALLOW}, `allow` in ~/.config/f3s/{SETTINGS_FILE}, or your answer to f3s on a terminal"))
}

/// A recipe's words, letter for letter on one line: they may not pass for f3s's own.
pub fn printable(text: &str) -> String {
    harmless::pictured(text).replace('\n', "\u{2424}")
}
