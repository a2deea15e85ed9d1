//! Which images and references of an engine a prune removes.

use std::collections::{BTreeMap, BTreeSet};

use crate::plan::{Internal, Mark, PlannedImage, Present};

/// References of one image that are to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unwanted {
    pub id: String,
    /// In the order in which they go: what tells whose the image is comes last, for a prune that is interrupted.
    pub references: Vec<String>,
    /// No other reference is left then: the image goes, too.
    pub whole: bool,
}

/// What this project has made and makes no more. Of what another project makes, too, only the project's mark goes; an
/// image that has a name of somebody's keeps it, and stays.
pub fn outdated(present: &Present, current: &[PlannedImage]) -> Vec<Unwanted> {
    let Some(project) = current.first().map(|image| &image.marks) else { return Vec::new() };
    let mut needed: BTreeSet<String> = BTreeSet::new();
    for image in current {
        let internal = image.internal.to_string();
        if let Some(found) = present.get(&internal) {
            needed.extend(image.marks.references(&found.id).iter().map(ToString::to_string));
        }
        needed.insert(internal);
    }
    let unwanted_of = |(id, names): (&str, Vec<&str>)| {
        let mut families: BTreeMap<&str, Vec<(&str, Option<Mark>)>> = BTreeMap::new();
        for (name, internal) in names.iter().filter_map(|name| Some((*name, Internal::parse(name)?))) {
            families.entry(internal.name).or_default().push((name, internal.mark));
        }
        let mut references: Vec<&str> = Vec::new();
        for (name, family) in families {
            let own = project.of_project(name, id).map(|mark| mark.to_string()).unwrap_or_default();
            if !family.iter().any(|(reference, _)| *reference == own) {
                continue;
            }
            let is_shared = family.iter().any(|(reference, mark)| *mark == Some(Mark::Of) && *reference != own);
            let goes = |reference: &&str| !needed.contains(*reference) && (!is_shared || *reference == own);
            references.extend(family.into_iter().map(|(reference, _)| reference).filter(goes));
        }
        unwanted(id, &names, references)
    };
    by_image(present).into_iter().filter_map(unwanted_of).collect()
}

/// All that f3s has made on the engine, with every tag.
pub fn everything(present: &Present) -> Vec<Unwanted> {
    let is_own = |name: &&str| Internal::parse(name).is_some() || Internal::is_former(name);
    let images = by_image(present).into_iter().filter(|(_, names)| names.iter().any(is_own));
    let tags = |(id, names): (&str, Vec<&str>)| {
        let tags = names.iter().copied().filter(|name| !is_digest(name)).collect();
        unwanted(id, &names, tags)
    };
    images.filter_map(tags).collect()
}

/// The references of every image.
fn by_image(present: &Present) -> BTreeMap<&str, Vec<&str>> {
    let mut images: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, image) in &present.0 {
        images.entry(&image.id).or_default().push(name);
    }
    images
}

fn unwanted(id: &str, names: &[&str], tags: Vec<&str>) -> Option<Unwanted> {
    if tags.is_empty() {
        return None;
    }
    let whole = names.iter().all(|name| is_digest(name) || tags.contains(name));
    // What was pushed is held by its digest, too. Where digests are those of tags they go with them.
    let digests = names.iter().copied().filter(|name| whole && is_digest(name) && !is_of_tag(name, names));
    let mut references: Vec<&str> = digests.chain(tags).collect();
    references.sort_by_key(|reference| rank(reference));
    Some(Unwanted { id: id.to_owned(), references: references.into_iter().map(str::to_owned).collect(), whole })
}

fn is_digest(reference: &str) -> bool {
    reference.contains('@')
}

/// True for a digest of one of f3s's own names, as containerd's store lists them.
fn is_of_tag(digest: &str, names: &[&str]) -> bool {
    let repository = digest.split('@').next().unwrap_or_default();
    names
        .iter()
        .any(|name| Internal::parse(name).is_some() && name.rsplit_once(':').is_some_and(|(of, _)| of == repository))
}

fn rank(reference: &str) -> u8 {
    match Internal::parse(reference).map(|internal| internal.mark) {
        None if is_digest(reference) => 0,
        None => 1,
        Some(None) => 2,
        Some(Some(Mark::Built | Mark::Checked | Mark::Pushed)) => 3,
        Some(Some(Mark::Of)) => 4,
    }
}
