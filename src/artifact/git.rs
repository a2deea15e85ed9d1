//! Fetching a source tree with the host's `git`, which knows the user's credentials, proxies and keys.

use std::path::Path;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::archive;
use super::git_program::{Git, Said};
use super::retry::{Failure, retried};
use super::transfer::shown_size;
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
    /// Bytes that its history may have, and its files.
    pub limit: u64,
}

/// Files of a tree: as many as an archive may have.
const MOST_FILES: u64 = 1_000_000;

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
        let git = Git { tree, stall: self.stall, limit: self.limit };
        let (url, wanted) = (self.from, self.reference.unwrap_or("HEAD"));
        git.run(&["init", "--quiet"]).await.and_then(|said| self.succeeded(&said))?;
        let shallow = git.run(&["fetch", "--quiet", "--depth", "1", "--", url, wanted]).await?;
        if shallow.succeeded {
            self.is_bounded(&git, "FETCH_HEAD").await?;
            return git
                .run(&["checkout", "--quiet", "--detach", "FETCH_HEAD"])
                .await
                .and_then(|said| self.succeeded(&said));
        }
        // Plain file servers cannot give a part of the history, and some servers give no commit by its name.
        let all = ["+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*", "+HEAD:refs/remotes/origin/HEAD"];
        let full = git.run(&[&["fetch", "--quiet", "--", url][..], &all].concat()).await?;
        self.succeeded(&full)?;
        for name in [format!("refs/remotes/origin/{wanted}"), wanted.to_owned()] {
            if self.is_bounded(&git, &name).await?
                && git.run(&["checkout", "--quiet", "--detach", &name]).await?.succeeded
            {
                return Ok(());
            }
        }
        let url = shown(url);
        let error = Diagnostic::error(format!("`{url}` has no branch, tag or commit `{wanted}`"));
        Err(Failure::Final(error.hint(format!("`git ls-remote {url}` shows what it has"))))
    }

    /// True for a commit whose files are within bounds, before any is written: trees that name one another make files without
    /// number of a few bytes. False when there is no such commit.
    async fn is_bounded(&self, git: &Git<'_>, commit: &str) -> Result<bool, Failure> {
        let Some(size) = git.size_of(commit, MOST_FILES).await? else { return Ok(false) };
        let wrong = if size.files > MOST_FILES {
            format!("it has more than {MOST_FILES} files")
        } else if size.bytes > self.limit {
            format!("its files have more than {}", shown_size(self.limit))
        } else {
            return Ok(true);
        };
        Err(Failure::Final(self.too_large(&wrong)))
    }

    fn too_large(&self, why: &str) -> Diagnostic {
        Diagnostic::error(format!("`{}` cannot be fetched: {why}", shown(self.url)))
            .hint("more bytes are allowed by `limit` of `[downloads]` in `f3s.toml`")
    }

    fn succeeded(&self, said: &Said) -> Result<(), Failure> {
        if said.succeeded {
            return Ok(());
        }
        if said.is_over_limit() {
            return Err(Failure::Final(self.too_large(&format!("it is larger than {}", shown_size(self.limit)))));
        }
        let url = shown(self.from);
        let text = said.text.replace(self.from, &url);
        let lower = text.to_lowercase();
        if PASSING.iter().any(|words| lower.contains(words)) {
            return Err(Failure::passing(text));
        }
        Err(Failure::Final(Diagnostic::error(format!("`{url}` cannot be fetched")).note(format!("git says:\n{text}"))))
    }
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
