//! The plan: the family in build order, what will happen to each image and why, and all that the engine needs for
//! it. Pure: the same family, present images and files give the same bytes.

mod action;
mod image;
mod internal;
mod present;
mod references;

pub use image::{Action, PlannedImage, Purpose};
pub use internal::{Internal, Mark, Marks, Seal};
pub use present::{Present, PresentImage};

use std::collections::{BTreeMap, BTreeSet};

use crate::config::Config;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::graph::{Graph, Node};
use crate::lower::{self, Fingerprint, Inputs, Lowered, Lowering, Parent, Repository};
use crate::pattern::Patterns;
use crate::recipe::{Check, CheckKind, ImageRef, RunNetwork};
use crate::world::World;
use references::References;

/// The images of a request and what they rest on, in build order.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Plan {
    pub images: Vec<PlannedImage>,
}

/// What the user asked for beyond the recipes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PlanOptions {
    /// Build what was asked for although nothing changed (`--force`).
    pub force: bool,
    /// Value of `SOURCE_DATE_EPOCH`: seconds since the epoch.
    pub source_date_epoch: Option<i64>,
    /// Images of which every command becomes a layer of its own, where that means the same, so that what stands before an
    /// edited one is not run again: for watch mode.
    pub fine: BTreeSet<String>,
    /// The images as they are released, by name: one that is built finely has another size, which is not checked.
    pub released: BTreeMap<String, Fingerprint>,
    /// References whose registry lacks what the engine has marked as pushed there.
    pub lost: BTreeSet<ImageRef>,
    /// Leave out all checks.
    pub unchecked: bool,
    /// Where the project is kept, if that is known.
    pub repository: Option<Repository>,
    /// What tells the project from others on the same engine, where its repository does not: its folder.
    pub project: Option<String>,
    /// The user's key: without it nothing that the engine has is believed to be f3s's.
    pub seal: Option<Seal>,
}

impl Plan {
    /// Lowers every image, computes its fingerprint and compares it with what the engine has.
    ///
    /// Errors: sources that do not exist or leave the project, links that do, registries that are no prefix of a
    /// reference.
    pub fn new(
        graph: &Graph,
        present: &Present,
        world: &dyn World,
        config: &Config,
        options: &PlanOptions,
    ) -> Result<Plan, Diagnostics> {
        let planner = Planner {
            graph,
            present,
            world,
            config,
            options,
            ignored: lower::ignored(world)?,
            network: network(config)?,
        };
        // `None` for an image that failed, or that rests on one: independent mistakes are reported together.
        let mut planned: Vec<Option<Planned>> = Vec::new();
        let mut errors = Vec::new();
        for node in &graph.images {
            if node.parents.iter().any(|parent| planned[*parent].is_none()) {
                planned.push(None);
                continue;
            }
            match planner.image(node, &planned) {
                Ok(image) => planned.push(Some(image)),
                Err(mistakes) => {
                    errors.extend(mistakes);
                    planned.push(None);
                }
            }
        }
        let images: Vec<PlannedImage> = planned.into_iter().flatten().map(|planned| planned.image).collect();
        if errors.is_empty() {
            errors = references::clashes(graph, &images);
        }
        if errors.is_empty() { Ok(Plan { images }) } else { Err(Diagnostics(errors)) }
    }

    pub fn count(&self, action: Action) -> usize {
        self.images.iter().filter(|image| image.action == action).count()
    }
}

/// The checks as a mark tells them from others; `None` without any.
fn described(checks: &[Check]) -> Option<String> {
    let kinds: Vec<_> = checks.iter().map(|check| &check.kind).collect();
    (!checks.is_empty()).then(|| serde_json::to_string(&kinds).expect("checks are JSON"))
}

/// All references that a family pushes. What is no reference is left out: the plan says so.
pub fn pushes(graph: &Graph, config: &Config) -> BTreeSet<ImageRef> {
    let of = |node: &Node| References::of(&node.recipe, config.registry.as_deref()).ok();
    graph.images.iter().filter_map(of).flat_map(|references| references.pushes).collect()
}

/// The destinations as a mark tells them from others; `None` without any.
fn destinations(pushes: &[ImageRef]) -> Option<String> {
    let names: Vec<String> = pushes.iter().map(ToString::to_string).collect();
    (!pushes.is_empty()).then(|| names.join("\n"))
}

fn network(config: &Config) -> Result<RunNetwork, Diagnostic> {
    match config.network.as_deref() {
        None | Some("default") => Ok(RunNetwork::Default),
        Some("host") => Ok(RunNetwork::Host),
        Some("none") => Ok(RunNetwork::None),
        Some(other) => Err(Diagnostic::error(format!("`{other}` is no network"))
            .hint("`network` in `f3s.toml` is `default`, `host` or `none`")),
    }
}

/// An image, and what its children need to know beside.
struct Planned {
    image: PlannedImage,
    user: Option<String>,
    workdir: Option<String>,
    shell: Option<Vec<String>>,
}

struct Planner<'a> {
    graph: &'a Graph,
    present: &'a Present,
    world: &'a dyn World,
    config: &'a Config,
    options: &'a PlanOptions,
    ignored: Patterns,
    network: RunNetwork,
}

impl Planner<'_> {
    /// Plans an image whose parents are planned already.
    fn image(&self, node: &Node, planned: &[Option<Planned>]) -> Result<Planned, Vec<Diagnostic>> {
        let other = |index: usize| planned[index].as_ref().expect("parents come first, and are there");
        let recipe = &node.recipe;
        let References { all: references, pushes, skipped: push_skipped } =
            References::of(recipe, self.config.registry.as_deref()).map_err(|error| vec![error])?;
        let base = self.base_of(node, &|index| &other(index).image);
        let repository = self.options.repository.as_ref();
        let labels = lower::added_labels(recipe, base, repository.map(|repository| repository.url.as_str()));
        let parent = |key: &_| {
            let Planned { image, user, workdir, shell } = other(self.graph.resolve(key));
            let (internal, user) = (image.internal.clone(), user.clone());
            Parent { internal, user, workdir: workdir.clone(), shell: shell.clone() }
        };
        let (world, ignored) = (self.world, &self.ignored);
        let fine = self.options.fine.contains(&recipe.key.to_string());
        let lowering =
            Lowering { recipe, parent: &parent, labels: &labels, network: self.network, world, ignored, fine };
        let Lowered { dockerfile, context, steps, secrets, ssh, user, workdir, shell } = lowering.lower()?;

        let mut external: Vec<ImageRef> =
            recipe.external_images().into_iter().map(|(image, _)| image.clone()).collect();
        external.sort();
        external.dedup();
        let known: Vec<(ImageRef, Option<String>)> = external
            .iter()
            .map(|image| (image.clone(), self.present.get(&image.to_string()).map(|found| found.id.clone())))
            .collect();
        let inputs = Inputs {
            dockerfile: &dockerfile,
            context: &context,
            description: if recipe.is_described { &recipe.description } else { "" },
            external: &known,
            source_date_epoch: self.options.source_date_epoch,
        };
        let fingerprint = inputs.fingerprint();
        let internal = internal::reference(recipe, &fingerprint);
        let checks = self.checks(node, &fingerprint);
        let project = repository.map(Repository::project).or_else(|| self.options.project.clone());
        let about = [(Mark::Checked, described(&checks)), (Mark::Of, project), (Mark::Pushed, destinations(&pushes))];
        let marks = Marks::new(self.options.seal.as_ref(), &internal, about);
        let decision = action::Decision {
            present: self.present,
            internal: &internal,
            marks: &marks,
            references: &references,
            forced: self.options.force && node.asked,
            missing: known.iter().find(|(_, id)| id.is_none()).map(|(image, _)| image),
            built_parent: node
                .parents
                .iter()
                .map(|index| &other(*index).image)
                .find(|image| image.action == Action::Build),
        };
        let (action, reason, id) = decision.decide();
        let is_marked = |id: &String| !marks.is_missing(Mark::Pushed, id, self.present);
        let is_there = || !pushes.iter().any(|push| self.options.lost.contains(push));
        let is_pushed =
            pushes.is_empty() || (action == Action::UpToDate && id.as_ref().is_some_and(is_marked) && is_there());
        let image = PlannedImage {
            name: recipe.key.to_string(),
            key: recipe.key.clone(),
            recipe: recipe.file.clone(),
            description: recipe.description.clone(),
            action,
            reason,
            fingerprint,
            internal,
            id,
            marks,
            references,
            pushes,
            is_pushed,
            push_skipped,
            parents: node.parents.clone(),
            asked: node.asked,
            steps,
            dockerfile,
            context,
            found: known.into_iter().filter_map(|(image, id)| Some((image, id?))).collect(),
            external,
            bases: recipe.external_bases().map(|(image, origin)| (image.clone(), origin.clone())).collect(),
            artifacts: recipe.artifacts().into_iter().cloned().collect(),
            secrets,
            ssh,
            checks,
        };
        Ok(Planned { image, user, workdir, shell })
    }

    /// The checks that are to be run.
    fn checks(&self, node: &Node, fingerprint: &Fingerprint) -> Vec<Check> {
        let recipe = &node.recipe;
        let released = self.options.released.get(&recipe.key.to_string());
        let fine = released.is_some_and(|released| released != fingerprint);
        let is_wanted = |check: &&Check| !(fine && matches!(check.kind, CheckKind::Size(_)));
        if self.options.unchecked { Vec::new() } else { recipe.checks.iter().filter(is_wanted).cloned().collect() }
    }

    /// What the image's own stage rests on: its reference, and its digest where the engine knows one.
    fn base_of<'p>(&self, node: &Node, other: &dyn Fn(usize) -> &'p PlannedImage) -> Option<(String, Option<String>)> {
        match &node.recipe.image.base.from {
            crate::recipe::BaseRef::Scratch => None,
            crate::recipe::BaseRef::Recipe(key) => {
                let parent = other(self.graph.resolve(key));
                Some((parent.references[0].to_string(), None))
            }
            crate::recipe::BaseRef::External(image) => {
                let found = self.present.get(&image.to_string());
                let digest = found.and_then(|found| found.digest_in(&image.repository())).map(str::to_owned);
                Some((image.to_string(), digest))
            }
        }
    }
}
