//! The state of one evaluation: what the recipe said so far. Host functions reach it through the engine's tag.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use rhai::debugger::CallStackFrame;
use rhai::{Dynamic, NativeCallContext, Position};

use super::origin::{self, Definitions};
use crate::config::{Checksum, Mirrors};
use crate::diagnostic::{Diagnostic, Origin, Place, Sources};
use crate::recipe::{Base, Check, Param, Push, Recipe, Stage, Step, StepKind, Value};
use crate::world::World;

/// What every evaluation of a project shares.
#[derive(Clone)]
pub struct Project {
    pub world: Arc<dyn World>,
    pub mirrors: Mirrors,
    pub checksums: BTreeMap<String, Checksum>,
    /// File stem -> path of every recipe, whether it was asked for or not.
    pub recipes: Arc<BTreeMap<String, String>>,
}

/// Values from outside the script.
#[derive(Clone, Debug, Default)]
pub struct Bindings {
    /// Bound by an edge, `base("x", #{..})`: they win over everything.
    pub edge: BTreeMap<String, Value>,
    /// `--set`, as text: they take the place of defaults and narrow axes.
    pub set: BTreeMap<String, String>,
    /// The value of each axis in this variant; the first choice where absent.
    pub axes: BTreeMap<String, Value>,
}

/// A stage while it is being recorded.
#[derive(Debug)]
pub struct OpenStage {
    pub name: String,
    pub origin: Origin,
    pub base: Option<Base>,
    pub steps: Vec<Step>,
    layers: u32,
}

impl OpenStage {
    fn new(name: &str, origin: Origin) -> Self {
        OpenStage { name: name.to_owned(), origin, base: None, steps: Vec::new(), layers: 0 }
    }
}

pub struct Recorder {
    pub project: Arc<Project>,
    pub bindings: Bindings,
    /// The recipe's path and stem.
    pub file: Arc<str>,
    pub stem: String,
    pub definitions: Definitions,
    /// The text of the recipe and of every module it imported, for summaries of steps.
    pub sources: Sources,
    pub name: Option<(String, Place)>,
    pub tags: Option<(Vec<String>, Place)>,
    pub description: Option<String>,
    pub params: Vec<Param>,
    pub stages: Vec<Stage>,
    /// The image's own stage and, inside `stage()`, the stage on top of it.
    open: Vec<OpenStage>,
    /// The open `layer()` block, as steps name it, and how many blocks inside of it are open, too.
    layer: Option<(u32, String)>,
    inner_layers: u32,
    pub checks: Vec<Check>,
    pub pushes: Vec<Push>,
    pub host_env: Vec<(String, String)>,
    pub warnings: Vec<Diagnostic>,
    /// How many calls recorded something.
    recorded: usize,
    /// Where the lines of a source begin, in bytes.
    lines: BTreeMap<Arc<str>, Vec<usize>>,
    /// A mistake that Rhai does not hand on.
    pub refused: Option<Diagnostic>,
}

/// Steps, checks, parameters and all else that one evaluation records.
const MAX_RECORDED: usize = 10_000;

/// A shared recorder, as it travels in the engine's tag.
#[derive(Clone)]
pub struct Recording(Arc<Mutex<Recorder>>);

impl Recording {
    pub fn new(project: Arc<Project>, bindings: Bindings, stem: &str, file: &str) -> Self {
        let definitions = Definitions::new(file);
        let file: Arc<str> = file.into();
        let image = OpenStage::new("", Place::start_of(file.clone()).into());
        Recording(Arc::new(Mutex::new(Recorder {
            project,
            bindings,
            file,
            stem: stem.to_owned(),
            definitions,
            sources: Sources::default(),
            name: None,
            tags: None,
            description: None,
            params: Vec::new(),
            stages: Vec::new(),
            open: vec![image],
            layer: None,
            inner_layers: 0,
            checks: Vec::new(),
            pushes: Vec::new(),
            host_env: Vec::new(),
            warnings: Vec::new(),
            recorded: 0,
            lines: BTreeMap::new(),
            refused: None,
        })))
    }

    pub fn of(ctx: &NativeCallContext) -> Recording {
        Recording::if_any(ctx).expect("the interpreter sets the tag before it runs a script")
    }

    /// The recorder. Never held across a call into a script: closures record, too.
    pub fn lock(&self) -> MutexGuard<'_, Recorder> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// As `of`, for what also runs where nothing is recorded.
    pub fn if_any(ctx: &NativeCallContext) -> Option<Recording> {
        ctx.tag().and_then(|tag| tag.read_lock::<Recording>().map(|recording| recording.clone()))
    }

    pub fn into_tag(self) -> Dynamic {
        Dynamic::from(self)
    }
}

impl Recorder {
    pub fn current(&mut self) -> &mut OpenStage {
        self.open.last_mut().expect("the image's own stage is always open")
    }

    /// Appends a step. Errors: one too many.
    pub fn record(&mut self, kind: StepKind, origin: Origin) -> Result<(), Box<Diagnostic>> {
        self.count("steps", &origin)?;
        let summary = self.summary(&origin.place);
        let layer = self.layer.clone();
        self.current().steps.push(Step { kind, summary, origin, layer });
        Ok(())
    }

    /// Counts what is recorded. Errors: more than any image needs, which is a loop that does not end.
    pub fn count(&mut self, what: &str, origin: &Origin) -> Result<(), Box<Diagnostic>> {
        self.recorded += 1;
        if self.recorded <= MAX_RECORDED {
            return Ok(());
        }
        let error = Diagnostic::error(format!("the recipe has too many {what}")).at(origin.clone());
        let error = error.label(format!("more than {MAX_RECORDED} calls that record something"));
        Err(error.hint("look for a loop without an end; `run` takes a list of commands, `copy` one of files").into())
    }

    /// The call that stands at a place, in few words.
    fn summary(&mut self, place: &Place) -> String {
        let Some(text) = self.sources.get(&place.file) else { return String::new() };
        let starts = self
            .lines
            .entry(place.file.clone())
            .or_insert_with(|| std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect());
        let start = starts.get(place.line as usize - 1).copied().unwrap_or(text.len());
        origin::summary(&text[start..], place.column)
    }

    /// Keeps the mistake of a value that stands in `"${..}"` at this position.
    pub fn refuse_interpolated(&mut self, error: Diagnostic, frames: &[CallStackFrame], position: Position) {
        // The last frame is that of the conversion.
        let callers = frames.split_last().map_or(&[][..], |(_, callers)| callers);
        let file = self.definitions.file_of_running(callers).unwrap_or_else(|| self.file.clone());
        if self.refused.is_none() && self.definitions.is_interpolated(&file, position) {
            self.refused = Some(error.at(origin::place(&file, position)));
        }
    }

    /// Opens a build stage; the stage of the same name or the stage that is still open is the error.
    pub fn open_stage(&mut self, name: &str, origin: Origin) -> Result<(), Box<Diagnostic>> {
        if let Some(open) = self.open.get(1) {
            let error = Diagnostic::error(format!("stage `{name}` stands inside stage `{}`", open.name))
                .at(origin)
                .related(open.origin.place.clone(), "the outer stage starts here")
                .hint("stages stand side by side; take files over with `copy(.., #{ from: .. })`");
            return Err(error.into());
        }
        if let Some(other) = self.stages.iter().find(|stage| stage.name == name) {
            let error = Diagnostic::error(format!("stage `{name}` is defined twice"))
                .at(origin)
                .related(other.origin.place.clone(), "first defined here");
            return Err(error.into());
        }
        self.open.push(OpenStage::new(name, origin));
        Ok(())
    }

    pub fn close_stage(&mut self) -> Result<(), Box<Diagnostic>> {
        let stage = self.open.pop().expect("a stage is open");
        let name = stage.name.clone();
        let closed = closed(stage, &format!("stage `{name}`"))?;
        self.stages.push(closed);
        Ok(())
    }

    /// Opens a `layer()` block. Inside of another it joins that one: library functions open layers, wherever they are called.
    pub fn open_layer(&mut self, name: &str) {
        if self.layer.is_some() {
            self.inner_layers += 1;
            return;
        }
        let stage = self.current();
        stage.layers += 1;
        self.layer = Some((stage.layers, name.to_owned()));
    }

    pub fn close_layer(&mut self) {
        match self.inner_layers.checked_sub(1) {
            Some(fewer) => self.inner_layers = fewer,
            None => self.layer = None,
        }
    }

    pub fn in_layer(&self) -> bool {
        self.layer.is_some()
    }

    /// The finished recipe. Errors: no `base()`.
    pub fn finish(&mut self, header: &str) -> Result<Recipe, Box<Diagnostic>> {
        let image =
            closed(self.open.pop().expect("the image's own stage is open"), &format!("recipe `{}`", self.stem))?;
        if self.name.is_none() && !crate::recipe::ImageRef::is_name(&self.stem) {
            let error = Diagnostic::error(format!("the file's name, `{}`, is no name of an image", self.stem));
            let error = error.at(Place::start_of(self.file.clone()));
            let hint = "lower-case letters, digits and single `.`, `_` or `-` between them: rename the file, or call `name(..)`";
            return Err(error.hint(hint).into());
        }
        let params = std::mem::take(&mut self.params);
        let bound = params.iter().filter(|param| param.axis || param.value != param.default);
        let key = crate::recipe::ImageKey {
            recipe: self.stem.clone(),
            params: bound.map(|param| (param.name.clone(), param.value.clone())).collect(),
        };
        let identity = [self.tags.as_ref().map(|(_, place)| place), self.name.as_ref().map(|(_, place)| place)];
        let identity = identity.into_iter().flatten().next().cloned();
        Ok(Recipe {
            key,
            file: self.file.to_string(),
            name: self.name.take().map_or_else(|| self.stem.clone(), |(name, _)| name),
            tags: self.tags.take().map_or_else(|| vec!["latest".to_owned()], |(tags, _)| tags),
            is_described: self.description.is_some(),
            description: self.description.take().unwrap_or_else(|| header.to_owned()),
            params,
            stages: std::mem::take(&mut self.stages),
            image,
            checks: std::mem::take(&mut self.checks),
            pushes: std::mem::take(&mut self.pushes),
            host_env: std::mem::take(&mut self.host_env),
            warnings: std::mem::take(&mut self.warnings),
            identity: identity.unwrap_or_else(|| Place::start_of(self.file.clone())),
        })
    }
}

fn closed(stage: OpenStage, what: &str) -> Result<Stage, Box<Diagnostic>> {
    let Some(base) = stage.base else {
        let error = Diagnostic::error(format!("{what} has no base"))
            .at(stage.origin)
            .hint("say what it rests on: `base(\"alpine:3.13\")`, the name of another recipe, or `base(\"scratch\")`");
        return Err(error.into());
    };
    Ok(Stage { name: stage.name, base, steps: stage.steps, origin: stage.origin })
}
