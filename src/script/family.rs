//! Loading: the recipes of a request, those they rest on, and the variants of each, evaluated on several threads.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use super::compile::text_of;
use super::evaluations::Evaluations;
use super::interpreter::Interpreter;
use super::limits::STACK;
use super::lint::Lint;
use super::recorder::{Bindings, Project};
use super::request::{Request, Setting};
use super::selection::{self, RecipeFile};
use super::{library, meter};
use crate::config::Config;
use crate::diagnostic::{Diagnostic, Diagnostics, Origin, Place, Sources, nearest};
use crate::recipe::{Family, ImageKey, Param, Recipe, Value};
use crate::world::{Tracked, World};

/// One edge to follow: its key, and the place that named it (`None` for the request itself).
type Edge = (ImageKey, Option<Origin>);

/// Variants of one recipe: more are a mistake in a list of values.
const MAX_VARIANTS: usize = 500;

/// What evaluating one edge gave: the image, or one for every variant.
type Evaluated = Result<Vec<Recipe>, Vec<Diagnostic>>;

pub fn load(
    world: &Arc<dyn World>,
    config: &Config,
    request: &Request,
    sources: &mut Sources,
    evaluations: &Evaluations,
) -> Result<Family, Diagnostics> {
    let files = selection::recipe_files(&**world, &config.recipes).map_err(Diagnostics)?;
    let asked = selection::select(&files, request).map_err(Diagnostics)?;
    let loader = Loader::new(world.clone(), config, &files, &request.set, evaluations);
    library::add_sources(sources);

    let mut family = Family::default();
    let mut errors: Vec<Diagnostic> = Vec::new();
    let mut pending: Vec<Edge> = asked.iter().map(|file| (ImageKey::plain(&file.name), None)).collect();
    let mut followed: BTreeSet<ImageKey> = pending.iter().map(|(key, _)| key.clone()).collect();
    'families: while !pending.is_empty() {
        let results = loader.evaluate_all(&pending, sources);
        let mut next: Vec<Edge> = Vec::new();
        for ((key, from), result) in pending.into_iter().zip(results) {
            let recipes = match result {
                Ok(recipes) => recipes,
                Err(mistakes) => {
                    errors.extend(mistakes.into_iter().filter(|mistake| !errors.contains(mistake)).collect::<Vec<_>>());
                    continue;
                }
            };
            errors.extend(undeclared(&key, from.as_ref(), &recipes));
            for recipe in &recipes {
                for (need, origin) in recipe.needs() {
                    if followed.insert(need.clone()) {
                        if followed.iter().filter(|other| other.recipe == need.recipe).count() > MAX_VARIANTS {
                            errors.push(too_many(&need.recipe, origin.clone()));
                            break 'families;
                        }
                        next.push((need.clone(), Some(origin.clone())));
                    }
                }
            }
            family.edges.insert(key, recipes.iter().map(|recipe| recipe.key.clone()).collect());
            family.recipes.extend(recipes.into_iter().map(|recipe| (recipe.key.clone(), recipe)));
        }
        pending = next;
    }
    errors.extend(unknown_settings(&request.set, &files, &family, errors.is_empty()));
    if !errors.is_empty() {
        errors.sort_by(|a, b| a.origin.as_ref().map(|o| &o.place).cmp(&b.origin.as_ref().map(|o| &o.place)));
        return Err(Diagnostics(errors));
    }
    let keys =
        asked.iter().flat_map(|file| family.edges.get(&ImageKey::plain(&file.name)).cloned().unwrap_or_default());
    family.requested = keys.collect();
    Ok(family)
}

fn too_many(recipe: &str, origin: Origin) -> Diagnostic {
    let message = format!("recipe `{recipe}` is named with more than {MAX_VARIANTS} sets of parameters");
    let error = Diagnostic::error(message).at(origin).label("this one would be the next");
    error.hint("does it rest on itself, each time with other parameters?")
}

/// Parameters that an edge binds and the recipe does not declare.
fn undeclared(key: &ImageKey, from: Option<&Origin>, recipes: &[Recipe]) -> Vec<Diagnostic> {
    let (Some(recipe), Some(origin)) = (recipes.first(), from) else { return Vec::new() };
    let unknown = key.params.keys().filter(|name| recipe.params.iter().all(|param| param.name != **name));
    unknown
        .map(|name| {
            let near = nearest(name, recipe.params.iter().map(|param| param.name.as_str()));
            let error =
                Diagnostic::error(format!("recipe `{}` has no parameter `{name}`", key.recipe)).at(origin.clone());
            error.hint_if(near.map(|near| format!("did you mean `{near}`?"))).hint_if(declared(recipe))
        })
        .collect()
}

fn declared(recipe: &Recipe) -> Option<String> {
    let names: Vec<_> = recipe.params.iter().map(|param| format!("`{}`", param.name)).collect();
    (!names.is_empty()).then(|| format!("it declares {}", names.join(", ")))
}

/// Settings that no loaded recipe declares. After another mistake a recipe may be missing, and with it a parameter.
fn unknown_settings(set: &[Setting], files: &[RecipeFile], family: &Family, complete: bool) -> Vec<Diagnostic> {
    let mut errors = Vec::new();
    for setting in set {
        let written = match &setting.recipe {
            Some(recipe) => format!("{recipe}.{}", setting.name),
            None => setting.name.clone(),
        };
        if let Some(recipe) = &setting.recipe
            && files.iter().all(|file| file.name != *recipe)
        {
            let near = nearest(recipe, files.iter().map(|file| file.name.as_str()));
            let error = Diagnostic::error(format!("`--set {written}={}` names no recipe", setting.value));
            errors.push(error.hint_if(near.map(|near| format!("did you mean `{near}.{}`?", setting.name))));
            continue;
        }
        let recipes = || {
            family
                .recipes
                .values()
                .filter(|recipe| setting.recipe.as_ref().is_none_or(|name| *name == recipe.key.recipe))
        };
        let names: BTreeSet<&str> =
            recipes().flat_map(|recipe| &recipe.params).map(|param| param.name.as_str()).collect();
        if complete && !names.contains(setting.name.as_str()) {
            let near = nearest(&setting.name, names.iter().copied()).map(|near| format!("did you mean `{near}`?"));
            let error = Diagnostic::error(format!(
                "no recipe that was asked for, or that one rests on, declares the parameter `{}` of `--set {written}={}`",
                setting.name, setting.value
            ));
            errors.push(error.hint_if(near).hint("`f3s list` shows the parameters of every recipe"));
        }
    }
    errors
}

struct Loader<'a> {
    project: Project,
    lint: Arc<Lint>,
    set: &'a [Setting],
    evaluations: &'a Evaluations,
    jobs: usize,
}

impl<'a> Loader<'a> {
    fn new(
        world: Arc<dyn World>,
        config: &Config,
        files: &[RecipeFile],
        set: &'a [Setting],
        evaluations: &'a Evaluations,
    ) -> Self {
        let recipes = files.iter().map(|file| (file.name.clone(), file.path.as_str().to_owned())).collect();
        let (mirrors, checksums) = (config.mirrors.clone(), config.checksums.clone());
        let project = Project { world, mirrors, checksums, recipes: Arc::new(recipes) };
        evaluations.begin(&project, set);
        let jobs = std::thread::available_parallelism().map_or(1, |jobs| jobs.get());
        // Compiling the library needs the deep stack, too.
        let lint = on_deep_stack(Lint::new);
        Loader { project, lint: Arc::new(lint), set, evaluations, jobs }
    }

    /// Evaluates edges in parallel; results stand in the order of the edges.
    fn evaluate_all(&self, edges: &[Edge], sources: &mut Sources) -> Vec<Evaluated> {
        let next = AtomicUsize::new(0);
        let results: Mutex<BTreeMap<usize, (Evaluated, Sources)>> = Mutex::default();
        std::thread::scope(|scope| {
            for _ in 0..self.jobs.min(edges.len()) {
                let work = || {
                    let mut interpreter = Interpreter::new(self.lint.clone());
                    loop {
                        let index = next.fetch_add(1, Ordering::Relaxed);
                        let Some((key, _)) = edges.get(index) else { break };
                        let mut read = Sources::default();
                        let result = self.evaluate(&mut interpreter, key, &mut read);
                        results.lock().unwrap().insert(index, (result, read));
                    }
                };
                std::thread::Builder::new()
                    .name("recipes".to_owned())
                    .stack_size(STACK)
                    .spawn_scoped(scope, work)
                    .expect("a thread can be started");
            }
        });
        let results = results.into_inner().unwrap();
        results
            .into_values()
            .map(|(result, read)| {
                sources.extend(&read);
                result
            })
            .collect()
    }

    fn evaluate(&self, interpreter: &mut Interpreter, key: &ImageKey, sources: &mut Sources) -> Evaluated {
        if let Some(recipes) = self.evaluations.fresh(key, &*self.project.world, sources) {
            return Ok(recipes);
        }
        let world = Arc::new(Tracked::new(self.project.world.clone()));
        let project = Arc::new(Project { world: world.clone(), ..self.project.clone() });
        let recipes = self.evaluate_anew(interpreter, &project, key, sources)?;
        self.evaluations.keep(key, &recipes, sources, world.answers());
        Ok(recipes)
    }

    fn evaluate_anew(
        &self,
        interpreter: &mut Interpreter,
        project: &Arc<Project>,
        key: &ImageKey,
        sources: &mut Sources,
    ) -> Evaluated {
        let file = &self.project.recipes[&key.recipe];
        let path = crate::path::ProjectPath::join("", file).expect("recipes lie in the project");
        let failed = |message: String| Err(vec![Diagnostic::error(message).at(Place::start_of(file.as_str()))]);
        let text = match project.world.read(&path).map(|bytes| text_of(bytes.to_vec())) {
            Ok(Ok(text)) => text,
            Ok(Err(_)) => return failed(format!("`{file}` is not UTF-8")),
            Err(error) => return failed(format!("`{file}` cannot be read: {error}")),
        };
        meter::start();
        let bindings = Bindings { edge: key.params.clone(), set: self.settings(&key.recipe), axes: BTreeMap::new() };
        let first = interpreter.evaluate(project, &key.recipe, file, &text, bindings.clone(), sources)?;
        let axes = open_axes(&first, &bindings);
        // The product of many long lists is counted before it is made.
        let count = axes.iter().try_fold(1usize, |count, axis| count.checked_mul(axis.choices.len()));
        if count.is_none_or(|count| count > MAX_VARIANTS) {
            let count = count.map_or_else(|| "too many".to_owned(), |count| count.to_string());
            let message = format!("the recipe makes {count} variants; the limit is {MAX_VARIANTS}");
            let error = Diagnostic::error(message).at(first.identity.clone());
            return Err(vec![error.hint("`--set NAME=VALUE` narrows a parameter to one of its values")]);
        }
        let variants = variants(&axes);
        let mut recipes = vec![first];
        for axes in variants.into_iter().skip(1) {
            let bindings = Bindings { axes, ..bindings.clone() };
            recipes.push(interpreter.evaluate(project, &key.recipe, file, &text, bindings, sources)?);
        }
        Ok(recipes)
    }

    /// The `--set` values that a recipe may take; a setting for one recipe wins over one for all.
    fn settings(&self, recipe: &str) -> BTreeMap<String, String> {
        let of = |wanted: Option<&str>| {
            self.set
                .iter()
                .filter(move |setting| setting.recipe.as_deref() == wanted)
                .map(|setting| (setting.name.clone(), setting.value.clone()))
                .collect::<Vec<_>>()
        };
        of(None).into_iter().chain(of(Some(recipe))).collect()
    }
}

/// The axes that are not bound.
fn open_axes(first: &Recipe, bindings: &Bindings) -> Vec<Param> {
    let is_bound = |name: &String| bindings.edge.contains_key(name) || bindings.set.contains_key(name);
    first.params.iter().filter(|param| param.axis && !is_bound(&param.name)).cloned().collect()
}

/// Every combination of the values of the axes, the one of all first values first.
fn variants(axes: &[Param]) -> Vec<BTreeMap<String, Value>> {
    axes.iter().fold(vec![BTreeMap::new()], |combinations, axis| {
        let extend = |combination: &BTreeMap<String, Value>| {
            let combination = combination.clone();
            axis.choices.iter().map(move |choice| {
                let mut combination = combination.clone();
                combination.insert(axis.name.clone(), choice.clone());
                combination
            })
        };
        combinations.iter().flat_map(extend).collect()
    })
}

fn on_deep_stack<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let builder = std::thread::Builder::new().stack_size(STACK);
        builder.spawn_scoped(scope, work).expect("a thread can be started").join().expect("compiling the library")
    })
}
