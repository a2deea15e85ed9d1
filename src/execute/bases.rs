//! Images of registries that others rest on, and that cannot be rested on: `ONBUILD` in such an image copies from the build
//! context of whoever builds on it, which here is not the user's, and a `SHELL` may not know `set -eu`.

use std::collections::BTreeMap;

use crate::diagnostic::Diagnostic;
use crate::engine::{Engine, EngineError};
use crate::plan::{Action, Plan, PlannedImage};
use crate::recipe::ImageRef;
use crate::shell;

/// What is wrong with those on which an image is to be built; nothing is asked about others.
pub async fn refused<E: Engine>(engine: &E, plan: &Plan) -> BTreeMap<ImageRef, EngineError> {
    let mut bases = BTreeMap::<&ImageRef, bool>::new();
    for image in plan.images.iter().filter(|image| image.action == Action::Build) {
        for (base, _) in &image.bases {
            *bases.entry(base).or_default() |= !sets_its_shell(image);
        }
    }
    let asked = bases.into_iter().map(|(image, keeps_shell)| async move {
        let error = match engine.inherited(image).await {
            Ok(inherited) if !inherited.triggers.is_empty() => with_triggers(image, &inherited.triggers),
            Ok(inherited) if keeps_shell => with_shell(image, shell::foreign(&inherited.shell)?),
            Ok(_) => return None,
            Err(error) => error,
        };
        Some((image.clone(), error))
    });
    futures_util::future::join_all(asked).await.into_iter().flatten().collect()
}

/// True if no stage runs a command, or hands its shell on, before it has said which shell that is.
fn sets_its_shell(image: &PlannedImage) -> bool {
    let lines: Vec<&str> = image.dockerfile.instructions.iter().map(|one| one.text.as_str()).collect();
    lines.split(|line| line.starts_with("FROM ")).skip(1).all(|stage| {
        let first = stage.iter().find(|line| line.starts_with("RUN ") || line.starts_with("SHELL "));
        first.is_some_and(|line| line.starts_with("SHELL "))
    })
}

fn with_triggers(image: &ImageRef, triggers: &[String]) -> EngineError {
    let lines: Vec<String> = triggers.iter().map(|trigger| format!("ONBUILD {trigger}")).collect();
    let error = Diagnostic::error(format!("`{image}` has steps for those who build on it, which f3s does not run"))
        .note(lines.join("\n"))
        .hint("write what they do as steps of the recipe, and take a base without `ONBUILD`");
    EngineError::Refused(error)
}

fn with_shell(image: &ImageRef, shell: &str) -> EngineError {
    let error = Diagnostic::error(format!("`{image}` runs commands in {}", shell::foreign_reason(shell)))
        .hint("say `shell([\"/bin/sh\", \"-c\"])` behind the base, and run its shell as a program where it is needed");
    EngineError::Refused(error)
}
