//! Steps: what one host call records.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{Artifact, BaseRef, Filter, Timeout};
use crate::diagnostic::Origin;
use crate::path::ProjectPath;

/// One recorded host call.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Step {
    pub kind: StepKind,
    /// The call in the recipe's words, at most some 60 characters: `apk(["curl", "jq"])`, `trim_jdk("/opt/jdk")`.
    /// For a step that a library function recorded it is the call that the user wrote.
    pub summary: String,
    pub origin: Origin,
    /// The `layer()` block that the step stands in: a number that is unique in its stage, and the block's name.
    pub layer: Option<(u32, String)>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StepKind {
    // Steps that change files.
    Run(Run),
    /// Commands that join the layer before them, so that what they remove ships in no layer.
    Cleanup(Run),
    Copy(Copy),
    Write(Write),
    Unpack(Unpack),
    Place(PlaceFile),
    // Steps that only set the image's configuration.
    Env(BTreeMap<String, String>),
    /// Folders that come before those in `PATH`.
    Path(Vec<String>),
    Label(BTreeMap<String, String>),
    Workdir(String),
    User(String),
    /// `80`, `53/udp`, `7000-7010`.
    Expose(Vec<String>),
    Volume(Vec<String>),
    Entrypoint(Command),
    Cmd(Command),
    Shell(Vec<String>),
    StopSignal(String),
    Healthcheck(Option<Healthcheck>),
    Author(String),
}

impl StepKind {
    /// True for a step that only sets configuration and makes no layer.
    pub fn is_config(&self) -> bool {
        match self {
            StepKind::Run(_)
            | StepKind::Cleanup(_)
            | StepKind::Copy(_)
            | StepKind::Write(_)
            | StepKind::Unpack(_)
            | StepKind::Place(_) => false,
            StepKind::Env(_)
            | StepKind::Path(_)
            | StepKind::Label(_)
            | StepKind::Workdir(_)
            | StepKind::User(_)
            | StepKind::Expose(_)
            | StepKind::Volume(_)
            | StepKind::Entrypoint(_)
            | StepKind::Cmd(_)
            | StepKind::Shell(_)
            | StepKind::StopSignal(_)
            | StepKind::Healthcheck(_)
            | StepKind::Author(_) => true,
        }
    }
}

impl StepKind {
    /// The commands of a step that runs some.
    pub fn run(&self) -> Option<&Run> {
        if let StepKind::Run(run) | StepKind::Cleanup(run) = self { Some(run) } else { None }
    }

    /// The artifact that a step brings into the image.
    pub fn artifact(&self) -> Option<&Artifact> {
        if let StepKind::Unpack(Unpack { artifact, .. }) | StepKind::Place(PlaceFile { artifact, .. }) = self {
            return Some(artifact);
        }
        None
    }
}

/// Shell commands, run in order; the first that fails ends the step.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Run {
    pub commands: Vec<String>,
    pub mounts: Vec<Mount>,
    pub secrets: Vec<SecretMount>,
    /// Forward the user's ssh agent.
    pub ssh: bool,
    pub network: Option<RunNetwork>,
    pub user: Option<String>,
    pub workdir: Option<String>,
    /// Variables for these commands only; they are not part of the image's configuration.
    pub env: BTreeMap<String, String>,
    /// After this the step is ended, and has failed. How long it may take is no part of what is made.
    pub timeout: Option<Timeout>,
}

/// The value of the option `network` of `run`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RunNetwork {
    None,
    Host,
    Default,
}

/// A mount of `run`, in the terms of `RUN --mount`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Mount {
    pub kind: MountKind,
    /// Absolute path in the container.
    pub target: String,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MountKind {
    /// A folder that the builder keeps between builds; shared by all steps of the project with the same id.
    Cache {
        id: String,
    },
    Tmpfs,
    /// A file or folder next to the recipe, read-only.
    Bind {
        source: ProjectPath,
    },
}

/// A secret as a file at `target` (`/run/secrets/ID` unless said otherwise) while a command runs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SecretMount {
    pub id: String,
    pub target: String,
    /// Where its value comes from on the host: the variable or the file, never the value itself.
    pub source: SecretSource,
}

/// Where the value of a secret is found on the host when the build starts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SecretSource {
    /// A host variable.
    Env(String),
    /// A file on the host; may be absolute or start with `~/`: a secret is not part of the project.
    File(String),
}

/// `copy(src, dst, opts)`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Copy {
    pub from: CopySource,
    /// Paths within the source: project paths for files next to the recipe; else absolute ones, in which `*`, `?`, `[..]` and
    /// `\` are those of `COPY`.
    pub sources: Vec<String>,
    /// Those of the project that a pattern found: what is left out of the build context is skipped.
    pub found: BTreeSet<String>,
    /// Absolute path in the image, or relative to the working directory; ends in `/` for a folder.
    pub target: String,
    pub chown: Option<String>,
    /// Octal, as in `755`.
    pub chmod: Option<String>,
    /// Glob patterns relative to each source.
    pub exclude: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CopySource {
    /// Files of the project; `Copy::sources` are `ProjectPath`s.
    Project,
    /// A build stage of the same recipe.
    Stage(String),
    /// Another recipe's image or an image of a registry.
    Image(BaseRef),
}

/// `write(path, text, opts)`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Write {
    pub target: String,
    pub text: String,
    pub chown: Option<String>,
    pub chmod: Option<String>,
}

/// `unpack(artifact, dst, opts)`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Unpack {
    pub artifact: Artifact,
    /// Absolute folder in the image; made if missing.
    pub target: String,
    pub filter: Filter,
    /// `user[:group]`, numeric ids only where the step needs no shell.
    pub chown: Option<String>,
}

/// `place(artifact, path, opts)`: the downloaded file itself.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PlaceFile {
    pub artifact: Artifact,
    pub target: String,
    pub chmod: Option<String>,
    pub chown: Option<String>,
}

/// The value of `entrypoint` and `cmd`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    Exec(Vec<String>),
    Shell(String),
}

/// Durations are in whole seconds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Healthcheck {
    pub command: Command,
    pub interval: Option<u64>,
    pub timeout: Option<u64>,
    pub start_period: Option<u64>,
    pub retries: Option<u64>,
}
