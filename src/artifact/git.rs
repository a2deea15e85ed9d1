//! Fetching a source tree with the host's `git`, which knows the user's credentials, proxies and keys.

use std::path::Path;
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use tokio::process::Command;
use tokio_util::sync::CancellationToken;

use super::archive;
use super::retry::{Failure, retried};
use crate::diagnostic::Diagnostic;
use crate::digest;
use crate::event::{Event, Events};
use crate::recipe::address::{self, REPOSITORY_SCHEMES, shown};

pub struct Repository<'a> {
    /// As the recipe wrote it.
    pub url: &'a str,
    /// Where mirrors lead.
    pub from: &'a str,
    pub reference: Option<&'a str>,
    pub timeout: Duration,
    pub stall: Duration,
}

/// Writes the work tree, as a tar without `.git`, to `target` and returns its SHA-256. `work` is a folder for
/// temporary files.
pub async fn fetch(
    repository: &Repository<'_>,
    work: &Path,
    target: &Path,
    events: &Events,
    cancel: &CancellationToken,
) -> Result<String, Diagnostic> {
    if !address::is_repository(repository.from) {
        return Err(no_repository(repository));
    }
    let limit = repository.timeout;
    tokio::time::timeout(limit, fetch_in_time(repository, work, target, events, cancel)).await.unwrap_or_else(|_| {
        let (url, seconds) = (shown(repository.url), limit.as_secs());
        Err(Diagnostic::error(format!("`{url}` cannot be fetched: it has taken {seconds} s, which is its limit"))
            .hint("more is allowed by `timeout` of `git`, or of `[downloads]` in `f3s.toml`"))
    })
}

async fn fetch_in_time(
    repository: &Repository<'_>,
    work: &Path,
    target: &Path,
    events: &Events,
    cancel: &CancellationToken,
) -> Result<String, Diagnostic> {
    let url = &shown(repository.url)[..];
    let start = Instant::now();
    let _ = events.send(Event::DownloadStarted { url: url.to_owned(), total: None });
    let attempt = || async move {
        let tree = tempfile::tempdir_in(work).map_err(|error| {
            Failure::Final(Diagnostic::error(format!("the artifact store cannot be written: {error}")))
        })?;
        tokio::select! {
            result = repository.check_out(tree.path()) => result.map(|()| tree),
            () = cancel.cancelled() => Err(Failure::Cancelled),
        }
    };
    let tree = retried(url, events, cancel, attempt).await?;
    let file = target.to_owned();
    let packed = tokio::task::spawn_blocking(move || -> std::io::Result<(String, u64)> {
        std::fs::remove_dir_all(tree.path().join(".git"))?;
        archive::of_folder(tree.path(), &file)?;
        Ok((digest::of_file(&file)?, std::fs::metadata(&file)?.len()))
    });
    let (digest, bytes) = packed
        .await
        .expect("packing does not panic")
        .map_err(|error| Diagnostic::error(format!("the files of `{url}` cannot be packed: {error}")))?;
    let seconds = start.elapsed().as_secs_f64();
    let _ = events.send(Event::DownloadFinished { url: url.to_owned(), bytes, seconds });
    Ok(digest)
}

/// What mirrors made of a URL.
fn no_repository(Repository { url, from, .. }: &Repository) -> Diagnostic {
    let schemes = REPOSITORY_SCHEMES.map(|scheme| format!("`{scheme}`")).join(", ");
    Diagnostic::error(format!("`{}` cannot be fetched from `{}`", shown(url), shown(from)))
        .note("`[mirrors]` lead there")
        .hint(format!("mirrors are URLs of {schemes}"))
}

impl Repository<'_> {
    async fn check_out(&self, tree: &Path) -> Result<(), Failure> {
        let (url, git) = (self.from, async |words: &[&str]| git(tree, words, self.stall).await);
        git(&["init", "--quiet"]).await.and_then(|output| succeeded(url, &output))?;
        let wanted = self.reference.unwrap_or("HEAD");
        let shallow = git(&["fetch", "--quiet", "--depth", "1", "--", url, wanted]).await?;
        if !shallow.status.success() {
            // Plain file servers cannot give a part of the history, and some servers give no commit by its name.
            let all =
                ["+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*", "+HEAD:refs/remotes/origin/HEAD"];
            let full = git(&[&["fetch", "--quiet", "--", url][..], &all].concat()).await?;
            succeeded(url, &full)?;
            let names = [format!("refs/remotes/origin/{wanted}"), wanted.to_owned()];
            for name in &names {
                let found = git(&["checkout", "--quiet", "--detach", name]).await?;
                if found.status.success() {
                    return Ok(());
                }
            }
            let url = shown(url);
            let error = Diagnostic::error(format!("`{url}` has no branch, tag or commit `{wanted}`"));
            return Err(Failure::Final(error.hint(format!("`git ls-remote {url}` shows what it has"))));
        }
        git(&["checkout", "--quiet", "--detach", "FETCH_HEAD"]).await.and_then(|output| succeeded(url, &output))
    }
}

/// What git tells its hooks of the repository that they run for (`git rev-parse --local-env-vars`, but for configuration, and
/// more of that kind): a commit or a push may have started f3s, and its index is no place for other files.
const OF_ANOTHER_REPOSITORY: [&str; 18] = [
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_ATTR_SOURCE",
    "GIT_COMMON_DIR",
    "GIT_DEFAULT_HASH",
    "GIT_DEFAULT_REF_FORMAT",
    "GIT_DIR",
    "GIT_GRAFT_FILE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_INTERNAL_SUPER_PREFIX",
    "GIT_NAMESPACE",
    "GIT_NO_REPLACE_OBJECTS",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_QUARANTINE_PATH",
    "GIT_REPLACE_REF_BASE",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
];

/// What the user's configuration means for trees of his own. A relative `core.hooksPath` leads into the tree that was fetched,
/// whose programs git would run; what goes on behind git's back writes into a folder that is about to be removed.
const OWN_CONFIGURATION: [&str; 5] = [
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "submodule.recurse=false",
];

async fn git(tree: &Path, words: &[&str], stall: Duration) -> Result<Output, Failure> {
    // ssh asks on the terminal, unless a program asks in its place.
    let asks = std::env::var_os("SSH_ASKPASS").is_some();
    let askpass = [("SSH_ASKPASS", "false"), ("SSH_ASKPASS_REQUIRE", "force")].into_iter().filter(|_| !asks);
    let mut command = Command::new("git");
    for name in OF_ANOTHER_REPOSITORY {
        command.env_remove(name);
    }
    let output = command
        .args(OWN_CONFIGURATION.iter().flat_map(|setting| ["-c", setting]))
        .arg("-C")
        .arg(tree)
        .args(words)
        // Neither `ext::`, which is a command, nor files of this machine, whatever configuration git reads.
        .env("GIT_ALLOW_PROTOCOL", REPOSITORY_SCHEMES.join(":"))
        // A question nobody sees would wait for ever, and so would a server that sends nothing.
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_HTTP_LOW_SPEED_LIMIT", "1")
        .env("GIT_HTTP_LOW_SPEED_TIME", stall.as_secs().to_string())
        .envs(askpass)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    output.await.map_err(|error| {
        let error = Diagnostic::error(format!("`git` cannot be run: {error}"));
        Failure::Final(error.hint("`git()` needs git on this machine: install it"))
    })
}

fn succeeded(url: &str, output: &Output) -> Result<(), Failure> {
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().replace(url, &shown(url));
    let lower = said.to_lowercase();
    if PASSING.iter().any(|words| lower.contains(words)) {
        return Err(Failure::passing(said));
    }
    Err(Failure::Final(
        Diagnostic::error(format!("`{}` cannot be fetched", shown(url))).note(format!("git says:\n{said}")),
    ))
}

/// What git says when trying again may help.
const PASSING: &[&str] = &[
    "could not resolve host",
    "connection",
    "early eof",
    "failed to connect",
    "network is unreachable",
    "operation too slow",
    "remote end hung up",
    "returned error: 429",
    "returned error: 5",
    "timed out",
    "unexpected disconnect",
];
