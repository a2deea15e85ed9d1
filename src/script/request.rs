//! What the user asked for.

/// Recipes, and values of their parameters.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Request {
    /// Paths relative to the project, recipe names or globs over names; empty for the whole family.
    pub recipes: Vec<String>,
    /// `--set [RECIPE.]NAME=VALUE`, in order; later ones win.
    pub set: Vec<Setting>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Bind only this recipe's parameter.
    pub recipe: Option<String>,
    pub name: String,
    pub value: String,
}
