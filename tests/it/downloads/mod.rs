//! Downloads from servers on loopback into a store in a temporary folder.

mod door;
mod origins;
mod server;

use std::path::Path;

use f3s::artifact::Store;
use f3s::config::{Mirrors, Original, Replacement};
use f3s::diagnostic::{Diagnostic, Place};
use f3s::event::Event;
use f3s::recipe::{Artifact, ArtifactSource, PackedAs};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// A project: its own mirrors over a cache that others may share.
struct Project {
    cache: std::path::PathBuf,
    mirrors: Mirrors,
}

/// What a fetch gave, and what was said meanwhile.
struct Fetched {
    content: Result<Vec<u8>, Diagnostic>,
    events: Vec<Event>,
}

impl Fetched {
    #[track_caller]
    fn text(&self) -> String {
        let content = self.content.as_ref().unwrap_or_else(|error| panic!("{error:?}"));
        String::from_utf8_lossy(content).into_owned()
    }

    /// The error with its notes and hints.
    #[track_caller]
    fn error(&self) -> String {
        let error = self.content.as_ref().expect_err("an error");
        [vec![error.message.clone()], error.notes.clone(), error.hints.clone()].concat().join("\n")
    }
}

impl Project {
    fn new(cache: &Path) -> Project {
        Project { cache: cache.to_owned(), mirrors: Mirrors::default() }
    }

    fn mirror(cache: &Path, from: &str, to: &str) -> Project {
        let mut mirrors = Mirrors::default();
        mirrors.extend([(Original::try_from(from.to_owned()).unwrap(), Replacement::try_from(to.to_owned()).unwrap())]);
        Project { mirrors, ..Project::new(cache) }
    }

    /// Fetches with a store of its own, as a process does.
    fn fetch(&self, artifact: &Artifact) -> Fetched {
        let (events, mut said) = mpsc::unbounded_channel();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let content = runtime.block_on(async {
            let store = Store::open(&self.cache, self.mirrors.clone()).unwrap();
            store.fetch(artifact, &events, &CancellationToken::new()).await?;
            let packed = store.pack(artifact, &PackedAs::File { mode: 0o644 }).await?;
            Ok(std::fs::read(packed).unwrap())
        });
        runtime.shutdown_background();
        Fetched { content, events: std::iter::from_fn(|| said.try_recv().ok()).collect() }
    }
}

fn artifact(source: ArtifactSource) -> Artifact {
    Artifact { source, name: "file".to_owned(), origin: Place::new("a.rhai", 1, 1).into() }
}

fn download(url: &str) -> Artifact {
    artifact(ArtifactSource::Download { url: url.to_owned(), sha256: None })
}

fn repository(url: &str) -> Artifact {
    artifact(ArtifactSource::Git { url: url.to_owned(), reference: None })
}
