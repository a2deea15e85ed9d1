//! Labels of the OCI image specification (annotations.md) that f3s knows the values of.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::recipe::Recipe;

const PREFIX: &str = "org.opencontainers.image.";

/// Where the project is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Repository {
    /// The URL of its remote, without credentials.
    pub url: String,
    /// The project's folder in it; empty for the repository's own.
    pub folder: String,
}

impl Repository {
    /// What tells the project from others of the repository, and of others.
    pub fn project(&self) -> String {
        if self.folder.is_empty() { self.url.clone() } else { format!("{}//{}", self.url, self.folder) }
    }
}

/// `base`: the reference of what the image rests on and its digest, if known. `source`: the URL of the project's repository.
///
/// Labels are inherited, and the base's title, description and own base would be wrong of this image: what is not known of
/// these is set to nothing. The base's source stays unless this image's is known, since it is that of most of its files.
pub fn added(
    recipe: &Recipe,
    base: Option<(String, Option<String>)>,
    source: Option<&str>,
) -> BTreeMap<String, String> {
    let from_scratch = base.is_none();
    let (name, digest) = base.unzip();
    let values = [
        ("title", Some(recipe.name.clone())),
        ("description", Some(recipe.description.clone())),
        ("source", source.map(str::to_owned)),
        // An image from `scratch` says so: it would inherit nothing, but a reader of labels cannot know.
        ("base.name", Some(name.unwrap_or_else(|| "scratch".to_owned()))),
        ("base.digest", Some(digest.flatten().unwrap_or_default())),
    ];
    let said = values.into_iter().filter_map(|(key, value)| Some((key, value?)));
    let said = said.filter(|(_, value)| !value.is_empty() || !from_scratch);
    said.map(|(key, value)| (format!("{PREFIX}{key}"), value)).collect()
}
