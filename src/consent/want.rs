//! What recipes and settings want: each request with the line that makes it, and a name that changes when the request does.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use serde::Serialize;

use super::wish::Wish;
use crate::diagnostic::{Origin, Place};
use crate::digest;
use crate::folders;
use crate::graph::Graph;
use crate::recipe::{Recipe, Run, RunNetwork, SecretMount, SecretSource};

/// A wish, and who has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Want {
    pub wish: Wish,
    /// `the secret `x` of `app``; empty for what is meant for all images.
    pub purpose: String,
    pub origin: Origin,
    /// A digest of all that the request is made of: who wants it, for which commands.
    pub identity: String,
}

impl Want {
    /// Of the project's settings, for all images.
    pub fn of_settings(wish: Wish, place: Place) -> Want {
        let identity = identity(&("settings", &wish));
        Want { wish, purpose: String::new(), origin: place.into(), identity }
    }
}

/// What the recipes of a family want, in build order, every request once. No file is read.
pub fn of_family(graph: &Graph, root: &Path) -> Vec<Want> {
    let mut known = BTreeSet::new();
    let all = graph.images.iter().flat_map(|node| of_recipe(&node.recipe, root));
    all.filter(|want| known.insert(want.identity.clone())).collect()
}

fn of_recipe(recipe: &Recipe, root: &Path) -> Vec<Want> {
    let mut wants = Vec::new();
    for step in recipe.all_stages().flat_map(|stage| &stage.steps) {
        let Some(run) = step.kind.run() else { continue };
        let mut want = |wish: Wish, purpose: String| {
            let identity = identity(&(&recipe.file, &wish, &purpose, run));
            wants.push(Want { wish, purpose, origin: step.origin.clone(), identity });
        };
        let name = &recipe.key.recipe;
        for secret in &run.secrets {
            if let Some(wish) = of_secret(secret, root) {
                want(wish, format!("the secret `{}` of `{name}`", secret.id));
            }
        }
        if run.ssh {
            want(Wish::Ssh, format!("a command of `{name}`"));
        }
        if is_in_host_network(run) {
            want(Wish::HostNetwork, format!("a command of `{name}`"));
        }
    }
    for (name, _) in &recipe.host_env {
        let (wish, purpose) = (Wish::Variable(name.clone()), format!("`env_var` of `{}`", recipe.key.recipe));
        let identity = identity(&(&recipe.file, &wish, &purpose));
        wants.push(Want { wish, purpose, origin: Place::start_of(recipe.file.as_str()).into(), identity });
    }
    wants
}

fn is_in_host_network(run: &Run) -> bool {
    match run.network {
        Some(RunNetwork::Host) => true,
        Some(RunNetwork::None | RunNetwork::Default) | None => false,
    }
}

fn of_secret(secret: &SecretMount, root: &Path) -> Option<Wish> {
    match &secret.source {
        SecretSource::Env(name) => Some(Wish::Variable(name.clone())),
        SecretSource::File(written) => {
            let path = located(written, root);
            let is_inside = path.starts_with(root) && !path.components().any(|part| part == Component::ParentDir);
            (!is_inside).then_some(Wish::Read(path))
        }
    }
}

/// Where the files of secrets lie, by how recipes write them.
pub fn files(graph: &Graph, root: &Path) -> BTreeMap<String, PathBuf> {
    let steps = graph.images.iter().flat_map(|node| node.recipe.all_stages()).flat_map(|stage| &stage.steps);
    let secrets = steps.filter_map(|step| step.kind.run()).flat_map(|run| &run.secrets);
    let file = |secret: &SecretMount| match &secret.source {
        SecretSource::File(written) => Some((written.clone(), located(written, root))),
        SecretSource::Env(_) => None,
    };
    secrets.filter_map(file).collect()
}

/// A path of a secret, of this machine or relative to the project, where links lead.
fn located(written: &str, root: &Path) -> PathBuf {
    let of_home = written.strip_prefix("~/").and_then(|rest| Some(folders::home()?.join(rest)));
    let path = of_home.unwrap_or_else(|| root.join(written));
    path.canonicalize().unwrap_or(path)
}

fn identity(request: &impl Serialize) -> String {
    digest::of(serde_json::to_string(request).expect("plain data is JSON"))
}
