//! One image of a plan.

use serde::Serialize;

use super::{Mark, Marks};
use crate::diagnostic::Origin;
use crate::dockerfile::{Dockerfile, Instruction};
use crate::lower::{Context, Fingerprint};
use crate::recipe::{Artifact, Check, ImageKey, ImageRef, SecretMount, Step};

/// What will happen to an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// The engine has no image with this fingerprint, or `--force` asks for a new one.
    Build,
    /// The engine has it, checked and under all its final tags.
    UpToDate,
    /// The engine has it; checks must run or final tags must move.
    Tag,
}

/// What is to be made of an image: two plans that agree in it want the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Purpose {
    name: String,
    fingerprint: Fingerprint,
    checked: Option<String>,
    references: Vec<ImageRef>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PlannedImage {
    pub key: ImageKey,
    /// How plans, logs and events call it: `key` as text.
    pub name: String,
    /// The recipe's file, relative to the project.
    pub recipe: String,
    pub description: String,
    pub action: Action,
    /// Why, in a few words: `not built yet`, `base jmeter-base is built`, `asked for with --force`.
    pub reason: String,
    pub fingerprint: Fingerprint,
    /// `f3s.invalid/NAME:FINGERPRINT`: what children use in `FROM`.
    pub internal: ImageRef,
    /// The id of the image that the engine has under `internal`; `None` for one that is to be built.
    pub id: Option<String>,
    /// What says of an image on the engine that it is this one, and what was done with it.
    pub marks: Marks,
    /// The final tags, the first one being *the* reference of the image.
    pub references: Vec<ImageRef>,
    /// Where it is pushed; a subset of `references`. Empty when the recipe pushes nothing.
    pub pushes: Vec<ImageRef>,
    /// True when there is nothing to push: the image is marked as pushed, or the recipe pushes nothing.
    pub is_pushed: bool,
    /// Why nothing is pushed although the recipe says `push()`: no registry is configured.
    pub push_skipped: Option<String>,
    /// Indices into `Plan::images` of the images that must be there first; always smaller than its own.
    pub parents: Vec<usize>,
    /// True for an image that was asked for, false for one that is only needed.
    pub asked: bool,
    /// All steps, build stages first.
    pub steps: Vec<Step>,
    pub dockerfile: Dockerfile,
    pub context: Context,
    /// Images of registries that must be on the engine before the build.
    pub external: Vec<ImageRef>,
    /// Those of them that the engine has, with the ids that the fingerprint is made of.
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

impl PlannedImage {
    pub fn purpose(&self) -> Purpose {
        Purpose {
            name: self.name.clone(),
            fingerprint: self.fingerprint.clone(),
            checked: self.marks.about(Mark::Checked).map(str::to_owned),
            references: self.references.clone(),
        }
    }

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
