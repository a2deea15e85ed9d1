//! Where the links of an archive lead while it is unpacked, so that no entry is written through one that leads out.

use std::collections::BTreeMap;

use super::archive::{Kind, shown};

/// Links that are followed before they are taken for a circle.
const MAX_LINKS: u32 = 16;

/// The components of a path: names of files are bytes.
pub type Parts = Vec<Vec<u8>>;

/// The links that were unpacked so far: their targets by the place where they came to stand, however it was written.
#[derive(Default)]
pub struct Links(BTreeMap<Vec<u8>, Vec<u8>>);

/// A path that leads through a link which could lead anywhere but down.
pub struct Leaves {
    pub path: Vec<u8>,
    /// What is wrong with the link.
    pub note: Option<String>,
}

impl Links {
    /// Follows an entry to its place.
    ///
    /// Errors: the entry, or what it is another name of, does not stay inside.
    pub fn enter(&mut self, path: &[u8], kind: &Kind) -> Result<(), Leaves> {
        let place = self.place(path)?.join(&b'/');
        match kind {
            Kind::Symlink { target } => _ = self.0.insert(place, target.clone()),
            Kind::HardLink { target } => {
                // Another name of a link is a link.
                let target = self.0.get(&self.place(target)?.join(&b'/')).cloned();
                self.0.extend(target.map(|target| (place, target)));
            }
            // What takes a link's place does not end it: a folder, unlike a file, may be taken for what is there already.
            Kind::File { .. } | Kind::Folder | Kind::Special { .. } => {}
        }
        Ok(())
    }

    /// Where a path stands, with the links on the way to it followed.
    fn place(&self, path: &[u8]) -> Result<Parts, Leaves> {
        let leaves = |note| Leaves { path: path.to_owned(), note };
        let mut left = parts(path).ok_or_else(|| leaves(None))?;
        let name = left.pop();
        left.reverse();
        let mut at: Parts = Vec::new();
        let mut followed = 0;
        while let Some(part) = left.pop() {
            at.push(part);
            let Some(target) = self.0.get(&at.join(&b'/')) else { continue };
            followed += 1;
            let down = parts(target).filter(|_| followed <= MAX_LINKS);
            let down = down.ok_or_else(|| {
                leaves(Some(format!("`{}` is a link to `{}`", shown(&at.join(&b'/')), shown(target))))
            })?;
            at.pop();
            left.extend(down.into_iter().rev());
        }
        at.extend(name);
        Ok(at)
    }
}

/// The components of a path in an archive; `None` for one that leaves the folder.
pub fn parts(path: &[u8]) -> Option<Parts> {
    let mut parts = Vec::new();
    if path.starts_with(b"/") {
        return None;
    }
    for part in path.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => return None,
            part => parts.push(part.to_vec()),
        }
    }
    Some(parts)
}
