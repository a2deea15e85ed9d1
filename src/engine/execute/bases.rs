//! Images of registries that others rest on, and that cannot be rested on: `ONBUILD` in such an image copies from the build
//! context of whoever builds on it, which here is not the user's.

use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::Diagnostic;
use crate::engine::{Engine, EngineError};
use crate::plan::{Action, Plan};
use crate::recipe::ImageRef;

/// What is wrong with those on which an image is to be built; nothing is asked about others.
pub async fn refused<E: Engine>(engine: &E, plan: &Plan) -> BTreeMap<ImageRef, EngineError> {
    let builds = plan.images.iter().filter(|image| image.action == Action::Build);
    let bases: BTreeSet<&ImageRef> = builds.flat_map(|image| &image.bases).map(|(image, _)| image).collect();
    let asked = bases.into_iter().map(|image| async move {
        let error = match engine.triggers(image).await {
            Ok(triggers) if triggers.is_empty() => return None,
            Ok(triggers) => refusal(image, &triggers),
            Err(error) => error,
        };
        Some((image.clone(), error))
    });
    futures_util::future::join_all(asked).await.into_iter().flatten().collect()
}

fn refusal(image: &ImageRef, triggers: &[String]) -> EngineError {
    let lines: Vec<String> = triggers.iter().map(|trigger| format!("ONBUILD {trigger}")).collect();
    let error = Diagnostic::error(format!("`{image}` has steps for those who build on it, which f3s does not run"))
        .note(lines.join("\n"))
        .hint("write what they do as steps of the recipe, and take a base without `ONBUILD`");
    EngineError::Refused(error)
}
