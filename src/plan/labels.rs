//! Labels of the OCI image specification (annotations.md) that f3s knows the values of.

use std::collections::BTreeMap;

use crate::path::ProjectPath;
use crate::recipe::Recipe;
use crate::world::World;

const PREFIX: &str = "org.opencontainers.image.";

/// `base`: the reference of what the image rests on and its digest, if known. `source`: where the project is kept.
pub fn added(
    recipe: &Recipe,
    base: Option<(String, Option<String>)>,
    source: Option<&str>,
) -> BTreeMap<String, String> {
    let from_scratch = base.is_none();
    let (name, digest) = base.unzip();
    // An image from `scratch` says so: it would inherit nothing, but a reader of labels cannot know.
    let values = [
        ("title", recipe.name.clone()),
        ("description", recipe.description.clone()),
        ("source", source.unwrap_or_default().to_owned()),
        ("base.name", name.unwrap_or_else(|| "scratch".to_owned())),
        ("base.digest", digest.flatten().unwrap_or_default()),
    ];
    // What is not known is said to be nothing: otherwise the image would inherit what its base says of itself.
    let said = values.into_iter().filter(|(_, value)| !value.is_empty() || !from_scratch);
    said.map(|(key, value)| (format!("{PREFIX}{key}"), value)).collect()
}

/// The URL of the remote `origin` of the project's git repository, without credentials.
pub fn source(world: &dyn World) -> Option<String> {
    let path = ProjectPath::join("", ".git/config")?;
    let bytes = world.read(&path).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let mut lines = text.lines().map(str::trim).skip_while(|line| *line != "[remote \"origin\"]").skip(1);
    let line = lines.by_ref().take_while(|line| !line.starts_with('[')).find(|line| line.starts_with("url"))?;
    let (_, url) = line.split_once('=')?;
    Some(without_credentials(url.trim()))
}

fn without_credentials(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    format!("{scheme}://{host}/{path}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::Memory;

    #[test]
    fn the_source_is_the_origin_without_credentials() {
        let config =
            "[core]\n\tbare = false\n[remote \"origin\"]\n\turl = https://me:token@example.com/team/images.git\n";
        let world = Memory::new().file(".git/config", config);
        assert_eq!(source(&world).as_deref(), Some("https://example.com/team/images.git"));
        assert_eq!(source(&Memory::new()), None);
    }
}
