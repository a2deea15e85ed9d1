//! The build context: exactly the files that the steps name.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::diagnostic::Diagnostic;
use crate::digest;
use crate::path::ProjectPath;
use crate::pattern::{Matched, Patterns};
use crate::recipe::{Artifact, ArtifactSource, PackedAs};
use crate::world::{Listed, Stat, World};

/// Files by their path in the context, relative, with `/`. Folders that only hold others are implied.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Context {
    pub entries: BTreeMap<String, ContextEntry>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ContextEntry {
    /// A file of the project. `digest`: SHA-256 of its content in hexadecimal; `mode`: permission bits.
    File {
        source: ProjectPath,
        size: u64,
        mode: u32,
        digest: String,
    },
    /// An explicitly copied folder, so that empty ones arrive.
    Folder {
        mode: u32,
    },
    Link {
        target: String,
    },
    /// The text of `write()`.
    Text {
        text: String,
        mode: u32,
    },
    /// A list of the files of a stage that have capabilities, which the builder makes once the stage is there.
    Capabilities {
        stage: String,
    },
    /// A file that the artifact store makes from an artifact once it is there.
    Artifact {
        artifact: Box<Artifact>,
        packed: PackedAs,
    },
}

impl ContextEntry {
    /// What of the entry is part of the image's identity: where a file came from is not.
    pub fn identity(&self) -> String {
        match self {
            ContextEntry::File { source: _, size: _, mode, digest } => format!("file {mode:o} {digest}"),
            ContextEntry::Folder { mode } => format!("folder {mode:o}"),
            ContextEntry::Link { target } => format!("link {target}"),
            ContextEntry::Text { text, mode } => format!("text {mode:o} {}", json(text)),
            ContextEntry::Capabilities { stage } => format!("capabilities {stage}"),
            ContextEntry::Artifact { artifact, packed } => {
                format!("artifact {} {} {}", json(&artifact.source), json(&artifact.name), json(packed))
            }
        }
    }
}

/// Our own plain data as JSON.
fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("plain data is JSON")
}

/// Where in the context something lies that a step brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    pub path: String,
    pub folder: bool,
    /// Nothing else lies in its folder: `*` there names it, where its own name means something else.
    pub alone: bool,
}

/// Collects the entries of one image.
pub struct ContextBuilder<'a> {
    world: &'a dyn World,
    ignored: &'a Patterns,
    context: Context,
    writes: u32,
    copies: u32,
    scripts: u32,
    /// Entries of the project that were put there so far.
    added: u64,
}

impl<'a> ContextBuilder<'a> {
    pub fn new(world: &'a dyn World, ignored: &'a Patterns) -> Self {
        ContextBuilder { world, ignored, context: Context::default(), writes: 0, copies: 0, scripts: 0, added: 0 }
    }

    pub fn finish(self) -> Context {
        self.context
    }

    pub fn text(&mut self, target: &str, text: &str) -> String {
        self.writes += 1;
        let path = format!("{OWN}/write/{}/{}", self.writes, plain(target.rsplit('/').next().unwrap_or(target)));
        self.context.entries.insert(path.clone(), ContextEntry::Text { text: text.to_owned(), mode: 0o644 });
        path
    }

    /// A text that a shell reads.
    pub fn script(&mut self, text: &str) -> String {
        self.scripts += 1;
        let path = format!("{OWN}/run/{}/script", self.scripts);
        self.context.entries.insert(path.clone(), ContextEntry::Text { text: text.to_owned(), mode: 0o644 });
        path
    }

    /// A text of f3s's own.
    pub fn own_text(&mut self, name: &str, text: &str) -> String {
        let path = format!("{OWN}/{name}");
        self.context.entries.insert(path.clone(), ContextEntry::Text { text: text.to_owned(), mode: 0o644 });
        path
    }

    /// A list that the builder makes.
    pub fn capabilities(&mut self, stage: &str) -> String {
        let path = format!("{OWN}/capabilities/{stage}");
        self.context.entries.insert(path.clone(), ContextEntry::Capabilities { stage: stage.to_owned() });
        path
    }

    pub fn artifact(&mut self, artifact: &Artifact, packed: PackedAs) -> String {
        let suffix = match packed {
            PackedAs::File { .. } => "",
            PackedAs::Tar { .. } => ".tar",
        };
        let entry = ContextEntry::Artifact { artifact: Box::new(artifact.clone()), packed };
        let stem = match (&artifact.source, suffix) {
            (ArtifactSource::Download { .. }, ".tar") => without_archive_suffix(&artifact.name),
            _ => &artifact.name,
        };
        let path = format!("{OWN}/artifacts/{}/{}{suffix}", digest::of(entry.identity()), plain(stem));
        self.context.entries.insert(path.clone(), entry);
        path
    }

    /// A file or folder of the project with all that is in it, minus what `.dockerignore` and `exclude` leave out; `None` when
    /// that is all of it.
    ///
    /// The path in the context is the path in the project, which reads best. What cannot be named there, or must not
    /// meet what other steps bring (`exclude`, the whole project, what a link leads to where others bring the link), has a folder of its own.
    pub fn project(&mut self, source: &str, exclude: &[String]) -> Result<Option<Placed>, Diagnostic> {
        let path = ProjectPath::join("", source).expect("sources are paths of the project");
        let exclude = Patterns::new(exclude).map_err(|(index, invalid)| {
            Diagnostic::error(format!("`{}` is no pattern: {}", exclude[index], invalid.0))
        })?;
        let behind = self.behind_links(&path)?;
        let alone = !path.as_str().is_empty() && !is_nameable(path.as_str());
        let at = if alone {
            format!("{}/{}", self.own_folder(), path.file_name())
        } else if path.as_str().is_empty() {
            self.own_folder()
        } else if !exclude.is_empty() || is_reserved(path.as_str()) || behind.0 != path {
            format!("{}/{path}", self.own_folder())
        } else {
            path.as_str().to_owned()
        };
        self.place(behind, at, exclude, alone)
    }

    /// As `project`, under a name that needs no quotes anywhere.
    pub fn project_plainly(&mut self, source: &str) -> Result<Option<Placed>, Diagnostic> {
        let path = ProjectPath::join("", source).expect("sources are paths of the project");
        let behind = self.behind_links(&path)?;
        let is_itself = is_plain(path.as_str()) && !path.as_str().is_empty() && !is_reserved(path.as_str());
        let at = match is_itself && behind.0 == path {
            true => path.as_str().to_owned(),
            false => self.own_folder(),
        };
        self.place(behind, at, Patterns::default(), false)
    }

    fn own_folder(&mut self) -> String {
        self.copies += 1;
        format!("{OWN}/copy/{}", self.copies)
    }

    fn place(
        &mut self,
        (root, left_out): (ProjectPath, bool),
        at: String,
        exclude: Patterns,
        alone: bool,
    ) -> Result<Option<Placed>, Diagnostic> {
        let matched = self.ignored.of(root.as_str());
        // A folder that is left out may hold what is excepted.
        if left_out || (matched.out && !self.may_hold_exceptions(&root)) {
            return Ok(None);
        }
        let walk = Walk { root: root.clone(), at: at.clone(), exclude };
        let before = self.added;
        let stat = self.world.stat(&root).map_err(|error| unreadable(&root, &error))?;
        let mut files = Vec::new();
        let found = Found { path: root.clone(), stat, digest: None };
        let folder = self.add(&walk, found, (&matched, &Matched::default()), &mut files)?;
        self.files(&walk, files)?;
        if matched.out && self.added == before {
            return Ok(None);
        }
        if root.as_str().is_empty() {
            // Whatever its mode is, the image does not get it.
            self.put(at.clone(), ContextEntry::Folder { mode: 0o755 });
        }
        Ok(Some(Placed { path: at, folder, alone }))
    }

    /// Docker gives up a folder that is left out when no exception can lead into it, also from above.
    fn may_hold_exceptions(&self, path: &ProjectPath) -> bool {
        let text = path.as_str();
        let folders = text.match_indices('/').map(|(end, _)| &text[..end]).chain([text]);
        folders.filter(|folder| self.ignored.matches(folder)).all(|folder| self.ignored.may_except_below(folder))
    }

    /// Where a path leads, and whether a link on the way is left out. `COPY` follows links that are named.
    fn behind_links(&self, path: &ProjectPath) -> Result<(ProjectPath, bool), Diagnostic> {
        let mut real = path.clone();
        let mut left_out = false;
        for _ in 0..MAX_LINKS {
            let text = real.as_str().to_owned();
            let folders = text.match_indices('/').map(|(end, _)| end).chain([text.len()]);
            let mut moved = None;
            for end in folders {
                let at = ProjectPath::join("", &text[..end]).expect("a path of the project");
                if let Stat::Link { target } = self.world.stat(&at).map_err(|error| unreadable(&at, &error))? {
                    left_out |= self.ignored.matches(at.as_str());
                    let behind = ProjectPath::join(at.folder(), &target).ok_or_else(|| {
                        let error = Diagnostic::error(format!("`{at}` is a link that leaves the project"));
                        error.hint("a recipe reads only its project: copy the file into it")
                    })?;
                    moved = ProjectPath::join(behind.as_str(), text[end..].trim_start_matches('/'));
                    break;
                }
            }
            match moved {
                Some(moved) => real = moved,
                None => return Ok((real, left_out)),
            }
        }
        Err(Diagnostic::error(format!("`{path}` is a link that leads in a circle")))
    }

    /// Adds files, which are read all together.
    fn files(&mut self, walk: &Walk, files: Vec<Unread>) -> Result<(), Diagnostic> {
        let paths: Vec<ProjectPath> = files.iter().map(|file| file.path.clone()).collect();
        for (Unread { path, size, mode }, digest) in files.into_iter().zip(self.world.digests(&paths)) {
            let digest = digest.map_err(|error| unreadable(&path, &error))?;
            self.context.entries.insert(walk.at(&path), ContextEntry::File { source: path, size, mode, digest });
        }
        Ok(())
    }

    fn put(&mut self, at: String, entry: ContextEntry) {
        self.added += 1;
        self.context.entries.insert(at, entry);
    }

    /// Adds what stands at a path; true for a folder. `matched`: what the patterns say of it, the ignore file's and the
    /// copy's own. `files`: those that are still to be read.
    fn add(
        &mut self,
        walk: &Walk,
        Found { path, stat, digest }: Found,
        (ignored, excluded): (&Matched, &Matched),
        files: &mut Vec<Unread>,
    ) -> Result<bool, Diagnostic> {
        let (path, left_out) = (&path, ignored.out || excluded.out);
        match stat {
            Stat::Folder { mode } => {
                let dead = (ignored.out && !self.ignored.may_except_below(path.as_str()))
                    || (excluded.out && !walk.exclude.may_except_below(walk.below(path)));
                if dead {
                    return Ok(true);
                }
                let before = self.added;
                for Listed { name, stat, digest } in self.world.scan(path).map_err(|error| unreadable(path, &error))? {
                    let below = path.below(&name);
                    let ignored = self.ignored.below(ignored, below.as_str());
                    let excluded = walk.exclude.below(excluded, walk.below(&below));
                    self.add(walk, Found { path: below, stat, digest }, (&ignored, &excluded), files)?;
                }
                // One that is left out is there for what is excepted in it.
                if !path.as_str().is_empty() && (!left_out || self.added > before) {
                    self.put(walk.at(path), ContextEntry::Folder { mode });
                }
                Ok(true)
            }
            _ if left_out => Ok(false),
            Stat::File { size, mode } => {
                match digest {
                    Some(digest) => {
                        self.put(walk.at(path), ContextEntry::File { source: path.clone(), size, mode, digest });
                    }
                    None => {
                        self.added += 1;
                        files.push(Unread { path: path.clone(), size, mode });
                    }
                }
                Ok(false)
            }
            Stat::Other => {
                let error = Diagnostic::error(format!("`{path}` is neither file nor folder nor link"));
                Err(error.hint("leave it out with `exclude` or `.dockerignore`"))
            }
            Stat::Link { target }
                if !target.starts_with('/') && ProjectPath::join(path.folder(), &target).is_none() =>
            {
                let error =
                    Diagnostic::error(format!("`{path}` is a link that leaves the project: it leads to `{target}`"));
                Err(error.hint("leave it out with `exclude`, or copy what it leads to into the project"))
            }
            // An absolute one means a path of the image: nothing of the host is read.
            Stat::Link { target } => {
                self.put(walk.at(path), ContextEntry::Link { target });
                Ok(false)
            }
        }
    }
}

fn unreadable(path: &ProjectPath, error: &std::io::Error) -> Diagnostic {
    Diagnostic::error(format!("`{path}` cannot be read: {error}"))
}

/// The folder of the context in which f3s puts what comes from elsewhere.
const OWN: &str = ".f3s";

/// Links that are followed before they are taken for a circle.
const MAX_LINKS: u32 = 40;

/// What a walk came to.
struct Found {
    path: ProjectPath,
    stat: Stat,
    digest: Option<String>,
}

/// A file that is still to be read.
struct Unread {
    path: ProjectPath,
    size: u64,
    mode: u32,
}

/// One copy while its files are collected.
struct Walk {
    /// What is copied, and where in the context it comes to lie.
    root: ProjectPath,
    at: String,
    exclude: Patterns,
}

impl Walk {
    fn at(&self, path: &ProjectPath) -> String {
        match self.below(path) {
            "" => self.at.clone(),
            below => format!("{}/{below}", self.at),
        }
    }

    /// The path as `exclude` sees it.
    fn below<'p>(&self, path: &'p ProjectPath) -> &'p str {
        path.as_str().strip_prefix(self.root.as_str()).unwrap_or_default().trim_start_matches('/')
    }
}

/// True for a path that `COPY` can name as it is: no pattern, and nothing that cannot travel in a header.
fn is_nameable(path: &str) -> bool {
    !path.contains(['*', '?', '[', '\\']) && !path.contains(char::is_control)
}

/// True for a path under which the context holds something of f3s's own, or under which the engine looks for something.
fn is_reserved(path: &str) -> bool {
    let first = path.split('/').next().unwrap_or_default();
    first == OWN || first.ends_with(super::ignore::FILE)
}

/// True for a path that means itself wherever it stands.
fn is_plain(path: &str) -> bool {
    path.split('/').all(|name| plain(name) == name && !name.starts_with('-'))
}

/// A file name in the context that needs no quotes anywhere; the file's name in the image is another matter.
fn plain(name: &str) -> String {
    let usual = |c: char| c.is_ascii_alphanumeric() || "._+-@%".contains(c);
    name.chars().map(|c| if usual(c) { c } else { '_' }).collect()
}

/// `agent-8.5.0` of `agent-8.5.0.tar.gz`.
fn without_archive_suffix(name: &str) -> &str {
    let suffixes = [".tar.gz", ".tar.bz2", ".tar.xz", ".tar.zst", ".tgz", ".tbz2", ".txz", ".tar", ".zip"];
    suffixes.iter().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(name)
}
