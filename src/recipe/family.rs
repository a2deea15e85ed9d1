//! What loading yields: the evaluated recipes of a request and of all they rest on.

use std::collections::BTreeMap;

use super::{ImageKey, Recipe};

/// The images of a request, not yet ordered or checked against one another.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Family {
    /// By canonical key: a parameter bound to its default does not appear in a key, an axis always does.
    pub recipes: BTreeMap<ImageKey, Recipe>,
    /// What the key of an edge (`base("x", #{..})`) stands for: one image, or several when an axis of that recipe was
    /// left open. An edge to a recipe that failed to evaluate is absent.
    pub edges: BTreeMap<ImageKey, Vec<ImageKey>>,
    /// The images that were asked for, in the order of the request.
    pub requested: Vec<ImageKey>,
}
