//! Downloads from servers on loopback into a store in a temporary folder.

mod addresses;
mod bounds;
mod faults;
mod origins;
mod repositories;
mod resumed;
mod server;
mod stored;

use std::path::{Path, PathBuf};

use f3s::artifact::{Content, Logins, Store};
use f3s::config::{Config, Original, Replacement};
use f3s::diagnostic::{Diagnostic, Place};
use f3s::event::Event;
use f3s::recipe::{Artifact, ArtifactSource, Limits, PackedAs};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// A project: its own mirrors over a cache that others may share.
struct Project {
    cache: PathBuf,
    config: Config,
    logins: Logins,
}

/// What a fetch gave, and what was said meanwhile.
struct Fetched {
    content: Result<Content, Diagnostic>,
    events: Vec<Event>,
}

impl Fetched {
    #[track_caller]
    fn bytes(&self) -> Vec<u8> {
        let content = self.content.as_ref().unwrap_or_else(|error| panic!("{error:?}"));
        std::fs::read(&content.path).unwrap()
    }

    #[track_caller]
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes()).into_owned()
    }

    /// The error with its notes and hints.
    #[track_caller]
    fn error(&self) -> String {
        let error = self.content.as_ref().expect_err("an error");
        assert!(error.origin.is_some(), "{error:?} has no place");
        [vec![error.message.clone()], error.notes.clone(), error.hints.clone()].concat().join("\n")
    }

    /// Why it was asked again, each time.
    fn retries(&self) -> Vec<&str> {
        let mut retries = Vec::new();
        for event in &self.events {
            if let Event::DownloadRetried { because, .. } = event {
                retries.push(because.as_str());
            }
        }
        retries
    }

    fn notes(&self) -> Vec<&str> {
        let mut notes = Vec::new();
        for event in &self.events {
            if let Event::Note { message } = event {
                notes.push(message.as_str());
            }
        }
        notes
    }
}

impl Project {
    fn new(cache: &Path) -> Project {
        Project { cache: cache.to_owned(), config: Config::default(), logins: Logins::default() }
    }

    fn mirror(cache: &Path, from: &str, to: &str) -> Project {
        let mut project = Project::new(cache);
        let mirror = (Original::try_from(from.to_owned()).unwrap(), Replacement::try_from(to.to_owned()).unwrap());
        project.config.mirrors.extend([mirror]);
        project
    }

    /// Fetches with a store of its own, as a process does.
    fn fetch(&self, artifact: &Artifact) -> Fetched {
        self.fetch_as(artifact, &PackedAs::File { mode: 0o644 })
    }

    fn fetch_as(&self, artifact: &Artifact, packed: &PackedAs) -> Fetched {
        let (events, mut said) = mpsc::unbounded_channel();
        let content = run(async {
            let store = self.store();
            store.fetch(artifact, &events, &CancellationToken::new()).await?;
            store.pack(artifact, packed).await.map_err(|error| error.at(artifact.origin.clone()))
        });
        Fetched { content, events: std::iter::from_fn(|| said.try_recv().ok()).collect() }
    }

    fn store(&self) -> Store {
        Store::open(&self.cache, &self.config, self.logins.clone()).unwrap()
    }

    /// The names in a folder of the store.
    fn names(&self, folder: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.cache.join("artifacts").join(folder)).into_iter().flatten();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }
}

/// Runs to its end; what still blocks a thread then is not waited for.
fn run<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let result = runtime.block_on(work);
    runtime.shutdown_background();
    result
}

fn artifact(source: ArtifactSource) -> Artifact {
    let origin = Place::new("a.rhai", 1, 1).into();
    Artifact { source, name: "file".to_owned(), limits: Limits::default(), origin }
}

fn download(url: &str) -> Artifact {
    artifact(ArtifactSource::Download { url: url.to_owned(), sha256: None, sha512: None })
}

fn pinned(url: &str, content: impl AsRef<[u8]>) -> Artifact {
    let sha256 = Some(f3s::digest::of(content));
    artifact(ArtifactSource::Download { url: url.to_owned(), sha256, sha512: None })
}

fn repository(url: &str) -> Artifact {
    artifact(ArtifactSource::Git { url: url.to_owned(), reference: None })
}
