//! An engine in memory, for tests of the scheduler: it remembers what it was asked for, in order, and fails where it
//! was told to.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::diagnostic::Diagnostic;
use crate::engine::{ArtifactFiles, BuildOptions, Built, Engine, EngineError, Inherited, Pushed};
use crate::event::Events;
use crate::plan::{PlannedImage, Present, PresentImage};
use crate::recipe::{Check, ImageRef};

#[derive(Clone, Default)]
pub struct Fake {
    /// `build a`, `built a`, `check a`, `tag a:latest`, `push a:latest`.
    log: Arc<Mutex<Vec<String>>>,
    images: Arc<Mutex<BTreeMap<String, String>>>,
    /// Names of images that fail to build.
    pub fails: BTreeSet<String>,
    /// How long builds take; an hour for one that only a cancellation ends.
    pub takes: BTreeMap<String, Duration>,
    /// How often a push or a pull of a reference fails before it succeeds.
    pub refuses: Arc<Mutex<BTreeMap<String, u32>>>,
    /// How often the engine is asked before it is back.
    pub away: Arc<Mutex<u32>>,
    /// How those that are refused say why.
    pub complaint: Arc<Mutex<String>>,
    /// How often the registry keeps nothing of a push that it took.
    pub forgets: Arc<Mutex<BTreeMap<String, u32>>>,
    /// What the registry has: digests by reference.
    pub registry: Arc<Mutex<BTreeMap<String, String>>>,
    /// How often somebody moves a reference before it is pushed.
    pub moves: Arc<Mutex<BTreeMap<String, u32>>>,
    /// How often somebody removes a reference before it is pushed.
    pub removes: Arc<Mutex<BTreeMap<String, u32>>>,
}

impl Fake {
    pub fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    fn say(&self, line: String) {
        self.log.lock().unwrap().push(line);
    }
}

impl Engine for Fake {
    async fn present(&self) -> Result<Present, EngineError> {
        let image = |id: &String| PresentImage { id: id.clone(), digests: Vec::new(), size: 1 };
        Ok(Present(self.images.lock().unwrap().iter().map(|(name, id)| (name.clone(), image(id))).collect()))
    }

    async fn build(
        &self,
        image: &PlannedImage,
        _: &ArtifactFiles,
        _: &BuildOptions,
        _: &Events,
        cancel: &CancellationToken,
    ) -> Result<Built, EngineError> {
        self.say(format!("build {}", image.name));
        let time = self.takes.get(&image.name).copied().unwrap_or(Duration::from_millis(5));
        tokio::select! {
            () = tokio::time::sleep(time) => {}
            () = cancel.cancelled() => return Err(EngineError::Cancelled),
        }
        if self.fails.contains(&image.name) {
            return Err(EngineError::Failed(Diagnostic::error("as told")));
        }
        self.say(format!("built {}", image.name));
        self.images.lock().unwrap().insert(image.internal.to_string(), image.fingerprint.to_string());
        Ok(Built { id: image.fingerprint.to_string(), size: 1, cached: false })
    }

    async fn check(&self, id: &str, check: &Check, _: &CancellationToken) -> Result<(), EngineError> {
        assert!(self.images.lock().unwrap().values().any(|image| image == id), "checked before it was built");
        self.say(format!("check {}", check.name));
        if check.name == "false" { Err(EngineError::Failed(Diagnostic::error("as told"))) } else { Ok(()) }
    }

    async fn sweep(&self) -> Result<(), EngineError> {
        Ok(())
    }

    async fn inherited(&self, _: &ImageRef) -> Result<Inherited, EngineError> {
        Ok(Inherited::default())
    }

    async fn tag(&self, id: &str, to: &ImageRef) -> Result<(), EngineError> {
        let mut images = self.images.lock().unwrap();
        assert!(images.values().any(|image| image == id), "tagged before it was built");
        images.insert(to.to_string(), id.to_owned());
        self.log.lock().unwrap().push(format!("tag {to}"));
        Ok(())
    }

    async fn remove(&self, reference: &str) -> Result<(), EngineError> {
        self.images.lock().unwrap().remove(reference);
        Ok(())
    }

    async fn pull(&self, reference: &ImageRef, _: &Events, _: &CancellationToken) -> Result<(), EngineError> {
        let mut refuses = self.refuses.lock().unwrap();
        if let Some(left) = refuses.get_mut(&reference.to_string()).filter(|left| **left > 0) {
            *left -= 1;
            return Err(EngineError::Failed(Diagnostic::error(self.complaint.lock().unwrap().clone())));
        }
        self.images.lock().unwrap().insert(reference.to_string(), reference.to_string());
        Ok(())
    }

    async fn at_registry(&self, reference: &ImageRef) -> Result<Option<String>, EngineError> {
        Ok(self.registry.lock().unwrap().get(&reference.to_string()).cloned())
    }

    async fn answers(&self) -> bool {
        let mut away = self.away.lock().unwrap();
        *away = away.saturating_sub(1);
        *away == 0
    }

    async fn push(
        &self,
        _: &str,
        _: &str,
        reference: &ImageRef,
        _: &Events,
        _: &CancellationToken,
    ) -> Result<Pushed, EngineError> {
        self.say(format!("push {reference}"));
        let happens =
            |so_often: &Mutex<BTreeMap<String, u32>>| match so_often.lock().unwrap().get_mut(&reference.to_string()) {
                Some(left) if *left > 0 => {
                    *left -= 1;
                    true
                }
                _ => false,
            };
        if *self.away.lock().unwrap() > 0 {
            return Err(EngineError::unreachable("the engine went away"));
        }
        if happens(&self.refuses) {
            return Err(EngineError::Failed(Diagnostic::error(self.complaint.lock().unwrap().clone())));
        }
        if happens(&self.removes) {
            return Ok(Pushed::Nothing);
        }
        if happens(&self.moves) {
            return Ok(Pushed::Another);
        }
        let digest = "sha256:0".to_owned();
        if !happens(&self.forgets) {
            self.registry.lock().unwrap().insert(reference.to_string(), digest.clone());
        }
        Ok(Pushed::Itself(digest))
    }
}
