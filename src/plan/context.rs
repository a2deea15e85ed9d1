//! The build context: exactly the files that the steps name.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::diagnostic::Diagnostic;
use crate::digest;
use crate::path::ProjectPath;
use crate::pattern::Patterns;
use crate::recipe::{Artifact, ArtifactSource, PackedAs};
use crate::world::{Stat, World};

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
    /// A file that the artifact store makes from an artifact once it is there.
    Artifact {
        artifact: Artifact,
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
}

/// Collects the entries of one image.
pub struct ContextBuilder<'a> {
    world: &'a dyn World,
    ignored: &'a Patterns,
    context: Context,
    writes: u32,
    copies: u32,
}

impl<'a> ContextBuilder<'a> {
    pub fn new(world: &'a dyn World, ignored: &'a Patterns) -> Self {
        ContextBuilder { world, ignored, context: Context::default(), writes: 0, copies: 0 }
    }

    pub fn finish(self) -> Context {
        self.context
    }

    pub fn text(&mut self, target: &str, text: &str) -> String {
        self.writes += 1;
        let path = format!(".f3s/write/{}/{}", self.writes, plain(target.rsplit('/').next().unwrap_or(target)));
        self.context.entries.insert(path.clone(), ContextEntry::Text { text: text.to_owned(), mode: 0o644 });
        path
    }

    pub fn artifact(&mut self, artifact: &Artifact, packed: PackedAs) -> String {
        let suffix = match packed {
            PackedAs::File { .. } => "",
            PackedAs::Tar { .. } => ".tar",
        };
        let entry = ContextEntry::Artifact { artifact: artifact.clone(), packed };
        let stem = match (&artifact.source, suffix) {
            (ArtifactSource::Download { .. }, ".tar") => without_archive_suffix(&artifact.name),
            _ => &artifact.name,
        };
        let path = format!(".f3s/artifacts/{}/{}{suffix}", &digest::of(entry.identity())[..16], plain(stem));
        self.context.entries.insert(path.clone(), entry);
        path
    }

    /// A file or folder of the project with all that is in it, minus what `.dockerignore` and `exclude` leave out.
    ///
    /// The path in the context is the path in the project. A copy with `exclude`, and one of the whole project, has a
    /// folder of its own: what other steps bring must not come along.
    pub fn project(&mut self, source: &str, exclude: &[String]) -> Result<Placed, Diagnostic> {
        let path = ProjectPath::join("", source).expect("sources are paths of the project");
        if path.as_str() == OWN || path.as_str().starts_with(&format!("{OWN}/")) {
            let error =
                Diagnostic::error(format!("`{path}` cannot be copied: f3s keeps files of its own under that name"));
            return Err(error.hint("rename the folder"));
        }
        let prefix = if exclude.is_empty() && !path.as_str().is_empty() {
            String::new()
        } else {
            self.copies += 1;
            format!(".f3s/copy/{}/", self.copies)
        };
        let exclude = Patterns::new(exclude);
        let walk = Walk { root: path.clone(), prefix, exclude, links: 0 };
        let count = self.context.entries.len();
        let folder = self.add(&walk, &path)?;
        let at = walk.at(&path);
        if !folder && !self.context.entries.contains_key(&at) && self.context.entries.len() == count {
            return Err(Diagnostic::error(format!("`{path}` is left out by `.dockerignore`"))
                .hint("remove its pattern from `.dockerignore`, or except the file with `!`"));
        }
        Ok(Placed { path: at, folder })
    }

    /// Adds what stands at a path; true for a folder.
    fn add(&mut self, walk: &Walk, path: &ProjectPath) -> Result<bool, Diagnostic> {
        let failed = |error: std::io::Error| Diagnostic::error(format!("`{path}` cannot be read: {error}"));
        match self.world.stat(path).map_err(failed)? {
            Stat::Folder { mode } => {
                let left_out = walk.excludes(path, self.ignored);
                // A folder that is left out may hold a file that is excepted; else it is not even looked into.
                if left_out && !self.ignored.has_exceptions() && !walk.exclude.has_exceptions() {
                    return Ok(true);
                }
                if !path.as_str().is_empty() && !left_out {
                    self.context.entries.insert(walk.at(path), ContextEntry::Folder { mode });
                }
                for name in self.world.list(path).map_err(failed)? {
                    let below = ProjectPath::join(path.as_str(), &name).expect("a name in a folder");
                    self.add(walk, &below)?;
                }
                Ok(true)
            }
            _ if walk.excludes(path, self.ignored) => Ok(false),
            Stat::File { size, mode } => {
                let digest = self.world.digest(path).map_err(failed)?;
                let entry = ContextEntry::File { source: path.clone(), size, mode, digest };
                self.context.entries.insert(walk.at(path), entry);
                Ok(false)
            }
            Stat::Other => {
                let error = Diagnostic::error(format!("`{path}` is neither file nor folder nor link"));
                Err(error.hint("leave it out with `exclude` or `.dockerignore`"))
            }
            Stat::Link { target } if *path == walk.root => {
                // `COPY` follows a link that is named; so the file behind it travels under the link's name.
                let behind = ProjectPath::join(path.folder(), &target).ok_or_else(|| {
                    let error = Diagnostic::error(format!("`{path}` is a link that leaves the project"));
                    error.hint("a recipe reads only its project: copy the file into it")
                })?;
                let (prefix, exclude) = (format!("{}\0", walk.at(path)), walk.exclude.clone());
                if walk.links == MAX_LINKS {
                    return Err(Diagnostic::error(format!("`{path}` is a link that leads in a circle")));
                }
                let moved = Walk { root: behind.clone(), prefix, exclude, links: walk.links + 1 };
                self.add(&moved, &behind)
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
                self.context.entries.insert(walk.at(path), ContextEntry::Link { target });
                Ok(false)
            }
        }
    }
}

/// The folder of the context in which f3s puts what comes from elsewhere.
const OWN: &str = ".f3s";

/// Links that are followed before they are taken for a circle.
const MAX_LINKS: u32 = 16;

/// One copy while its files are collected.
struct Walk {
    root: ProjectPath,
    /// What stands before a project path in the context; with a final NUL it takes the place of `root`.
    prefix: String,
    exclude: Patterns,
    /// How many links led here.
    links: u32,
}

impl Walk {
    fn at(&self, path: &ProjectPath) -> String {
        match self.prefix.strip_suffix('\0') {
            Some(instead) => format!("{instead}{}", &path.as_str()[self.root.as_str().len()..]),
            None => format!("{}{}", self.prefix, path.as_str()).trim_end_matches('/').to_owned(),
        }
    }

    fn excludes(&self, path: &ProjectPath, ignored: &Patterns) -> bool {
        let below = path.as_str().strip_prefix(self.root.as_str()).unwrap_or_default().trim_start_matches('/');
        ignored.matches(path.as_str()) || (!below.is_empty() && self.exclude.matches(below))
    }
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
