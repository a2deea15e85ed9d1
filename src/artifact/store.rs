//! The store in the user's cache folder: `blobs/SHA256` holds contents, `sources/KEY` says which content a source gave,
//! `packed/KEY` which one builds get. Several processes may share it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::blobs::{Blobs, Found, named, write_whole};
use super::download::Download;
use super::git::{self, Repository};
use super::living::{Living, clear_dead};
use super::locks::Locks;
use super::logins::Logins;
use super::transfer::Expected;
use super::{archive, pack};
use crate::config::{Config, Downloads, Mirrors};
use crate::diagnostic::Diagnostic;
use crate::digest;
use crate::event::{Event, Events};
use crate::folders;
use crate::recipe::address::shown;
use crate::recipe::{Artifact, ArtifactSource, PackedAs};

/// Where the store lies in f3s's cache folder.
pub const FOLDER: &str = "artifacts";

/// The lock of the whole store: shared by who begins to use a content, held alone by who removes them.
pub const WHOLE: &str = "store";

/// The store. Safe to share between tasks and between processes.
#[derive(Clone)]
pub struct Store {
    root: PathBuf,
    mirrors: Mirrors,
    bounds: Downloads,
    logins: Logins,
    blobs: Blobs,
    locks: Locks,
    living: Arc<Living>,
}

/// A content of the store, which was verified.
#[derive(Clone, Debug, PartialEq)]
pub struct Content {
    pub path: PathBuf,
    /// SHA-256 in hexadecimal.
    pub digest: String,
}

impl Store {
    /// In `artifacts` of f3s's cache folder. Clears what dead processes have left there.
    pub fn open(cache: &Path, config: &Config, logins: Logins) -> io::Result<Store> {
        let root = cache.join(FOLDER);
        for folder in ["blobs", "sources", "packed", "locks", "partial", "runs"] {
            let folder = root.join(folder);
            folders::make(&folder).map_err(|error| {
                let message = format!("the artifact store `{}` cannot be made: {error}", folder.display());
                io::Error::new(error.kind(), message)
            })?;
        }
        let locks = Locks::new(root.join("locks"));
        clear_dead(&root, &locks);
        let (living, blobs) = (Arc::new(Living::begin(&root, &locks)?), Blobs::new(root.join("blobs")));
        Ok(Store { root, mirrors: config.mirrors.clone(), bounds: config.downloads, logins, blobs, locks, living })
    }

    /// Fetches the artifact unless the store has it. Two calls for the same artifact fetch it once.
    ///
    /// Errors point at the artifact's origin: unreachable, HTTP status, wrong checksum, cut off, cancelled.
    pub async fn fetch(
        &self,
        artifact: &Artifact,
        events: &Events,
        cancel: &CancellationToken,
    ) -> Result<(), Diagnostic> {
        let fetched = self.fetch_missing(artifact, events, cancel).await;
        fetched.map_err(|error| error.at(artifact.origin.clone()))
    }

    async fn fetch_missing(
        &self,
        artifact: &Artifact,
        events: &Events,
        cancel: &CancellationToken,
    ) -> Result<(), Diagnostic> {
        if self.known(&artifact.source, Some(events)).await?.is_some() {
            return Ok(());
        }
        let key = self.key(&artifact.source);
        let held = tokio::select! {
            held = self.locks.exclusive(&key) => held,
            () = cancel.cancelled() => {
                let url = shown(artifact.source.url());
                return Err(Diagnostic::error(format!("the fetch of `{url}` was cancelled")));
            }
        };
        let _held = held.map_err(broken)?;
        if self.known(&artifact.source, Some(events)).await?.is_some() {
            return Ok(());
        }
        let from = self.mirrors.rewrite(artifact.source.url());
        let (timeout, stall) = self.patience(artifact);
        match &artifact.source {
            ArtifactSource::Download { url, sha256, sha512 } => {
                let limit = artifact.limits.size.unwrap_or(self.bounds.limit.0);
                let expected = Expected { sha256: sha256.clone(), sha512: sha512.clone(), limit };
                let logins = self.logins.clone();
                let download = Download { url: url.clone(), from, expected, timeout, stall, logins };
                let partial = self.root.join("partial").join(&key);
                let digest = download.run(&partial, events, cancel).await?;
                self.keep(partial.clone(), &digest).await?;
                // What else is known of it went with the download.
                let _ = std::fs::remove_file(partial.with_extension(super::partial::ABOUT));
                self.name("sources", &key, &digest)?;
                match sha512 {
                    Some(sha512) => self.name("sources", &joined(sha512), &digest),
                    None => Ok(()),
                }
            }
            ArtifactSource::Git { url, reference } => {
                let (reference, work) = (reference.as_deref(), self.living.work());
                let limit = self.bounds.limit.0;
                let repository = Repository { url, from: &from, reference, timeout, stall, limit };
                let target = work.join(&key);
                let digest = git::fetch(&repository, work, &target, events, cancel).await?;
                self.keep(target, &digest).await?;
                self.name("sources", &key, &digest)
            }
        }
    }

    /// How long a fetch may take, and how long a silence.
    fn patience(&self, artifact: &Artifact) -> (Duration, Duration) {
        let limits = &artifact.limits;
        let (timeout, stall) =
            (limits.timeout.unwrap_or(self.bounds.timeout), limits.stall.unwrap_or(self.bounds.stall));
        (timeout.duration(), stall.duration())
    }

    /// The file that enters the build context, made from a fetched artifact. Made once, then kept.
    ///
    /// Errors: no known archive format, an entry that would leave the target folder, a pattern that matches nothing.
    pub async fn pack(&self, artifact: &Artifact, packed: &PackedAs) -> Result<Content, Diagnostic> {
        let blob = self.known(&artifact.source, None).await?.ok_or_else(|| {
            Diagnostic::error(format!("`{}` is not in the artifact store any more", shown(artifact.source.url())))
                .at(artifact.origin.clone())
                .hint("run f3s again: it fetches what is missing")
        })?;
        let PackedAs::Tar { filter, chown, copied } = packed else { return Ok(blob) };
        let wanted = serde_json::to_string(packed).expect("plain data is JSON");
        let key = digest::of(format!("{}\n{}\n{wanted}", pack::VERSION, blob.digest));
        let _held = self.locks.exclusive(&key).await.map_err(broken)?;
        if let Some(digest) = named(&self.root.join("packed").join(&key))
            && let Some(content) = self.content(&digest, None, None).await?
        {
            return Ok(content);
        }
        let target = self.living.work().join(&key);
        let work = {
            let wanted = pack::Wanted { filter: filter.clone(), chown: chown.clone(), copied: *copied };
            let folder = self.living.work().to_owned();
            let (name, into, blobs) = (artifact.name.clone(), target.clone(), self.blobs.clone());
            let may_be_cut = !artifact.source.has_checksum();
            move || {
                let packed = pack::tar(&blob.path, &name, &wanted, &folder, &into);
                packed.map_err(|error| if may_be_cut { without_broken(&blobs, &blob, &name, error) } else { error })?;
                digest::of_file(&into).map_err(broken)
            }
        };
        let digest = tokio::task::spawn_blocking(work).await.expect("packing does not panic")?;
        self.keep(target, &digest).await?;
        self.name("packed", &key, &digest)?;
        Ok(Content { path: self.blobs.path(&digest), digest })
    }

    /// What a source gave, if the store has it as it was.
    async fn known(&self, source: &ArtifactSource, events: Option<&Events>) -> Result<Option<Content>, Diagnostic> {
        let said = |key: &str| named(&self.root.join("sources").join(key));
        let (digest, sha512) = match source {
            ArtifactSource::Download { sha256: Some(digest), sha512, .. } => (Some(digest.clone()), sha512.as_deref()),
            ArtifactSource::Download { sha512: Some(sha512), .. } => (said(&joined(sha512)), Some(&sha512[..])),
            ArtifactSource::Download { .. } | ArtifactSource::Git { .. } => (said(&self.key(source)), None),
        };
        let Some(digest) = digest else { return Ok(None) };
        let content = self.content(&digest, sha512, events.map(|events| (events, source.url()))).await?;
        Ok(content)
    }

    /// A content that was read and found right; one that is not is removed, which `events` tell of a URL.
    async fn content(
        &self,
        digest: &str,
        sha512: Option<&str>,
        events: Option<(&Events, &str)>,
    ) -> Result<Option<Content>, Diagnostic> {
        self.use_of(digest).await?;
        let (blobs, wanted, sha512) = (self.blobs.clone(), digest.to_owned(), sha512.map(str::to_owned));
        let found = tokio::task::spawn_blocking(move || blobs.verified(&wanted, sha512.as_deref()));
        match found.await.expect("reading does not panic").map_err(broken)? {
            Found::Right(path) => Ok(Some(Content { path, digest: digest.to_owned() })),
            Found::Missing => Ok(None),
            Found::Damaged => {
                if let Some((events, url)) = events {
                    let what = format!("what was kept of {} is not what was fetched: it is fetched again", shown(url));
                    let _ = events.send(Event::Note { message: what });
                }
                Ok(None)
            }
        }
    }

    /// Nobody removes the content from here on.
    async fn use_of(&self, digest: &str) -> Result<(), Diagnostic> {
        let _held = self.locks.shared(WHOLE).await.map_err(broken)?;
        self.living.uses(digest).map_err(broken)
    }

    async fn keep(&self, file: PathBuf, digest: &str) -> Result<(), Diagnostic> {
        self.use_of(digest).await?;
        let (blobs, digest) = (self.blobs.clone(), digest.to_owned());
        let kept = tokio::task::spawn_blocking(move || blobs.keep(&file, &digest));
        kept.await.expect("keeping does not panic").map_err(broken)
    }

    fn name(&self, folder: &str, key: &str, digest: &str) -> Result<(), Diagnostic> {
        write_whole(&self.root.join(folder).join(key), digest.as_bytes()).map_err(broken)
    }

    /// Names a source in file names: by where it really comes from. What one project's mirror gave is no other project's.
    fn key(&self, source: &ArtifactSource) -> String {
        let from = self.mirrors.rewrite(source.url());
        digest::of(match source {
            ArtifactSource::Download { .. } => format!("file\n{from}"),
            ArtifactSource::Git { reference, .. } => {
                format!("git\n{from}\n{}", reference.as_deref().unwrap_or_default())
            }
        })
    }
}

/// Names what a checksum of the other kind is of, wherever it came from.
fn joined(sha512: &str) -> String {
    digest::of(format!("sha512\n{sha512}"))
}

/// Removes an archive that does not end as archives do: its server may have cut it off.
fn without_broken(blobs: &Blobs, blob: &Content, name: &str, error: Diagnostic) -> Diagnostic {
    if archive::is_whole(&blob.path, name) {
        return error;
    }
    blobs.remove(&blob.digest);
    error.note("it is not kept").hint("run f3s again to fetch it anew; a checksum tells whether all of it came")
}

fn broken(error: io::Error) -> Diagnostic {
    Diagnostic::error(format!("the artifact store cannot be used: {error}")).hint("F3S_CACHE_DIR says where it is")
}
