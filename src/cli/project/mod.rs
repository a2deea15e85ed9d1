//! The project of a command: its root, found upward from the recipes, and its settings, flags over environment
//! over file.

mod consent;
pub mod names;
mod repository;
pub mod settings;

use std::path::PathBuf;
use std::sync::Arc;

use super::args::{Global, Select};
use super::failure::Failure;
use crate::config::Config;
use crate::consent::{Allowance, Want};
use crate::diagnostic::{Diagnostic, Sources};
use crate::folders;
use crate::graph::Graph;
use crate::pipeline;
use crate::plan::{Plan, PlanOptions, Present};
use crate::script::{Evaluations, Request, Setting};
use crate::world::{Disk, World};

pub use consent::{Asking, described, printable};

pub struct Project {
    pub root: PathBuf,
    pub config: Config,
    pub world: Arc<Disk>,
    pub cache: PathBuf,
    /// What the project's settings want of the machine.
    pub wants: Vec<Want>,
    /// What the user's flags and variables allow.
    pub allowed: Vec<Allowance>,
    /// The name and the text of the settings file.
    pub settings: (String, String),
    /// The folder that f3s works in: paths of recipes are relative to it.
    here: PathBuf,
}

/// Where a command works.
#[derive(Clone, Debug)]
pub struct Location {
    /// The project's root.
    pub root: PathBuf,
    /// The folder that f3s works in: paths of recipes are relative to it.
    pub here: PathBuf,
    /// f3s's cache folder.
    pub cache: PathBuf,
}

impl Location {
    /// `words`: the recipes as they were written; the project is looked for upward from the first that is a path.
    pub fn find(global: &Global, words: &[String]) -> Result<Location, Failure> {
        let here = match &global.directory {
            Some(directory) => directory.clone(),
            None => std::env::current_dir()?,
        };
        let usage = |message: String| Failure::Usage(Diagnostic::error(message));
        let here = here.canonicalize().map_err(|error| usage(format!("`{}`: {error}", here.display())))?;
        if !here.is_dir() {
            return Err(usage(format!("`{}` is no folder", here.display())));
        }
        let start = words.iter().filter(|word| word.ends_with(".rhai")).find_map(|word| {
            let folder = here.join(word).parent()?.canonicalize().ok()?;
            Some(folder)
        });
        let root = settings::root_above(start.as_deref().unwrap_or(&here)).unwrap_or_else(|| here.clone());
        let cache = folders::cache().map_err(|error| Failure::Wrong(error.into(), Sources::default()))?;
        Ok(Location { root, here, cache })
    }

    /// Where the logs of the project's images are kept.
    pub fn logs(&self) -> PathBuf {
        let root = crate::digest::of(self.root.as_os_str().as_encoded_bytes());
        self.cache.join("logs").join(&root[..16])
    }

    /// The files that settings are read from, whether they exist or not.
    pub fn settings(&self) -> Vec<PathBuf> {
        vec![settings::file(&self.root)]
    }
}

impl Project {
    pub fn open(global: &Global, words: &[String]) -> Result<Project, Failure> {
        Project::at(global, Location::find(global, words)?)
    }

    pub fn at(global: &Global, Location { root, here, cache }: Location) -> Result<Project, Failure> {
        let settings = settings::read(&root)?;
        let mut config = settings.config.clone();
        if config.jobs == Some(0) {
            let error =
                Diagnostic::error("`jobs` in `f3s.toml` is 0").hint("leave it out for the number of processors");
            return Err(Failure::Wrong(error.into(), Sources::in_folder(&root)));
        }
        // An empty one switches the registry of the file off.
        let registry = global.registry.clone().or(config.registry.take());
        config.registry = registry.filter(|registry| !registry.is_empty());
        config.mirrors.extend(global.mirrors.iter().cloned());
        let context = std::env::var_os("DOCKER_CONTEXT").is_some_and(|name| !name.is_empty());
        // The environment wins over the file, also where it chooses a context.
        let wants = settings.wants(global.host.is_none() && !context);
        config.engine.host = global.host.clone().or(config.engine.host.take().filter(|_| !context));
        let world = Disk::new(&root, Some(&cache)).map_err(|error| {
            let error = Diagnostic::error(format!("the project's folder `{}`: {error}", root.display()));
            Failure::Wrong(error.into(), Sources::default())
        })?;
        let world = Arc::new(world);
        let mut allowed = global.allowed()?;
        if settings.is_named && config.network.as_deref() == Some("host") {
            // What all steps may have each of them may have.
            allowed.push(Allowance::HostNetwork);
        }
        let settings = (settings.name, settings.text);
        Ok(Project { root, config, world, cache, wants, allowed, settings, here })
    }

    pub fn location(&self) -> Location {
        Location { root: self.root.clone(), here: self.here.clone(), cache: self.cache.clone() }
    }

    /// What was asked for; `app[jdk=11]`, as plans call a variant, is `app` with `--set app.jdk=11`.
    pub fn request(&self, select: &Select) -> Request {
        let mut request = Request { recipes: Vec::new(), set: select.set.clone() };
        for word in &select.recipes {
            let variant =
                word.strip_suffix(']').and_then(|word| word.split_once('[')).filter(|(_, of)| of.contains('='));
            let (recipe, bound) = variant.unwrap_or((word, ""));
            for (name, value) in bound.split(',').filter_map(|pair| pair.split_once('=')) {
                let recipe = Some(recipe.to_owned());
                request.set.push(Setting { recipe, name: name.to_owned(), value: value.to_owned() });
            }
            request.recipes.push(self.relative(recipe));
        }
        request
    }

    /// A recipe's path relative to the project; names and globs stay as they are.
    fn relative(&self, word: &str) -> String {
        if !word.ends_with(".rhai") {
            return word.to_owned();
        }
        let path = self.here.join(word);
        let folder = path.parent().and_then(|folder| folder.canonicalize().ok());
        let inside = folder.as_deref().and_then(|folder| folder.strip_prefix(&self.root).ok());
        match (inside, path.file_name()) {
            (Some(folder), Some(name)) => folder.join(name).to_string_lossy().into_owned(),
            _ => word.to_owned(),
        }
    }

    /// Evaluates and orders what was asked for.
    pub fn load(&self, select: &Select) -> Result<(Graph, Sources), Failure> {
        let mut sources = Sources::in_folder(&self.root);
        let graph = self.load_again(select, &mut sources, &Evaluations::default())?;
        Ok((graph, sources))
    }

    /// As `load`, with the evaluations of an earlier round. `sources` get what is read.
    pub fn load_again(
        &self,
        select: &Select,
        sources: &mut Sources,
        evaluations: &Evaluations,
    ) -> Result<Graph, Failure> {
        let world: Arc<dyn World> = self.world.clone();
        pipeline::load(&world, &self.config, &self.request(select), sources, evaluations)
            .map_err(|mistakes| Failure::Wrong(mistakes, sources.clone()))
    }

    /// Compares the family with what an engine has; with `Present::default()` for one without images.
    pub fn plan(
        &self,
        (graph, sources): (&Graph, &Sources),
        present: &Present,
        options: &PlanOptions,
    ) -> Result<Plan, Failure> {
        let project = Some(self.root.to_string_lossy().into_owned());
        let options = PlanOptions { project, repository: repository::of(&self.root), ..options.clone() };
        pipeline::plan(graph, present, &*self.world, &self.config, &options)
            .map_err(|mistakes| Failure::Wrong(mistakes, sources.clone()))
    }
}
