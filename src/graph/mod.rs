//! The family as a graph: edges resolved, clashes and cycles refused, images in build order.

use crate::diagnostic::Diagnostics;
use crate::recipe::{Family, ImageKey, Recipe};

#[derive(Clone, Debug, PartialEq)]
pub struct Graph {
    /// Parents before children; among equals by name. Deterministic.
    pub images: Vec<Node>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    pub recipe: Recipe,
    /// Indices into `Graph::images`, ascending, without repetition; always smaller than the node's own.
    pub parents: Vec<usize>,
    /// True when it was asked for, false when it is only needed.
    pub asked: bool,
}

impl Graph {
    /// Errors, reported together: a cycle (all of it), an edge to a recipe with several variants, two images with
    /// one reference.
    pub fn new(family: Family) -> Result<Graph, Diagnostics> {
        let _ = family;
        todo!()
    }

    /// The index of the image that an edge key (as in `BaseRef::Recipe`) stands for.
    pub fn resolve(&self, edge: &ImageKey) -> usize {
        let _ = edge;
        todo!()
    }
}
