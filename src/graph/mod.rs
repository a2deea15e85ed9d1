//! The family as a graph: edges resolved, clashes and cycles refused, images in build order.

use std::collections::BTreeMap;

use petgraph::algo::tarjan_scc;
use petgraph::graph::{DiGraph, NodeIndex};

use crate::diagnostic::{Diagnostic, Diagnostics, Origin};
use crate::recipe::{Family, ImageKey, Recipe};

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Graph {
    /// Parents before children. Deterministic.
    pub images: Vec<Node>,
    edges: BTreeMap<ImageKey, usize>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    pub recipe: Recipe,
    /// Indices into `Graph::images`, ascending, without repetition; always smaller than the node's own.
    pub parents: Vec<usize>,
    /// True when it was asked for, false when it is only needed.
    pub requested: bool,
}

impl Graph {
    /// What is probably not meant as it is written, each once, in the order of the scripts.
    pub fn warnings(&self) -> Vec<Diagnostic> {
        let mut warnings: Vec<Diagnostic> = Vec::new();
        for warning in self.images.iter().flat_map(|node| &node.recipe.warnings) {
            // Every variant says the same.
            if !warnings.contains(warning) {
                warnings.push(warning.clone());
            }
        }
        let place = |warning: &Diagnostic| warning.origin.as_ref().map(|origin| origin.place.clone());
        warnings.sort_by_key(place);
        warnings
    }

    /// Errors, reported together: a cycle (all of it), an edge to a recipe with several variants, two images with
    /// one reference.
    pub fn new(family: Family) -> Result<Graph, Diagnostics> {
        let recipes: Vec<&Recipe> = family.recipes.values().collect();
        let number: BTreeMap<&ImageKey, usize> = family.recipes.keys().zip(0..).collect();
        let (links, mut errors) = links(&family, &recipes, &number);
        errors.extend(clashes(&recipes));

        let mut graph: DiGraph<usize, ()> = DiGraph::new();
        let nodes: Vec<NodeIndex> = (0..recipes.len()).map(|index| graph.add_node(index)).collect();
        for link in &links {
            graph.update_edge(nodes[link.child], nodes[link.parent], ());
        }
        // Strongly connected components come in reverse topological order: parents first.
        let components = tarjan_scc(&graph);
        for component in &components {
            let members: Vec<usize> = component.iter().map(|node| graph[*node]).collect();
            errors.extend(cycle(&members, &links, &recipes));
        }
        if !errors.is_empty() {
            return Err(Diagnostics(errors));
        }

        let order: Vec<usize> = components.iter().flatten().map(|node| graph[*node]).collect();
        let mut position = vec![0; order.len()];
        for (place, index) in order.iter().enumerate() {
            position[*index] = place;
        }
        let images = order
            .iter()
            .map(|index| {
                let mut parents: Vec<usize> =
                    links.iter().filter(|link| link.child == *index).map(|link| position[link.parent]).collect();
                parents.sort_unstable();
                parents.dedup();
                let recipe = recipes[*index].clone();
                let requested = family.requested.contains(&recipe.key);
                Node { recipe, parents, requested }
            })
            .collect();
        let edges = family
            .edges
            .iter()
            .filter_map(|(edge, keys)| Some((edge.clone(), position[*number.get(keys.first()?)?])))
            .collect();
        Ok(Graph { images, edges })
    }

    /// The index of the image that an edge key (as in `BaseRef::Recipe`) stands for.
    pub fn resolve(&self, edge: &ImageKey) -> usize {
        self.edges[edge]
    }
}

/// `child` needs `parent`, and where it says so.
struct Link<'f> {
    child: usize,
    parent: usize,
    origin: &'f Origin,
}

fn links<'f>(
    family: &'f Family,
    recipes: &[&'f Recipe],
    number: &BTreeMap<&ImageKey, usize>,
) -> (Vec<Link<'f>>, Vec<Diagnostic>) {
    let (mut links, mut errors) = (Vec::new(), Vec::new());
    for (child, recipe) in recipes.iter().enumerate() {
        for (edge, origin) in recipe.needs() {
            match family.edges.get(edge).map(Vec::as_slice) {
                Some([key]) => links.push(Link { child, parent: number[key], origin }),
                Some(variants) => errors.push(several_variants(edge, variants, origin)),
                None => {}
            }
        }
    }
    (links, errors)
}

fn several_variants(edge: &ImageKey, variants: &[ImageKey], origin: &Origin) -> Diagnostic {
    let names: Vec<String> = variants.iter().map(|key| format!("`{key}`")).collect();
    let pairs = variants.first().map(|key| {
        let pairs: Vec<String> = key.params.iter().map(|(name, value)| format!("{name}: \"{value}\"")).collect();
        pairs.join(", ")
    });
    Diagnostic::error(format!("recipe `{edge}` has several variants"))
        .at(origin.clone())
        .note(format!("they are {}", names.join(", ")))
        .hint(format!("say which one: `base(\"{}\", #{{ {} }})`", edge.recipe, pairs.unwrap_or_default()))
}

/// Images that would have the same name and tag.
fn clashes(recipes: &[&Recipe]) -> Vec<Diagnostic> {
    let mut owners: BTreeMap<String, &Recipe> = BTreeMap::new();
    let mut errors = Vec::new();
    for recipe in recipes {
        for tag in &recipe.tags {
            let reference = format!("{}:{tag}", recipe.name);
            let Some(first) = owners.get(&reference) else {
                owners.insert(reference, recipe);
                continue;
            };
            let message = format!("`{}` and `{}` are both called `{reference}`", first.key, recipe.key);
            let error = Diagnostic::error(message).at(recipe.identity.clone());
            errors.push(if first.key.recipe == recipe.key.recipe {
                error.hint("use the parameters' values in the tag: `tag(\"jdk\" + jdk)`")
            } else {
                error
                    .related(first.identity.clone(), "the other image")
                    .hint("give one of them another `name(..)` or `tag(..)`")
            });
            break;
        }
    }
    errors
}

/// The cycle in a component, all of it, starting with the image of the first name.
fn cycle(members: &[usize], links: &[Link], recipes: &[&Recipe]) -> Option<Diagnostic> {
    let next = |from: usize| links.iter().find(|link| link.child == from && members.contains(&link.parent));
    let first = *members.iter().min()?;
    let mut path = vec![next(first)?];
    while let Some(link) = next(path.last()?.parent) {
        if let Some(start) = path.iter().position(|seen| seen.child == link.child) {
            path.drain(..start);
            break;
        }
        path.push(link);
    }
    let name = |index: usize| recipes[index].key.to_string();
    let around: Vec<String> = path.iter().map(|link| name(link.child)).chain([name(path[0].child)]).collect();
    let error = Diagnostic::error(format!("images rest on each other: {}", around.join(" -> ")))
        .at(path[0].origin.clone())
        .label(format!("`{}` needs `{}`", name(path[0].child), name(path[0].parent)));
    Some(path[1..].iter().fold(error, |error, link| {
        error.related(link.origin.place.clone(), format!("`{}` needs `{}`", name(link.child), name(link.parent)))
    }))
}
