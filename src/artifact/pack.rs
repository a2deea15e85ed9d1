//! From an archive to the tar that a build gets: stripped, filtered, owners set, nothing that leaves its folder.

use std::collections::BTreeSet;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use super::archive::{self, Entry, Kind, Limits, Time, Writer, shown};
use super::links::{self, Leaves, Links};
use crate::diagnostic::Diagnostic;
use crate::pattern::Patterns;
use crate::recipe::Filter;

/// Changes when the same archive would be packed otherwise.
pub const VERSION: &str = "pack 4";

/// The mode of folders that an archive only implies, where tools of the image copy what it holds (`put.sh`): those that are
/// there stay as they are. No archive has it.
const IMPLIED: u32 = 0o7000;

/// Packs `archive` into `target`; `folder` is where a file is made before it gets that name.
pub fn tar(archive: &Path, name: &str, wanted: &Wanted, folder: &Path, target: &Path) -> Result<(), Diagnostic> {
    let failed = |error: io::Error| Diagnostic::error(format!("`{name}` cannot be packed: {error}"));
    let made = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    let mut packer = Packer::new(name, wanted, BufWriter::new(made.as_file()));
    let limits = wanted.filter.limit.map(Limits::of_bytes);
    archive::read(archive, name, limits, &mut |entry| packer.entry(entry))?;
    packer.finish()?;
    made.persist(target).map_err(|error| failed(error.error))?;
    Ok(())
}

/// What a build wants of an archive.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    pub filter: Filter,
    /// `uid[:gid]` of all entries.
    pub chown: Option<String>,
    /// Refuse capabilities: what copies the entries may lose them.
    pub copied: bool,
}

struct Packer<'a, W: Write> {
    name: &'a str,
    strip: usize,
    only: Vec<(&'a str, Patterns, bool)>,
    exclude: Patterns,
    owner: Option<(u64, u64)>,
    copied: bool,
    /// As the archive has them.
    links: Links,
    /// As they come to lie: without what is stripped, two folders may become one.
    kept_links: Links,
    /// Folders, and links that may lead to some, that stand in what is packed.
    folders: BTreeSet<Vec<u8>>,
    kept: usize,
    out: Writer<W>,
}

impl<'a, W: Write> Packer<'a, W> {
    fn new(name: &'a str, wanted: &'a Wanted, out: W) -> Self {
        let Wanted { filter, chown, copied } = wanted;
        let owner = chown.as_deref().map(|chown| {
            let (user, group) = chown.split_once(':').unwrap_or((chown, chown));
            (user.parse().unwrap_or(0), group.parse().unwrap_or(0))
        });
        // The script's are checked where they are written.
        let compiled = |patterns: &[String]| Patterns::new(patterns).expect("patterns are checked");
        let only = |pattern: &'a String| (pattern.as_str(), compiled(std::slice::from_ref(pattern)), false);
        Packer {
            name,
            strip: filter.strip as usize,
            only: filter.only.iter().map(only).collect(),
            exclude: compiled(&filter.exclude),
            owner,
            copied: *copied,
            links: Links::default(),
            kept_links: Links::default(),
            folders: BTreeSet::new(),
            kept: 0,
            out: Writer::new(out),
        }
    }

    fn entry(&mut self, mut entry: Entry) -> Result<(), Diagnostic> {
        self.links.enter(&entry.path, &entry.kind).map_err(|leaves| self.leaves(leaves))?;
        let parts = links::parts(&entry.path).expect("it stays inside");
        let Some(path) = self.wanted(&parts) else { return Ok(()) };
        if let Kind::HardLink { target } = &mut entry.kind {
            let wanted = links::parts(target).and_then(|parts| self.wanted(&parts));
            let Some(wanted) = wanted else {
                let (path, target) = (shown(&path), shown(target));
                let message = format!("`{path}` in `{}` is a hard link to `{target}`, which is left out", self.name);
                return Err(Diagnostic::error(message).hint("leave both out, or none"));
            };
            *target = wanted;
        }
        self.kept_links.enter(&path, &entry.kind).map_err(|leaves| self.leaves(leaves))?;
        let shown_path = shown(&path);
        if self.copied {
            // Of all extended attributes it is the one that layers keep.
            entry.attributes.retain(|(key, _)| key.ends_with("security.capability"));
            if !entry.attributes.is_empty() {
                let message = format!("`{shown_path}` in `{}` has capabilities", self.name);
                let error =
                    Diagnostic::error(message).note("in a layer of several steps the image's `cp` could lose them");
                return Err(error.hint("unpack the archive outside of `layer(..)`, and not before a cleanup"));
            }
        }
        (entry.uid, entry.gid) = self.owner.unwrap_or((entry.uid, entry.gid));
        entry.path = path;
        let name = self.name;
        self.write(entry)
            .map_err(|error| Diagnostic::error(format!("`{name}` cannot be unpacked: `{shown_path}`: {error}")))?;
        self.kept += 1;
        Ok(())
    }

    fn write(&mut self, entry: Entry) -> io::Result<()> {
        if self.copied {
            let above = entry.path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(end, _)| end);
            for folder in above.map(|end| &entry.path[..end]) {
                if self.folders.insert(folder.to_vec()) {
                    self.out.entry(Entry {
                        path: folder.to_vec(),
                        kind: Kind::Folder,
                        mode: IMPLIED,
                        uid: 0,
                        gid: 0,
                        time: Time::default(),
                        attributes: Vec::new(),
                        content: &mut io::empty(),
                    })?;
                }
            }
            if matches!(entry.kind, Kind::Folder | Kind::Symlink { .. }) {
                self.folders.insert(entry.path.clone());
            }
        }
        self.out.entry(entry)
    }

    /// The path in the image, for an entry that is not left out.
    fn wanted(&mut self, parts: &[Vec<u8>]) -> Option<Vec<u8>> {
        let rest = parts.get(self.strip..).filter(|rest| !rest.is_empty())?;
        let bytes = rest.join(&b'/');
        let path = shown(&bytes);
        if self.exclude.matches(&path) {
            return None;
        }
        let mut wanted = self.only.is_empty();
        for (_, pattern, used) in &mut self.only {
            if pattern.matches(&path) {
                (wanted, *used) = (true, true);
            }
        }
        wanted.then_some(bytes)
    }

    fn leaves(&self, Leaves { path, note }: Leaves) -> Diagnostic {
        let message = format!("`{}` in `{}` would be unpacked outside of its folder", shown(&path), self.name);
        let error = Diagnostic::error(message)
            .hint("do not trust this archive; `exclude` does not help: f3s refuses all of it");
        note.into_iter().fold(error, Diagnostic::note)
    }

    fn finish(self) -> Result<(), Diagnostic> {
        if let Some((pattern, ..)) = self.only.iter().find(|(.., used)| !used) {
            let error = Diagnostic::error(format!("`only: \"{pattern}\"` matches nothing in `{}`", self.name));
            return Err(error.hint("patterns see the paths after `strip`"));
        }
        if self.kept == 0 {
            let error = Diagnostic::error(format!("nothing of `{}` is left to unpack", self.name));
            return Err(error.hint("is `strip` too large? Patterns see the paths after `strip`"));
        }
        let failed = |error: io::Error| Diagnostic::error(format!("`{}` cannot be packed: {error}", self.name));
        self.out.finish().map_err(failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(entries: &[(&str, tar::EntryType, &str)]) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut builder = tar::Builder::new(file.as_file());
        for (path, kind, content) in entries {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(*kind);
            header.set_mode(0o644);
            header.set_uid(0);
            header.set_gid(0);
            header.set_mtime(0);
            let link = matches!(kind, tar::EntryType::Symlink | tar::EntryType::Link);
            header.set_size(if link { 0 } else { content.len() as u64 });
            // `append_data` itself would refuse a path that leaves the folder.
            header.as_gnu_mut().unwrap().name[..path.len()].copy_from_slice(path.as_bytes());
            if link {
                header.set_link_name_literal(content).unwrap();
            }
            header.set_cksum();
            builder.append(&header, if link { &b""[..] } else { content.as_bytes() }).unwrap();
        }
        builder.finish().unwrap();
        drop(builder);
        file
    }

    fn packed(entries: &[(&str, tar::EntryType, &str)], filter: Filter) -> Result<Vec<String>, String> {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("out.tar");
        let wanted = Wanted { filter, ..Wanted::default() };
        tar(archive(entries).path(), "a.tar", &wanted, folder.path(), &target).map_err(|error| error.message)?;
        let mut paths = Vec::new();
        archive::read(&target, "out", None, &mut |entry| {
            paths.push(shown(&entry.path));
            Ok(())
        })
        .unwrap();
        Ok(paths)
    }

    use tar::EntryType::{Directory, Link, Regular, Symlink};

    #[test]
    fn strips_and_filters() {
        let jdk = [
            ("./jdk/", Directory, ""),
            ("./jdk/bin/java", Regular, "x"),
            ("./jdk/demo/a", Regular, "y"),
            ("./jdk/j", Link, "./jdk/bin/java"),
        ];
        let filter = Filter { strip: 1, only: vec![], exclude: vec!["demo".into()], ..Filter::default() };
        assert_eq!(packed(&jdk, filter).unwrap(), ["bin/java", "j"]);
        let only = Filter { strip: 1, only: vec!["bin".into()], ..Filter::default() };
        assert_eq!(packed(&jdk, only).unwrap(), ["bin/java"]);
        let wrong = Filter { only: vec!["nothing".into()], ..Filter::default() };
        assert!(packed(&jdk, wrong).unwrap_err().contains("matches nothing"));
        let deep = Filter { strip: 9, ..Filter::default() };
        assert!(packed(&jdk, deep).unwrap_err().contains("nothing of"));
    }

    #[test]
    fn refuses_what_leaves_the_folder() {
        let refused = |entries: &[_]| packed(entries, Filter::default()).unwrap_err().contains("outside of its folder");
        assert!(refused(&[("../etc/passwd", Regular, "x")]));
        assert!(refused(&[("/etc/passwd", Regular, "x")]));
        assert!(refused(&[("a/../../b", Regular, "x")]));
        assert!(refused(&[("etc", Symlink, "/etc"), ("etc/passwd", Regular, "x")]));
        assert!(refused(&[("a/up", Symlink, "../.."), ("a/up/b", Regular, "x")]));
        assert!(refused(&[("a", Symlink, "."), ("y", Symlink, "a/.."), ("y/evil", Regular, "x")]));
        assert!(refused(&[("c", Symlink, "b"), ("b", Symlink, "/etc"), ("c/passwd", Regular, "x")]));
        assert!(refused(&[("b", Symlink, "/etc"), ("l", Link, "b/passwd")]));
        assert!(refused(&[("a", Symlink, "b"), ("b", Symlink, "a"), ("a/x", Regular, "x")]));
        let inside = [("lib64", Symlink, "lib"), ("lib64/a", Regular, "x"), ("localtime", Symlink, "/usr/x")];
        assert_eq!(packed(&inside, Filter::default()).unwrap(), ["lib64", "lib64/a", "localtime"]);
    }
}
