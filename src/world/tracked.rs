//! A world that remembers what one reader asked and what it was told, in front of another one.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex};

use super::{Stat, World};
use crate::digest;
use crate::path::ProjectPath;

pub struct Tracked {
    inner: Arc<dyn World>,
    answers: Mutex<Answers>,
}

/// What was asked of a world, and what it answered, in words that change when the answers do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answers(BTreeMap<(ProjectPath, Question), String>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Question {
    Content,
    Stat,
    List,
}

impl Answers {
    /// True when the world would answer all the same again.
    pub fn hold(&self, world: &dyn World) -> bool {
        self.0.iter().all(|((path, question), answer)| {
            let now = match question {
                Question::Content => word(&world.digest(path), String::clone),
                Question::Stat => word(&world.stat(path), of_stat),
                Question::List => word(&world.list(path), |names| of_list(names)),
            };
            now == *answer
        })
    }
}

/// An answer, or the kind of the error.
fn word<T>(answer: &io::Result<T>, of: impl Fn(&T) -> String) -> String {
    answer.as_ref().map_or_else(|error| error.kind().to_string(), of)
}

fn of_stat(stat: &Stat) -> String {
    format!("{stat:?}")
}

fn of_list(names: &[String]) -> String {
    names.join("/")
}

impl Tracked {
    pub fn new(inner: Arc<dyn World>) -> Tracked {
        Tracked { inner, answers: Mutex::default() }
    }

    pub fn answers(&self) -> Answers {
        self.lock().clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Answers> {
        self.answers.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Keeps the first answer: a later one may tell of a change that the reader did not see as a whole.
    fn remember<T>(
        &self,
        path: &ProjectPath,
        question: Question,
        answer: io::Result<T>,
        of: impl Fn(&T) -> String,
    ) -> io::Result<T> {
        self.lock().0.entry((path.clone(), question)).or_insert_with(|| word(&answer, of));
        answer
    }
}

impl World for Tracked {
    fn read(&self, path: &ProjectPath) -> io::Result<Arc<[u8]>> {
        self.remember(path, Question::Content, self.inner.read(path), |content| digest::of(content))
    }

    fn stat(&self, path: &ProjectPath) -> io::Result<Stat> {
        self.remember(path, Question::Stat, self.inner.stat(path), of_stat)
    }

    fn list(&self, path: &ProjectPath) -> io::Result<Vec<String>> {
        self.remember(path, Question::List, self.inner.list(path), |names| of_list(names))
    }

    fn digest(&self, path: &ProjectPath) -> io::Result<String> {
        self.remember(path, Question::Content, self.inner.digest(path), String::clone)
    }

    fn env(&self, name: &str) -> Option<String> {
        self.inner.env(name)
    }

    fn reads(&self) -> BTreeSet<ProjectPath> {
        self.lock().0.keys().map(|(path, _)| path.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::Memory;

    #[test]
    fn answers_hold_until_one_of_them_changes() {
        let path = |text: &str| ProjectPath::join("", text).unwrap();
        let world = || Memory::new().file("a", "1").file("folder/x", "2");
        let tracked = Tracked::new(Arc::new(world()));
        tracked.read(&path("a")).unwrap();
        tracked.list(&path("folder")).unwrap();
        tracked.stat(&path("absent")).unwrap_err();
        let answers = tracked.answers();
        assert!(answers.hold(&world()));
        // What was listed only may change its content.
        assert!(answers.hold(&world().file("folder/x", "3")));
        for changed in [world().file("a", "2"), world().file("folder/y", ""), world().file("absent", "")] {
            assert!(!answers.hold(&changed));
        }
    }
}
