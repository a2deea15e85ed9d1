//! Evaluations of earlier rounds: a recipe is evaluated again only when something that it read has changed.

use std::collections::BTreeMap;
use std::sync::Mutex;

use super::recorder::Project;
use super::request::Setting;
use crate::diagnostic::Sources;
use crate::digest;
use crate::recipe::{ImageKey, Recipe};
use crate::world::{Answers, World};

/// Kept between the rounds of watch mode; a new one for everybody else.
#[derive(Default)]
pub struct Evaluations(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    /// What all evaluations depend on: recipes by name, mirrors, checksums, settings.
    common: String,
    by_edge: BTreeMap<ImageKey, Evaluation>,
    /// How often a recipe was evaluated.
    count: usize,
}

struct Evaluation {
    recipes: Vec<Recipe>,
    sources: Sources,
    /// What it was told when it asked: what it saw, not what stood there afterwards.
    answers: Answers,
}

impl Evaluations {
    /// How many evaluations were made, not found.
    pub fn count(&self) -> usize {
        self.lock().count
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Begins a round. Other recipes, mirrors or settings make all evaluations worthless.
    pub(super) fn begin(&self, project: &Project, set: &[Setting]) {
        let common =
            digest::of(format!("{:?}\n{:?}\n{:?}\n{set:?}", project.recipes, project.mirrors, project.checksums));
        let mut kept = self.lock();
        if kept.common != common {
            kept.by_edge.clear();
            kept.common = common;
        }
    }

    /// What an edge gave, if all that was read for it is as it was.
    pub(super) fn fresh(&self, edge: &ImageKey, world: &dyn World, sources: &mut Sources) -> Option<Vec<Recipe>> {
        let kept = self.lock();
        let evaluation = kept.by_edge.get(edge)?;
        if !evaluation.answers.hold(world) {
            return None;
        }
        sources.extend(&evaluation.sources);
        Some(evaluation.recipes.clone())
    }

    pub(super) fn keep(&self, edge: &ImageKey, recipes: &[Recipe], sources: &Sources, answers: Answers) {
        let evaluation = Evaluation { recipes: recipes.to_vec(), sources: sources.clone(), answers };
        let mut kept = self.lock();
        kept.count += 1;
        kept.by_edge.insert(edge.clone(), evaluation);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::config::Config;
    use crate::script::{Request, load_again};
    use crate::world::Memory;

    #[test]
    fn only_what_read_a_changed_file_is_evaluated_again() {
        let evaluations = Evaluations::default();
        let counts = |word: &str, data: &str| {
            let module = format!("fn word() {{ \"{word}\" }}");
            let world = Memory::new()
                .file("scripts/a.rhai", "import \"lib/m\" as m;\nbase(\"alpine:3.13\");\nenv(\"A\", m::word());")
                .file("scripts/b.rhai", "base(\"a\");\ncopy(\"data\", \"/data\");")
                .file("scripts/c.rhai", "base(\"a\");")
                .file("scripts/lib/m.rhai", module)
                .file("scripts/data", data);
            let world: Arc<dyn World> = Arc::new(world);
            let before = evaluations.count();
            let mut sources = Sources::default();
            let family =
                load_again(&world, &Config::default(), &Request::default(), &mut sources, &evaluations).unwrap();
            assert_eq!(family.recipes.len(), 3);
            assert!(sources.get("scripts/lib/m.rhai").is_some());
            // Also what was not evaluated is read, for whoever waits for its changes.
            assert!(world.reads().iter().any(|path| path.as_str() == "scripts/lib/m.rhai"));
            evaluations.count() - before
        };
        assert_eq!(counts("one", "x"), 3);
        assert_eq!(counts("one", "x"), 0);
        assert_eq!(counts("two", "x"), 1);
        // What is copied is read by the plan; a recipe only sees that it is there.
        assert_eq!(counts("two", "y"), 0);
    }
}
