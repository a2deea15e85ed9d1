//! `f3s doctor`: engine, BuildKit, disk, registry login; each with a remedy.

use crate::cli::args::Global;
use crate::cli::failure::Failure;
use crate::cli::project::Project;
use crate::cli::{connection, output};
use crate::diagnostic::Diagnostic;
use crate::engine::{self, Docker, EngineError};
use crate::transport::Address;

#[derive(clap::Args)]
pub struct Args {}

/// Less free space than this is worth a warning: a family of JDK images takes some gigabytes.
const LOW_DISK: u64 = 5_000_000_000;

enum Finding {
    Good(String),
    /// Works, but not for long or not for all.
    Doubtful(String, String),
    Bad(String, String),
}

pub fn run(global: &Global, _: &Args) -> Result<(), Failure> {
    let project = Project::open(global, &[])?;
    project.consent_to_engine()?;
    let findings = connection::block_on(async { Ok(examine(&project).await) })?;
    let mut text = String::new();
    for finding in &findings {
        let (mark, what, remedy) = match finding {
            Finding::Good(what) => ("ok  ", what, None),
            Finding::Doubtful(what, remedy) => ("warn", what, Some(remedy)),
            Finding::Bad(what, remedy) => ("FAIL", what, Some(remedy)),
        };
        text.push_str(&format!("{mark}  {what}\n"));
        if let Some(remedy) = remedy {
            text.push_str(&format!("      {remedy}\n"));
        }
    }
    output::print(&text)?;
    match findings.iter().any(|finding| matches!(finding, Finding::Bad(..))) {
        true => Err(Failure::Unreachable(None)),
        false => Ok(()),
    }
}

async fn examine(project: &Project) -> Vec<Finding> {
    let mut findings = Vec::new();
    let docker = match engine::connect(&project.config.engine, false, &|_| {}).await {
        Ok(docker) => {
            examine_engine(&docker, &mut findings).await;
            Some(docker)
        }
        Err(error) => {
            findings.push(bad(error));
            None
        }
    };
    findings.push(free_space("f3s's cache", &project.cache, "it may be removed: what is needed is fetched again"));
    findings.push(login(project, docker.as_ref()).await);
    findings.push(git());
    findings
}

async fn examine_engine(docker: &Docker, findings: &mut Vec<Finding>) {
    findings.push(Finding::Good(format!("engine {} at {}", docker.version().await, docker.address())));
    findings.push(match docker.builder().await {
        Ok(Some(_)) => Finding::Good("BuildKit".to_owned()),
        Ok(None) => Finding::Doubtful(
            "no BuildKit: builds are slower and have no secrets, ssh and mounts".to_owned(),
            "use Docker 20.10 or newer".to_owned(),
        ),
        Err(error) => bad(error),
    });
    // What lies on another host cannot be looked at.
    let here = matches!(docker.address(), Address::Unix(_));
    if let Some(root) = docker.data_root().await.filter(|root| here && std::path::Path::new(root).exists()) {
        findings.push(free_space(
            "the engine's data",
            std::path::Path::new(&root),
            "`f3s prune` removes earlier versions of images",
        ));
    }
}

fn bad(error: EngineError) -> Finding {
    let diagnostic = diagnostic(error);
    Finding::Bad(diagnostic.message, diagnostic.hints.join("; "))
}

fn diagnostic(error: EngineError) -> Diagnostic {
    match error {
        EngineError::Unreachable(diagnostic) | EngineError::Failed(diagnostic) | EngineError::Refused(diagnostic) => {
            diagnostic
        }
        EngineError::Cancelled => Diagnostic::error("ended"),
    }
}

fn free_space(what: &str, folder: &std::path::Path, remedy: &str) -> Finding {
    let there = folder.ancestors().find(|folder| folder.exists()).unwrap_or(folder);
    match rustix::fs::statvfs(there) {
        Ok(stat) => {
            let free = stat.f_bavail * stat.f_frsize;
            let text = format!("{} free for {what} in {}", crate::report::bytes(free), folder.display());
            if free < LOW_DISK { Finding::Doubtful(text, remedy.to_owned()) } else { Finding::Good(text) }
        }
        Err(error) => Finding::Doubtful(format!("{}: {error}", folder.display()), "is the folder there?".to_owned()),
    }
}

async fn login(project: &Project, docker: Option<&Docker>) -> Finding {
    let Some(prefix) = &project.config.registry else {
        return Finding::Good("no registry is configured: `push()` will be skipped".to_owned());
    };
    let registry = prefix.split('/').next().unwrap_or(prefix);
    let Some(docker) = docker else {
        let remedy = "`f3s doctor` tries it when an engine answers".to_owned();
        return Finding::Doubtful(format!("the login for {registry} was not tried"), remedy);
    };
    match docker.log_in(registry).await {
        Ok(true) => Finding::Good(format!("{registry} takes the login")),
        Ok(false) => {
            Finding::Doubtful(format!("no login for {registry}"), format!("if it wants one: `docker login {registry}`"))
        }
        Err(error) => Finding::Bad(
            format!("the login for {registry} does not work: {}", diagnostic(error).message),
            format!("`docker login {registry}` sets it anew; is the registry reachable from the engine?"),
        ),
    }
}

fn git() -> Finding {
    match std::process::Command::new("git").arg("--version").output() {
        Ok(output) => Finding::Good(String::from_utf8_lossy(&output.stdout).trim().to_owned()),
        Err(_) => Finding::Doubtful("no git: `git()` cannot fetch".to_owned(), "install git".to_owned()),
    }
}
