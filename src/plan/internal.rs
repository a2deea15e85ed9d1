//! The names under which f3s keeps images on an engine, and the marks that tell what it made from what somebody brought.
//!
//! The names lie under a host that can never answer (RFC 2606): a builder that lacks the image fails, and asks nobody for it. An
//! image is believed when marks of the user stand on that very image: a mark is a reference whose tag only the holder of
//! the user's key can make.

use std::collections::BTreeMap;
use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use serde::Serialize;
use sha2::Sha256;

use super::present::Present;
use crate::digest;
use crate::recipe::{ImageRef, RESERVED_HOST};

/// What stood before internal references of earlier versions.
const FORMER_PREFIX: &str = "f3s/";

/// What a mark says of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// f3s built it from what its fingerprint says.
    Built,
    /// These checks passed.
    Checked,
    /// This project makes it; others may make the same, or others of that name.
    Of,
    /// It was pushed to these references.
    Pushed,
}

impl Mark {
    const ALL: [Mark; 4] = [Mark::Built, Mark::Checked, Mark::Of, Mark::Pushed];

    fn word(self) -> &'static str {
        match self {
            Mark::Built => "built",
            Mark::Checked => "checked",
            Mark::Of => "of",
            Mark::Pushed => "pushed",
        }
    }
}

/// The user's key: what makes marks. It never leaves the user's machine.
#[derive(Clone, PartialEq, Eq)]
pub struct Seal([u8; 32]);

impl Seal {
    pub fn new(key: [u8; 32]) -> Seal {
        Seal(key)
    }

    /// `WORD.f3s.invalid/NAME:DIGEST`. `id`: of the image, as the engine calls it.
    fn mark(&self, mark: Mark, name: &str, id: &str, of: &str) -> ImageRef {
        let tag = self.digest(&[mark.word(), name, id, of]);
        let registry = Some(format!("{}.{RESERVED_HOST}", mark.word()));
        ImageRef { registry, name: name.to_owned(), tag: Some(tag), digest: None }
    }

    fn digest(&self, fields: &[&str]) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("any key will do");
        // Every field with its length: no two different lists are of the same bytes.
        for field in fields {
            mac.update(&(field.len() as u64).to_le_bytes());
            mac.update(field.as_bytes());
        }
        digest::hex(mac.finalize().into_bytes())
    }
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seal(..)")
    }
}

/// The marks that an image is to have.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Marks {
    /// `None`: nothing is believed, and nothing can be marked.
    #[serde(skip)]
    seal: Option<Seal>,
    name: String,
    /// Each with what it is about.
    about: BTreeMap<Mark, String>,
}

impl Marks {
    /// `about`: `None` for a mark that the image does not need.
    pub fn new(seal: Option<&Seal>, internal: &ImageRef, about: [(Mark, Option<String>); 3]) -> Marks {
        let fingerprint = internal.tag.clone().unwrap_or_default();
        // A project is said of all versions of an image: so it is still known when the version is not.
        let said = about.into_iter().filter_map(|(mark, of)| Some((mark, of?))).map(|(mark, of)| match mark {
            Mark::Of => (mark, of),
            Mark::Built | Mark::Checked | Mark::Pushed => (mark, format!("{fingerprint}\n{of}")),
        });
        let about = said.chain([(Mark::Built, fingerprint.clone())]).collect();
        Marks { seal: seal.cloned(), name: internal.name.clone(), about }
    }

    /// The reference by which the image with this id is marked; `None` for a mark that it does not need.
    pub fn reference(&self, mark: Mark, id: &str) -> Option<ImageRef> {
        Some(self.seal.as_ref()?.mark(mark, &self.name, id, self.about.get(&mark)?))
    }

    /// All references by which the image with this id is marked.
    pub fn references(&self, id: &str) -> Vec<ImageRef> {
        Mark::ALL.into_iter().filter_map(|mark| self.reference(mark, id)).collect()
    }

    /// The reference by which the project marks an image that it makes, or has made, under that name.
    pub fn of_project(&self, name: &str, id: &str) -> Option<ImageRef> {
        Some(self.seal.as_ref()?.mark(Mark::Of, name, id, self.about.get(&Mark::Of)?))
    }

    /// True when the image with this id needs the mark and does not have it.
    pub fn is_missing(&self, mark: Mark, id: &str, present: &Present) -> bool {
        self.about.contains_key(&mark)
            && self.reference(mark, id).is_none_or(|mark| {
                let found = present.get(&mark.to_string());
                found.is_none_or(|found| found.id != id)
            })
    }

    /// What nobody but the user can compute; the same every time.
    pub fn salt(&self) -> String {
        let seal = self.seal.as_ref();
        seal.map_or_else(String::new, |seal| seal.digest(&["salt"]))
    }

    /// What tells the cache mounts of this user's project from those of others on the engine, who could leave something
    /// there that a step of this one runs.
    pub fn owner_of_caches(&self) -> Option<String> {
        let project = self.about.get(&Mark::Of).map_or("", String::as_str);
        Some(self.seal.as_ref()?.digest(&["caches", project]))
    }

    /// What the checks are, or where it is pushed: two images with the same are marked the same way.
    pub fn about(&self, mark: Mark) -> Option<&str> {
        self.about.get(&mark).map(String::as_str)
    }
}

/// A reference of f3s's own, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Internal<'a> {
    pub name: &'a str,
    /// `None` for the image itself.
    pub mark: Option<Mark>,
}

impl Internal<'_> {
    /// `None` for a reference that is none of f3s's own.
    pub fn parse(reference: &str) -> Option<Internal<'_>> {
        let (host, rest) = reference.split_once('/')?;
        let (name, tag) = rest.rsplit_once(':')?;
        if !digest::is_hexadecimal(tag, 64) || name.contains('@') {
            return None;
        }
        if host == RESERVED_HOST {
            return Some(Internal { name, mark: None });
        }
        let word = host.strip_suffix(RESERVED_HOST)?.strip_suffix('.')?;
        let mark = Mark::ALL.into_iter().find(|mark| mark.word() == word)?;
        Some(Internal { name, mark: Some(mark) })
    }

    /// True for what versions before this one called an image: `f3s/NAME:0123456789abcdef`, with or without a marker.
    pub fn is_former(reference: &str) -> bool {
        let tag = reference.strip_prefix(FORMER_PREFIX).and_then(|rest| rest.rsplit_once(':')).map(|(_, tag)| tag);
        let mut parts = tag.unwrap_or_default().split('-');
        let is_hex = |text: Option<&str>, digits: usize| text.is_some_and(|text| digest::is_hexadecimal(text, digits));
        is_hex(parts.next(), 16)
            && match parts.next() {
                None => true,
                Some(word) => {
                    Mark::ALL.iter().any(|mark| mark.word() == word)
                        && is_hex(parts.next(), 8)
                        && parts.next().is_none()
                }
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::PresentImage;

    fn internal(digit: &str) -> ImageRef {
        let (registry, tag) = (Some(RESERVED_HOST.to_owned()), Some(digit.repeat(64)));
        ImageRef { registry, name: "team/ops".to_owned(), tag, digest: None }
    }

    fn marks(key: u8, digit: &str, checks: Option<&str>) -> Marks {
        let about =
            [(Mark::Checked, checks.map(str::to_owned)), (Mark::Of, Some("project".to_owned())), (Mark::Pushed, None)];
        Marks::new(Some(&Seal::new([key; 32])), &internal(digit), about)
    }

    #[test]
    fn a_mark_is_of_one_key_one_image_one_version_and_one_thing_said() {
        let mark = |key, digit, checks, mark, id: &str| marks(key, digit, checks).reference(mark, id);
        let one = mark(1, "a", Some("x"), Mark::Checked, "sha256:1");
        assert_eq!(one, mark(1, "a", Some("x"), Mark::Checked, "sha256:1"));
        for other in [
            mark(2, "a", Some("x"), Mark::Checked, "sha256:1"),
            mark(1, "b", Some("x"), Mark::Checked, "sha256:1"),
            mark(1, "a", Some("y"), Mark::Checked, "sha256:1"),
            mark(1, "a", Some("x"), Mark::Checked, "sha256:2"),
            mark(1, "a", Some("x"), Mark::Built, "sha256:1"),
        ] {
            assert_ne!(one, other);
        }
        // The project is known whatever the version.
        let of = |digit| mark(1, digit, None, Mark::Of, "sha256:1");
        assert_eq!(of("a"), of("b"));
        assert_eq!(mark(1, "a", None, Mark::Checked, "sha256:1"), None);
    }

    #[test]
    fn a_mark_counts_on_its_own_image_only() {
        let marks = marks(1, "a", None);
        let image = |id: &str| PresentImage { id: id.to_owned(), digests: Vec::new(), size: 1 };
        let built = marks.reference(Mark::Built, "sha256:1").unwrap().to_string();
        let mut present = Present::default();
        present.insert(&built, image("sha256:1"));
        assert!(!marks.is_missing(Mark::Built, "sha256:1", &present));
        assert!(marks.is_missing(Mark::Built, "sha256:2", &present));
        // Somebody has moved it.
        present.insert(&built, image("sha256:2"));
        assert!(marks.is_missing(Mark::Built, "sha256:1", &present));
        assert!(marks.is_missing(Mark::Built, "sha256:2", &present));
        assert!(!marks.is_missing(Mark::Checked, "sha256:1", &present), "without checks there is nothing to mark");
        let keyless = Marks::new(None, &internal("a"), [(Mark::Checked, None), (Mark::Of, None), (Mark::Pushed, None)]);
        assert!(keyless.is_missing(Mark::Built, "sha256:1", &present), "without a key nothing is believed");
    }

    #[test]
    fn names_are_taken_apart_as_they_are_made() {
        let image = internal("a").to_string();
        assert_eq!(Internal::parse(&image), Some(Internal { name: "team/ops", mark: None }));
        let marks = marks(1, "a", Some("x"));
        let found: Vec<_> = marks.references("sha256:1").iter().map(|mark| mark.to_string()).collect();
        let kinds: Vec<_> = found.iter().map(|name| Internal::parse(name).unwrap().mark.unwrap()).collect();
        assert_eq!(kinds, [Mark::Built, Mark::Checked, Mark::Of]);
        for reference in found.iter().chain([&image]) {
            assert!(reference.rsplit_once(':').unwrap().1.len() <= 128);
        }
        let foreign = ["alpine:3.13", "f3s.invalid/a:latest", "x.f3s.invalid/a:1", "f3s/a:0123456789abcdef"];
        for reference in foreign.into_iter().map(str::to_owned).chain([format!("evil{image}")]) {
            assert_eq!(Internal::parse(&reference), None, "{reference}");
        }
    }

    #[test]
    fn names_of_earlier_versions_are_known() {
        for name in ["f3s/ops:0123456789abcdef", "f3s/team/ops:0123456789abcdef-checked-01234567"] {
            assert!(Internal::is_former(name), "{name}");
        }
        let others = [
            "f3s/ops:latest",
            "me/f3s/ops:0123456789abcdef",
            "f3s/ops:0123456789abcdef-x-01234567",
            "f3s/ops:0123456789abcdef-checked",
            "f3s/ops:0123456789abcdef-of-01234567-8",
        ];
        for name in others {
            assert!(!Internal::is_former(name), "{name}");
        }
    }
}
