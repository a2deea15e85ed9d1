//! Parameter values and the identity of an image in the family.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// The value of a parameter. The default gives the type.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    Bool(bool),
    Int(i64),
    Text(String),
}

impl Value {
    /// The type's name as scripts and messages call it.
    pub fn type_name(&self) -> &'static str {
        match self {
            Value::Bool(_) => "bool",
            Value::Int(_) => "int",
            Value::Text(_) => "string",
        }
    }

    /// Reads a value of the same type as `self` from the text of `--set NAME=TEXT`.
    pub fn parse_like(&self, text: &str) -> Option<Value> {
        match self {
            Value::Bool(_) => text.parse().ok().map(Value::Bool),
            Value::Int(_) => text.parse().ok().map(Value::Int),
            Value::Text(_) => Some(Value::Text(text.to_owned())),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Bool(value) => value.fmt(f),
            Value::Int(value) => value.fmt(f),
            Value::Text(value) => value.fmt(f),
        }
    }
}

/// A recipe and the parameters that were bound for it. In an edge (`base("x", #{..})`) it holds what the edge
/// binds; in a `Recipe` it holds the bound parameters and the value of every axis, so that it is unique.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct ImageKey {
    /// The recipe's file stem.
    pub recipe: String,
    pub params: BTreeMap<String, Value>,
}

impl ImageKey {
    pub fn plain(recipe: impl Into<String>) -> Self {
        ImageKey { recipe: recipe.into(), params: BTreeMap::new() }
    }
}

/// `jmeter-base`, or `app[alpine=3.12,jdk=11]`: how the image is called in plans, logs and messages.
impl fmt::Display for ImageKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.recipe)?;
        for (i, (name, value)) in self.params.iter().enumerate() {
            write!(f, "{}{name}={value}", if i == 0 { "[" } else { "," })?;
        }
        if self.params.is_empty() { Ok(()) } else { f.write_str("]") }
    }
}
