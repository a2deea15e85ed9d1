//! Fetching a source tree with the host's `git`, which knows the user's credentials, proxies and keys.

use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Instant;

use tokio::process::Command;
use tokio_util::sync::CancellationToken;

use super::archive;
use crate::diagnostic::Diagnostic;
use crate::digest;
use crate::event::{Event, Events};

/// Writes the work tree, as a tar without `.git`, to `target` and returns its SHA-256. `work` is a folder for
/// temporary files. `url` is what the recipe wrote, `from` where mirrors lead.
pub async fn fetch(
    url: &str,
    from: &str,
    reference: Option<&str>,
    work: &Path,
    target: &Path,
    events: &Events,
    cancel: &CancellationToken,
) -> Result<String, Diagnostic> {
    let start = Instant::now();
    let _ = events.send(Event::DownloadStarted { url: url.to_owned(), total: None });
    let tree =
        tempfile::tempdir_in(work).map_err(|error| Diagnostic::error(format!("no temporary folder: {error}")))?;
    tokio::select! {
        result = check_out(from, reference, tree.path()) => result?,
        () = cancel.cancelled() => return Err(Diagnostic::error(format!("the fetch of `{url}` was cancelled"))),
    }
    let (folder, file) = (tree.path().to_owned(), target.to_owned());
    let packed = tokio::task::spawn_blocking(move || -> std::io::Result<(String, u64)> {
        std::fs::remove_dir_all(folder.join(".git"))?;
        archive::of_folder(&folder, &file)?;
        let bytes = std::fs::read(&file)?;
        Ok((digest::of(&bytes), bytes.len() as u64))
    });
    let (digest, bytes) = packed
        .await
        .expect("packing does not panic")
        .map_err(|error| Diagnostic::error(format!("the files of `{url}` cannot be packed: {error}")))?;
    let seconds = start.elapsed().as_secs_f64();
    let _ = events.send(Event::DownloadFinished { url: url.to_owned(), bytes, seconds });
    Ok(digest)
}

async fn check_out(url: &str, reference: Option<&str>, tree: &Path) -> Result<(), Diagnostic> {
    git(tree, &["init", "--quiet"]).await.and_then(|output| succeeded(url, &output))?;
    let wanted = reference.unwrap_or("HEAD");
    let shallow = git(tree, &["fetch", "--quiet", "--depth", "1", url, wanted]).await?;
    if !shallow.status.success() {
        // Plain file servers cannot give a part of the history, and some servers give no commit by its name.
        let all = ["+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*", "+HEAD:refs/remotes/origin/HEAD"];
        let full = git(tree, &[&["fetch", "--quiet", url][..], &all].concat()).await?;
        succeeded(url, &full)?;
        let names = [format!("refs/remotes/origin/{wanted}"), wanted.to_owned()];
        for name in &names {
            let found = git(tree, &["checkout", "--quiet", "--detach", name]).await?;
            if found.status.success() {
                return Ok(());
            }
        }
        let error = Diagnostic::error(format!("`{url}` has no branch, tag or commit `{wanted}`"));
        return Err(error.hint(format!("`git ls-remote {url}` shows what it has")));
    }
    git(tree, &["checkout", "--quiet", "--detach", "FETCH_HEAD"]).await.and_then(|output| succeeded(url, &output))
}

async fn git(tree: &Path, words: &[&str]) -> Result<Output, Diagnostic> {
    let output = Command::new("git")
        .arg("-C")
        .arg(tree)
        .args(words)
        // A question nobody sees would wait for ever.
        .env("GIT_TERMINAL_PROMPT", "0")
        .env_remove("GIT_DIR")
        .env_remove("GIT_WORK_TREE")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    output.await.map_err(|error| {
        Diagnostic::error(format!("`git` cannot be run: {error}")).hint("`git()` needs git on this machine: install it")
    })
}

fn succeeded(url: &str, output: &Output) -> Result<(), Diagnostic> {
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(Diagnostic::error(format!("`{url}` cannot be fetched")).note(format!("git says:\n{said}")))
}
