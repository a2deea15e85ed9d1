//! Which files are recipes, and which of them a request means.

use std::collections::BTreeMap;

use globset::Glob;

use super::request::Request;
use crate::diagnostic::{Diagnostic, Place, nearest};
use crate::path::ProjectPath;
use crate::world::World;

/// A recipe that was found in the project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecipeFile {
    /// The file stem.
    pub name: String,
    pub path: ProjectPath,
}

const DEFAULT_PATTERN: &str = "scripts/*.rhai";

/// The recipes that the patterns (`scripts/*.rhai` when empty) match, by name. A pattern's folder is taken literally;
/// `*`, `?` and `[..]` count in its last component.
///
/// Errors: two files with one name.
pub fn recipe_files(world: &dyn World, patterns: &[String]) -> Result<Vec<RecipeFile>, Vec<Diagnostic>> {
    let default = [DEFAULT_PATTERN.to_owned()];
    let patterns = if patterns.is_empty() { &default[..] } else { patterns };
    let mut files: BTreeMap<String, ProjectPath> = BTreeMap::new();
    let mut errors = Vec::new();
    for pattern in patterns {
        let Some(path) = ProjectPath::join("", pattern) else {
            errors.push(Diagnostic::error(format!("the pattern `{pattern}` leaves the project")));
            continue;
        };
        let glob = match Glob::new(path.file_name()) {
            Ok(glob) => glob.compile_matcher(),
            Err(error) => {
                errors.push(Diagnostic::error(format!("`{pattern}` is no pattern: {error}")));
                continue;
            }
        };
        if path.folder().contains(['*', '?', '[']) {
            let error = Diagnostic::error(format!("the pattern `{pattern}` has `*`, `?` or `[` in a folder's name"));
            errors.push(error.hint("they count in the last component: name the folders one by one"));
            continue;
        }
        let folder = ProjectPath::join(path.folder(), "").expect("a folder of the project");
        let listed = match world.list(&folder) {
            Ok(files) => files,
            // A folder that is not there holds no recipes.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => {
                errors.push(Diagnostic::error(format!("`{folder}` cannot be read: {error}")));
                continue;
            }
        };
        for file in listed {
            let Some(stem) = file.strip_suffix(".rhai").filter(|_| glob.is_match(&file)) else { continue };
            let path = ProjectPath::join(folder.as_str(), &file).expect("a file of the project");
            match files.get(stem) {
                Some(other) if *other != path => errors.push(
                    Diagnostic::error(format!("two recipes are called `{stem}`: `{other}` and `{path}`"))
                        .at(Place::start_of(path.as_str()))
                        .hint("rename one of the files"),
                ),
                Some(_) => {}
                None => {
                    files.insert(stem.to_owned(), path);
                }
            }
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    Ok(files.into_iter().map(|(name, path)| RecipeFile { name, path }).collect())
}

/// The recipes that a request means, in its order, each once; all of them when it names none.
pub fn select<'f>(files: &'f [RecipeFile], request: &Request) -> Result<Vec<&'f RecipeFile>, Vec<Diagnostic>> {
    if files.is_empty() && request.recipes.is_empty() {
        let error = Diagnostic::error("the project has no recipes");
        return Err(vec![error.hint("`f3s init` writes a first one; `recipes` in `f3s.toml` says where they are")]);
    }
    if request.recipes.is_empty() {
        return Ok(files.iter().collect());
    }
    let mut selected: Vec<&RecipeFile> = Vec::new();
    let mut errors = Vec::new();
    for word in &request.recipes {
        let found = matches(files, word);
        if found.is_empty() {
            errors.push(unknown(files, word));
        }
        for file in found {
            if !selected.contains(&file) {
                selected.push(file);
            }
        }
    }
    if errors.is_empty() { Ok(selected) } else { Err(errors) }
}

fn matches<'f>(files: &'f [RecipeFile], word: &str) -> Vec<&'f RecipeFile> {
    if let Some(path) = ProjectPath::join("", word).filter(|_| word.ends_with(".rhai")) {
        return files.iter().filter(|file| file.path == path).collect();
    }
    match Glob::new(word) {
        Ok(glob) => {
            let glob = glob.compile_matcher();
            files.iter().filter(|file| glob.is_match(&file.name)).collect()
        }
        Err(_) => Vec::new(),
    }
}

fn unknown(files: &[RecipeFile], word: &str) -> Diagnostic {
    let name = word.rsplit('/').next().unwrap_or(word).trim_end_matches(".rhai");
    let near = nearest(name, files.iter().map(|file| file.name.as_str()));
    let error = Diagnostic::error(format!("there is no recipe `{word}`"));
    match near {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None if files.is_empty() => error.hint(
            "the project has no recipes: `f3s init` writes a first one; `recipes` in `f3s.toml` says where they are",
        ),
        None if word.ends_with(".rhai") => {
            error.hint("`recipes` in `f3s.toml` says which files are recipes; `scripts/*.rhai` unless set")
        }
        None => error.hint("`f3s list` shows the recipes of the project"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::Memory;

    fn names(words: &[&str]) -> Result<Vec<String>, String> {
        let world = ["alpine", "jmeter-base", "jmeter-master"]
            .iter()
            .fold(Memory::new(), |world, name| world.file(&format!("scripts/{name}.rhai"), ""));
        let files = recipe_files(&world, &[]).unwrap();
        let request = Request { recipes: words.iter().map(|word| (*word).to_owned()).collect(), set: Vec::new() };
        match select(&files, &request) {
            Ok(files) => Ok(files.iter().map(|file| file.name.clone()).collect()),
            Err(errors) => Err(format!("{}; {}", errors[0].message, errors[0].hints.join(" "))),
        }
    }

    #[test]
    fn paths_names_and_globs_select() {
        assert_eq!(names(&["scripts/alpine.rhai", "jmeter-*"]).unwrap(), ["alpine", "jmeter-base", "jmeter-master"]);
        assert_eq!(names(&["jmeter-base", "jmeter-*"]).unwrap(), ["jmeter-base", "jmeter-master"]);
        assert_eq!(names(&[]).unwrap().len(), 3);
        assert_eq!(names(&["jmeter-bse"]).unwrap_err(), "there is no recipe `jmeter-bse`; did you mean `jmeter-base`?");
    }
}
