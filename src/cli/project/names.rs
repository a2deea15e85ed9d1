//! What completion needs to know of a project: its recipes and their parameters.

use std::path::Path;
use std::sync::Arc;

use super::settings;
use crate::diagnostic::Sources;
use crate::pipeline;
use crate::recipe::Param;
use crate::script::{Evaluations, Request};
use crate::world::{Disk, World};

/// The recipes of the project that a folder belongs to.
pub fn recipes(folder: &Path) -> Option<Vec<String>> {
    let root = settings::root_above(folder)?;
    let config = settings::read(&root).ok()?.config;
    let world = Disk::new(&root, None).ok()?;
    let files = crate::script::recipe_files(&world, &config.recipes).ok()?;
    Some(files.into_iter().map(|file| file.name).collect())
}

/// The parameters of all recipes of that project, each with its recipe's name.
pub fn params(folder: &Path) -> Option<Vec<(String, Param)>> {
    let root = settings::root_above(folder)?;
    let config = settings::read(&root).ok()?.config;
    let world: Arc<dyn World> = Arc::new(Disk::new(&root, None).ok()?);
    let evaluations = Evaluations::default();
    let load = |request: &Request| pipeline::load(&world, &config, request, &mut Sources::default(), &evaluations).ok();
    let graphs = match load(&Request::default()) {
        Some(graph) => vec![graph],
        // One that is wrong does not silence the others.
        None => {
            let names = recipes(folder)?.into_iter();
            names.filter_map(|name| load(&Request { recipes: vec![name], ..Request::default() })).collect()
        }
    };
    let nodes = graphs.into_iter().flat_map(|graph| graph.images);
    let params = nodes.flat_map(|node| {
        let recipe = node.recipe.key.recipe;
        node.recipe.params.into_iter().map(move |param| (recipe.clone(), param))
    });
    Some(params.collect())
}
