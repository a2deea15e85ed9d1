//! The names of an image for users: its tags, and where it is pushed.

use std::collections::{BTreeMap, BTreeSet};

use super::spec::ImageSpec;
use crate::config::Config;
use crate::diagnostic::Diagnostic;
use crate::graph::{Graph, Node};
use crate::recipe::{ImageRef, Recipe};

pub struct References {
    /// The final tags; the first one is *the* reference of the image.
    pub all: Vec<ImageRef>,
    /// Those that are pushed.
    pub pushes: Vec<ImageRef>,
    /// Why nothing is pushed although the recipe says `push()`.
    pub skipped: Option<String>,
}

impl References {
    pub fn of(recipe: &Recipe, registry: Option<&str>) -> Result<References, Diagnostic> {
        let own: Vec<ImageRef> =
            recipe.tags.iter().map(|tag| in_registry(registry, &recipe.name, tag)).collect::<Result<_, _>>()?;
        let mut references = References { all: own.clone(), pushes: Vec::new(), skipped: None };
        for push in &recipe.pushes {
            let targets = match (&push.to, registry) {
                (None, None) => {
                    references.skipped = Some("no registry is configured".to_owned());
                    continue;
                }
                (None, Some(_)) => own.clone(),
                (Some(to), _) if to.tag.is_none() => recipe.tags.iter().map(|tag| to.with_tag(tag)).collect(),
                (Some(to), _) => vec![to.clone()],
            };
            for target in targets {
                if !references.all.contains(&target) {
                    references.all.push(target.clone());
                }
                if !references.pushes.contains(&target) {
                    references.pushes.push(target);
                }
            }
        }
        Ok(references)
    }
}

/// All references that a family pushes. What is no reference is left out: the plan says so.
pub fn pushes(graph: &Graph, config: &Config) -> BTreeSet<ImageRef> {
    let of = |node: &Node| References::of(&node.recipe, config.registry.as_deref()).ok();
    graph.images.iter().filter_map(of).flat_map(|references| references.pushes).collect()
}

/// Images that would be pushed under one reference. Names and tags are compared already.
pub fn clashes(graph: &Graph, images: &[ImageSpec]) -> Vec<Diagnostic> {
    let mut owners: BTreeMap<&ImageRef, usize> = BTreeMap::new();
    let mut errors = Vec::new();
    for (index, image) in images.iter().enumerate() {
        for reference in &image.references {
            if let Some(first) = owners.insert(reference, index) {
                let place = |index: usize| {
                    let recipe = &graph.images[index].recipe;
                    recipe.pushes.first().map_or_else(|| recipe.identity.clone(), |push| push.origin.place.clone())
                };
                let message = format!("`{}` and `{}` are both pushed to `{reference}`", images[first].name, image.name);
                errors.push(Diagnostic::error(message).at(place(index)).related(place(first), "the other image"));
            }
        }
    }
    // An image that replaced what it rests on would rest on itself the next time.
    for (index, image) in images.iter().enumerate() {
        let Some((reference, owner)) =
            image.external.iter().find_map(|external| owners.get(external).map(|owner| (external, *owner)))
        else {
            continue;
        };
        let recipe = &graph.images[index].recipe;
        let origin = recipe.external_images().into_iter().find(|(other, _)| *other == reference).map(|(_, at)| at);
        let place = origin.map_or_else(|| recipe.identity.clone(), |origin| origin.place.clone());
        let error = Diagnostic::error(format!("`{reference}` is the image that `{}` makes", images[owner].name));
        let error = error.at(place).hint(match owner == index {
            true => {
                "it would rest on itself the next time: give it another `name` or `tag`, or set a registry".to_owned()
            }
            false => format!("to rest on it write the recipe's name: `\"{}\"`", images[owner].key.recipe),
        });
        // Every variant of a recipe says the same.
        if !errors.contains(&error) {
            errors.push(error);
        }
    }
    errors
}

fn in_registry(registry: Option<&str>, name: &str, tag: &str) -> Result<ImageRef, Diagnostic> {
    let text = match registry {
        Some(registry) => format!("{registry}/{name}:{tag}"),
        None => format!("{name}:{tag}"),
    };
    text.parse().map_err(|error| Diagnostic::error(format!("`{text}` is no image reference: {error}")))
}
