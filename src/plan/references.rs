//! The names of an image: for users, for children, and as markers of what was done with it.

use std::collections::BTreeMap;

use super::fingerprint::Fingerprint;
use super::image::PlannedImage;
use crate::diagnostic::Diagnostic;
use crate::digest;
use crate::graph::Graph;
use crate::recipe::{Check, ImageRef, Recipe};

/// What stands before every internal reference.
const PREFIX: &str = "f3s/";

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

/// Images that would be pushed under one reference. Names and tags are compared already.
pub fn clashes(graph: &Graph, images: &[PlannedImage]) -> Vec<Diagnostic> {
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
        Some(registry) => format!("{}/{name}:{tag}", registry.trim_end_matches('/')),
        None => format!("{name}:{tag}"),
    };
    text.parse().map_err(|error| {
        Diagnostic::error(format!("the registry `{}` makes no image reference: {error}", registry.unwrap_or_default()))
            .hint("it is a host with an optional path and no scheme: `registry.example.com/team`")
    })
}

/// `f3s/RECIPE:FINGERPRINT`: the recipe's name where that can stand in a reference, since two recipes may give their
/// images one name.
pub fn internal(recipe: &Recipe, fingerprint: &Fingerprint) -> ImageRef {
    let stem = recipe.key.recipe.as_str();
    let name = if ImageRef::is_name(stem) { stem } else { &recipe.name };
    ImageRef {
        registry: None,
        name: format!("{PREFIX}{name}"),
        tag: Some(fingerprint.prefix().to_owned()),
        digest: None,
    }
}

/// The marker that these checks passed: other checks have another one. `None` without checks.
pub fn checked(internal: &ImageRef, checks: &[Check]) -> Option<ImageRef> {
    let kinds: Vec<_> = checks.iter().map(|check| &check.kind).collect();
    (!checks.is_empty()).then(|| marker(internal, "checked", &serde_json::to_string(&kinds).expect("checks are JSON")))
}

/// The marker that this project makes the image: other projects may make the same, or others of that name.
pub fn owned(internal: &ImageRef, project: &str) -> ImageRef {
    marker(internal, OWNER, project)
}

const OWNER: &str = "of";

/// An internal reference or a marker, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Internal<'a> {
    /// `f3s/NAME:FINGERPRINT`.
    pub image: &'a str,
    /// The digest of a project, for a marker of `owned`.
    pub owner: Option<&'a str>,
}

impl Internal<'_> {
    /// `None` for a reference that is none of f3s's own.
    pub fn parse(reference: &str) -> Option<Internal<'_>> {
        let tag = reference.strip_prefix(PREFIX)?.split_once(':')?.1;
        let (fingerprint, marker) = tag.split_once('-').unwrap_or((tag, ""));
        let image = &reference[..reference.len() - tag.len() + fingerprint.len()];
        Some(Internal { image, owner: marker.strip_prefix(OWNER).and_then(|rest| rest.strip_prefix('-')) })
    }
}

/// The marker that the image was pushed to these references. `None` for an image that is not pushed.
pub fn pushed(internal: &ImageRef, pushes: &[ImageRef]) -> Option<ImageRef> {
    let names: Vec<String> = pushes.iter().map(ToString::to_string).collect();
    (!pushes.is_empty()).then(|| marker(internal, "pushed", &names.join("\n")))
}

fn marker(internal: &ImageRef, what: &str, of: &str) -> ImageRef {
    let tag = internal.tag.as_deref().unwrap_or_default();
    internal.with_tag(&format!("{tag}-{what}-{}", &digest::of(of)[..8]))
}
