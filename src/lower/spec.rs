//! What an image is: all that can be said of it before an engine is asked what it has.

use serde::Serialize;

use super::{Context, Fingerprint};
use crate::diagnostic::Origin;
use crate::dockerfile::{Dockerfile, Instruction};
use crate::recipe::{Artifact, Check, ImageKey, ImageRef, SecretMount, Step};

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ImageSpec {
    pub key: ImageKey,
    /// How plans, logs and events call it: `key` as text.
    pub name: String,
    /// The recipe's file, relative to the project.
    pub recipe: String,
    pub description: String,
    pub fingerprint: Fingerprint,
    /// `f3s.invalid/NAME:FINGERPRINT`: what children use in `FROM`.
    pub internal: ImageRef,
    /// The final tags, the first one being *the* reference of the image.
    pub references: Vec<ImageRef>,
    /// Where it is pushed; a subset of `references`. Empty when the recipe pushes nothing.
    pub pushes: Vec<ImageRef>,
    /// Why nothing is pushed although the recipe says `push()`: no registry is configured.
    pub push_skipped: Option<String>,
    /// Indices, in build order, of the images that must be there first; always smaller than its own.
    pub parents: Vec<usize>,
    /// True for an image that was asked for, false for one that is only needed.
    pub requested: bool,
    /// All steps, build stages first.
    pub steps: Vec<Step>,
    pub dockerfile: Dockerfile,
    pub context: Context,
    /// Images of registries that must be on the engine before the build.
    pub external: Vec<ImageRef>,
    /// Those of them that are known, with the ids that the fingerprint is made of.
    pub found: Vec<(ImageRef, String)>,
    /// The images of registries that a stage rests on, and the line that says so.
    pub bases: Vec<(ImageRef, Origin)>,
    pub artifacts: Vec<Artifact>,
    pub secrets: Vec<SecretMount>,
    pub ssh: bool,
    pub checks: Vec<Check>,
}

/// As long as a step's summary.
const SUMMARY_LENGTH: usize = 60;

impl ImageSpec {
    /// What an instruction does of a step, in few words: the call, or the commands where others of it are layers of
    /// their own.
    pub fn summary(&self, instruction: &Instruction, step: usize) -> String {
        let commands = instruction.commands_of(step);
        if commands.is_empty() {
            return self.steps[step].summary.clone();
        }
        let text = commands.join("; ").split_whitespace().collect::<Vec<_>>().join(" ");
        if text.chars().count() + 2 <= SUMMARY_LENGTH {
            return format!("`{text}`");
        }
        format!("`{}...`", text.chars().take(SUMMARY_LENGTH - 5).collect::<String>().trim_end())
    }
}
