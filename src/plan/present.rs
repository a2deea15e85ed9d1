//! What the engine has: one listing of its images.

use std::collections::BTreeMap;

use serde::Serialize;

/// Images by reference (`alpine:3.13`, `f3s.invalid/ops:FINGERPRINT`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Present(pub BTreeMap<String, PresentImage>);

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PresentImage {
    /// `sha256:...`
    pub id: String,
    /// `REPOSITORY@sha256:...`, one for every repository it was pulled from or pushed to.
    pub digests: Vec<String>,
    /// Bytes, all layers.
    pub size: u64,
}

impl PresentImage {
    /// The digest of the image's manifest in a repository (`host/name`); `None` where the engine knows none.
    pub fn digest_in(&self, repository: &str) -> Option<&str> {
        // The image may have digests of other repositories, too.
        let of_repository = self.digests.iter().find_map(|name| name.strip_prefix(repository)?.strip_prefix('@'));
        // An engine with containerd's image store names an image by its manifest, and may list that under one name only.
        of_repository.or_else(|| {
            let is_manifest = |name: &String| name.split_once('@').is_some_and(|(_, digest)| digest == self.id);
            self.digests.iter().any(is_manifest).then_some(self.id.as_str())
        })
    }
}

impl Present {
    /// The image of a reference as anybody writes it.
    pub fn get(&self, reference: &str) -> Option<&PresentImage> {
        self.0.get(&Present::familiar(reference))
    }

    pub fn insert(&mut self, reference: &str, image: PresentImage) {
        self.0.insert(Present::familiar(reference), image);
    }

    /// The shortest way to write a reference: engines list images of Docker Hub without its name (Podman with it), and one
    /// with a digest without its tag.
    pub fn familiar(reference: &str) -> String {
        let short = reference.strip_prefix("docker.io/").unwrap_or(reference);
        let short = short.strip_prefix("library/").unwrap_or(short);
        let Some((name, digest)) = short.split_once('@') else { return short.to_owned() };
        let colon = name.rfind(':').filter(|colon| !name[*colon..].contains('/'));
        format!("{}@{digest}", colon.map_or(name, |colon| &name[..colon]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_is_a_manifest_is_the_digest_in_every_repository() {
        let image = |id: &str| PresentImage { id: id.to_owned(), digests: vec!["up@sha256:2".to_owned()], size: 1 };
        assert_eq!(image("sha256:1").digest_in("up"), Some("sha256:2"));
        assert_eq!(image("sha256:1").digest_in("r.example.com/up"), None);
        assert_eq!(image("sha256:2").digest_in("r.example.com/up"), Some("sha256:2"));
    }

    #[test]
    fn one_image_is_found_however_it_is_written() {
        let image = PresentImage { id: "sha256:1".to_owned(), digests: Vec::new(), size: 1 };
        let mut present = Present::default();
        present.insert("alpine:3.13", image.clone());
        present.insert("me/app@sha256:2", image.clone());
        present.insert("127.0.0.1:5000/x:1", image);
        for name in
            ["docker.io/library/alpine:3.13", "alpine:3.13", "docker.io/me/app:7@sha256:2", "127.0.0.1:5000/x:1"]
        {
            assert!(present.get(name).is_some(), "{name}");
        }
        assert!(present.get("127.0.0.1:5000/x").is_none());
    }
}
