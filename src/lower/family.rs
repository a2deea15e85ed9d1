//! A whole family, image by image: what each of them is.

use std::collections::{BTreeMap, BTreeSet};

use super::fingerprint::{Fingerprint, Inputs};
use super::labels::Repository;
use super::references::{self, References};
use super::spec::ImageSpec;
use super::{Lowered, Lowering, Parent, ignore, internal, labels};
use crate::config::Config;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::graph::{Graph, Node};
use crate::pattern::Patterns;
use crate::recipe::{BaseRef, Check, CheckKind, ImageRef, RunNetwork};
use crate::world::World;

/// What an image of a registry is at the moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin {
    /// As the engine calls it.
    pub id: String,
    /// Of its manifest, where that is known.
    pub digest: Option<String>,
}

/// What the user asked for beyond the recipes.
pub struct LowerOptions<'a> {
    /// Value of `SOURCE_DATE_EPOCH`: seconds since the epoch.
    pub source_date_epoch: Option<i64>,
    /// Images of which every command becomes a layer of its own, where that means the same.
    pub fine: &'a BTreeSet<String>,
    /// The images as they are released, by name: one that is built finely has another size, which is not checked.
    pub released: &'a BTreeMap<String, Fingerprint>,
    /// Leave out all checks.
    pub unchecked: bool,
    /// Where the project is kept, if that is known.
    pub repository: Option<&'a Repository>,
}

/// Lowers every image of a graph, in build order. `pins`: what images of registries are, where that is known.
///
/// Errors, those of independent images together: sources that do not exist or leave the project, links that do, registries
/// that are no prefix of a reference, images under one reference.
pub fn family(
    graph: &Graph,
    pins: &dyn Fn(&ImageRef) -> Option<Pin>,
    world: &dyn World,
    config: &Config,
    options: &LowerOptions,
) -> Result<Vec<ImageSpec>, Diagnostics> {
    let (ignored, network) = (ignore::of_project(world)?, network(config)?);
    let lowerer = FamilyLowerer { graph, pins, world, config, options, ignored, network };
    // `None` for an image that failed, or that rests on one: independent mistakes are reported together.
    let mut all: Vec<Option<Image>> = Vec::new();
    let mut errors = Vec::new();
    for node in &graph.images {
        if node.parents.iter().any(|parent| all[*parent].is_none()) {
            all.push(None);
            continue;
        }
        match lowerer.image(node, &all) {
            Ok(image) => all.push(Some(image)),
            Err(mistakes) => {
                errors.extend(mistakes);
                all.push(None);
            }
        }
    }
    let images: Vec<ImageSpec> = all.into_iter().flatten().map(|image| image.spec).collect();
    if errors.is_empty() {
        errors = references::clashes(graph, &images);
    }
    if errors.is_empty() { Ok(images) } else { Err(Diagnostics(errors)) }
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
struct Image {
    spec: ImageSpec,
    user: Option<String>,
    workdir: Option<String>,
    shell: Option<Vec<String>>,
}

struct FamilyLowerer<'a> {
    graph: &'a Graph,
    pins: &'a dyn Fn(&ImageRef) -> Option<Pin>,
    world: &'a dyn World,
    config: &'a Config,
    options: &'a LowerOptions<'a>,
    ignored: Patterns,
    network: RunNetwork,
}

impl FamilyLowerer<'_> {
    /// Lowers an image whose parents are lowered already.
    fn image(&self, node: &Node, all: &[Option<Image>]) -> Result<Image, Vec<Diagnostic>> {
        let other = |index: usize| all[index].as_ref().expect("parents come first, and are there");
        let recipe = &node.recipe;
        let References { all: references, pushes, skipped: push_skipped } =
            References::of(recipe, self.config.registry.as_deref()).map_err(|error| vec![error])?;
        let base = self.base_of(node, &|index| &other(index).spec);
        let labels = labels::added(recipe, base, self.options.repository.map(|repository| repository.url.as_str()));
        let parent = |key: &_| {
            let Image { spec, user, workdir, shell } = other(self.graph.resolve(key));
            let (internal, user) = (spec.internal.clone(), user.clone());
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
        let known: Vec<(ImageRef, Option<String>)> =
            external.iter().map(|image| (image.clone(), (self.pins)(image).map(|pin| pin.id))).collect();
        let inputs = Inputs {
            dockerfile: &dockerfile,
            context: &context,
            description: if recipe.is_described { &recipe.description } else { "" },
            external: &known,
            source_date_epoch: self.options.source_date_epoch,
        };
        let fingerprint = inputs.fingerprint();
        let spec = ImageSpec {
            name: recipe.key.to_string(),
            key: recipe.key.clone(),
            recipe: recipe.file.clone(),
            description: recipe.description.clone(),
            internal: internal::reference(recipe, &fingerprint),
            checks: self.checks(node, &fingerprint),
            fingerprint,
            references,
            pushes,
            push_skipped,
            parents: node.parents.clone(),
            requested: node.requested,
            steps,
            dockerfile,
            context,
            external,
            found: known.into_iter().filter_map(|(image, id)| Some((image, id?))).collect(),
            bases: recipe.external_bases().map(|(image, origin)| (image.clone(), origin.clone())).collect(),
            artifacts: recipe.artifacts().into_iter().cloned().collect(),
            secrets,
            ssh,
        };
        Ok(Image { spec, user, workdir, shell })
    }

    /// The checks that are to be run.
    fn checks(&self, node: &Node, fingerprint: &Fingerprint) -> Vec<Check> {
        let recipe = &node.recipe;
        let released = self.options.released.get(&recipe.key.to_string());
        let fine = released.is_some_and(|released| released != fingerprint);
        let is_wanted = |check: &&Check| !(fine && matches!(check.kind, CheckKind::Size(_)));
        if self.options.unchecked { Vec::new() } else { recipe.checks.iter().filter(is_wanted).cloned().collect() }
    }

    /// What the image's own stage rests on: its reference, and its digest where one is known.
    fn base_of<'p>(&self, node: &Node, other: &dyn Fn(usize) -> &'p ImageSpec) -> Option<(String, Option<String>)> {
        match &node.recipe.image.base.from {
            BaseRef::Scratch => None,
            BaseRef::Recipe(key) => Some((other(self.graph.resolve(key)).references[0].to_string(), None)),
            BaseRef::External(image) => Some((image.to_string(), (self.pins)(image).and_then(|pin| pin.digest))),
        }
    }
}
