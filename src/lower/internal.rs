//! The name of an image between a family's builds: under a host that can never answer (RFC 2606), so that a builder which
//! lacks the image fails, and asks nobody for it.

use super::fingerprint::Fingerprint;
use crate::recipe::{ImageRef, RESERVED_HOST, Recipe};

/// `f3s.invalid/RECIPE:FINGERPRINT`: the recipe's name where that can stand in a reference, since two recipes may give
/// their images one name.
pub fn reference(recipe: &Recipe, fingerprint: &Fingerprint) -> ImageRef {
    let stem = recipe.key.recipe.as_str();
    let name = if ImageRef::is_name(stem) { stem } else { &recipe.name };
    let (registry, tag) = (Some(RESERVED_HOST.to_owned()), Some(fingerprint.to_string()));
    ImageRef { registry, name: name.to_owned(), tag, digest: None }
}
