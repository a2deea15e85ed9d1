//! The project's settings file: found upward from the recipes, and believed only where nobody else can have written it.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::Spanned;

use crate::cli::failure::Failure;
use crate::config::Config;
use crate::consent::{Want, Wish};
use crate::diagnostic::{Diagnostic, Diagnostics, Place, Sources};

/// The settings of a project, in its root.
pub const FILE: &str = "f3s.toml";

/// The variable that names another file: the user's word for what stands in it.
const NAMED: &str = "F3S_CONFIG";

/// Bytes; settings are a page of text.
const LARGEST: u64 = 1 << 20;

/// The settings as they are written.
pub struct Settings {
    pub config: Config,
    /// How messages call the file.
    pub name: String,
    pub text: String,
    /// True for a file that the user named: what it says is his word.
    pub is_named: bool,
}

/// Where the settings stand that want something of the machine.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Places {
    network: Option<Spanned<String>>,
    engine: EnginePlaces,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct EnginePlaces {
    host: Option<Spanned<String>>,
}

impl Settings {
    /// What the project's own file wants. `engine`: whether nobody else names one.
    pub fn wants(&self, engine: bool) -> Vec<Want> {
        let places: Places = toml::from_str(&self.text).unwrap_or_default();
        let place = |start: usize| place_in(&self.text, &self.name, start);
        let network = places.network.filter(|network| network.get_ref() == "host");
        let network = network.map(|network| Want::of_settings(Wish::HostNetwork, place(network.span().start)));
        let host = places.engine.host.filter(|host| engine && !host.get_ref().is_empty());
        let host = host.map(|host| Want::of_settings(Wish::Engine(host.get_ref().clone()), place(host.span().start)));
        if self.is_named { Vec::new() } else { host.into_iter().chain(network).collect() }
    }
}

fn place_in(text: &str, name: &str, at: usize) -> Place {
    let before = &text[..at.min(text.len())];
    let line = before.matches('\n').count() as u32 + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() as u32 + 1;
    Place::new(name, line, column)
}

/// The nearest folder upward with an `f3s.toml`, else the nearest with `scripts`. Of folders above only those of the user
/// count for that: anybody can make `/tmp/scripts`. An `f3s.toml` of somebody else is refused when it is read, by name.
pub fn root_above(start: &Path) -> Option<PathBuf> {
    let file = start.ancestors().find(|folder| folder.join(FILE).symlink_metadata().is_ok());
    let has_scripts = |folder: &&Path| {
        let scripts = folder.join("scripts").metadata();
        scripts.is_ok_and(|metadata| *folder == start || is_trusted(&metadata))
    };
    let scripts = || start.ancestors().find(has_scripts);
    file.or_else(scripts).map(Path::to_owned)
}

/// The file that settings are read from, whether it exists or not.
pub fn file(root: &Path) -> PathBuf {
    let named = named().and_then(|name| std::path::absolute(name).ok());
    named.unwrap_or_else(|| root.join(FILE))
}

fn named() -> Option<PathBuf> {
    std::env::var_os(NAMED).filter(|name| !name.is_empty()).map(PathBuf::from)
}

/// `f3s.toml` of the root, or the file that `F3S_CONFIG` names.
///
/// Errors: one that cannot be read, is no file, is too large, or says what is no setting; one that is not of the user's own
/// project, unless he named it.
pub fn read(root: &Path) -> Result<Settings, Failure> {
    let wrong = |error: Diagnostic| Failure::Wrong(error.into(), Sources::in_folder(root));
    let (name, text, is_named) = match named() {
        Some(file) => {
            let name = file.display().to_string();
            let text = File::open(&file).and_then(text_of);
            let text = text.map_err(|error| wrong(Diagnostic::error(format!("`{name}` cannot be read: {error}"))));
            (name, text?, true)
        }
        None => (FILE.to_owned(), text_in_project(root).map_err(wrong)?, false),
    };
    let config = toml::from_str(&text).map_err(|error| {
        let place = place_in(&text, &name, error.span().map_or(0, |span| span.start));
        let diagnostic = Diagnostic::error(error.message().to_owned()).at(place);
        let mut sources = Sources::in_folder(root);
        sources.insert(name.as_str(), text.as_str());
        Failure::Wrong(Diagnostics::from(diagnostic), sources)
    })?;
    Ok(Settings { config, name, text, is_named })
}

/// Empty when there is no file.
fn text_in_project(root: &Path) -> Result<String, Diagnostic> {
    let file = root.join(FILE);
    let refused = |why: String| Diagnostic::error(format!("`{}` {why}", file.display()));
    let name_it = format!("a file that you trust is named: {NAMED}={}", file.display());
    let unreadable = |error: io::Error| refused(format!("cannot be read: {error}"));
    let resolved = match file.canonicalize() {
        Ok(resolved) => resolved,
        Err(error) if error.kind() == io::ErrorKind::NotFound && file.symlink_metadata().is_err() => {
            return Ok(String::new());
        }
        Err(error) => return Err(unreadable(error)),
    };
    if !root.canonicalize().is_ok_and(|root| resolved.starts_with(root)) {
        let why = format!("is a link that leaves the project: it leads to `{}`", resolved.display());
        return Err(refused(why).hint(name_it));
    }
    // Whoever makes a link chooses what it leads to: in a folder of many, to settings of the user's for another project.
    let link = file.symlink_metadata().map_err(unreadable)?;
    if link.is_symlink() && !is_trusted(&link) {
        return Err(refused(format!("is a link of another user, who has the number {}", link.uid())).hint(name_it));
    }
    // A pipe would be waited for.
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let mut options = OpenOptions::new();
    let opened = options.read(true).custom_flags(flags.bits() as i32).open(&resolved).map_err(unreadable)?;
    let metadata = opened.metadata().map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(refused("is no file".to_owned()));
    }
    if !is_trusted(&metadata) {
        let why = format!("belongs to another user: its owner has the number {}", metadata.uid());
        let hint = "a project without settings wants an `f3s.toml` of its own, which may be empty";
        return Err(refused(why).hint(name_it).hint(hint));
    }
    text_of(opened).map_err(unreadable)
}

/// True for what is the user's or root's; for what is the user's who became root by `sudo`.
fn is_trusted(metadata: &Metadata) -> bool {
    let (user, owner) = (rustix::process::geteuid(), metadata.uid());
    let before_sudo = || std::env::var("SUDO_UID").ok().and_then(|text| text.parse::<u32>().ok());
    owner == user.as_raw() || owner == 0 || (user.is_root() && before_sudo() == Some(owner))
}

fn text_of(file: File) -> io::Result<String> {
    let mut text = String::new();
    let read = file.take(LARGEST + 1).read_to_string(&mut text)? as u64;
    if read > LARGEST {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "settings of more than 1 MiB"));
    }
    Ok(text)
}
