//! Building where there is no BuildKit (Podman, engines with it switched off): bollard's classic build, a tar of the
//! whole context, progress as text. What cannot work there is refused in clear words.

use std::io;

use bollard::query_parameters::{BuildImageOptionsBuilder, BuilderVersion};
use futures_util::StreamExt;
use http_body_util::{Either, StreamBody};
use tokio::time::Instant;

use super::buildkit::{Files, late, received};
use super::client::{Client, failed, message};
use super::tarball;
use crate::diagnostic::{Diagnostic, Place};
use crate::engine::{BuildOptions, EngineError};
use crate::event::{Event, Events};
use crate::harmless::clean_lines;
use crate::plan::PlannedImage;
use crate::recipe::{Step, StepKind, Timeout};

/// The Dockerfile's name in the context: nothing of the project can have it.
const DOCKERFILE: &str = ".f3s/Dockerfile";
const LAST_LINES: usize = 20;

pub async fn build(
    client: &Client,
    image: &PlannedImage,
    mut files: Files,
    options: &BuildOptions,
    events: &Events,
) -> Result<String, EngineError> {
    refuse_what_needs_buildkit(image).map_err(EngineError::Failed)?;
    files.text(DOCKERFILE, &image.dockerfile.text, 0o644);
    let (pieces, writer) = tarball::stream(files);
    let query = BuildImageOptionsBuilder::new()
        .dockerfile(DOCKERFILE)
        .t(&image.internal.to_string())
        .networkmode(options.network.as_deref().unwrap_or("default"))
        .nocache(options.no_cache)
        .rm(true)
        .forcerm(true)
        .version(BuilderVersion::BuilderV1)
        .build();
    let body = StreamBody::new(Box::pin(received(pieces)) as _);
    let mut stream = client.build_image(query, None, Some(Either::Right(body)));
    let (mut id, mut current) = (None, None);
    let mut last: Vec<String> = Vec::new();
    let mut since = Instant::now();
    loop {
        let timeout = current.and_then(|number| step_of(image, number)?.kind.run()?.timeout);
        let info = match timeout {
            None => stream.next().await,
            Some(timeout) => match tokio::time::timeout_at(since + timeout.duration(), stream.next()).await {
                Ok(info) => info,
                Err(_) => return Err(EngineError::Failed(overdue(image, current, timeout, &last))),
            },
        };
        let Some(info) = info else { break };
        let info = match info {
            Ok(info) => info,
            Err(error) => {
                drop(stream);
                return Err(EngineError::Failed(match writer.await {
                    // The engine only says that the archive has no end.
                    Ok(Err(cause)) if cause.kind() != io::ErrorKind::BrokenPipe => Diagnostic::error(cause.to_string()),
                    _ => failure(image, current, &message(&error), &last),
                }));
            }
        };
        // Of every step that became an image: the last one is the whole.
        id = info.aux.and_then(|aux| aux.id).or(id);
        let lines = clean_lines(&info.stream.unwrap_or_default());
        for line in lines.into_iter().filter(|line| !line.trim().is_empty()) {
            if let Some(number) = step_number(&line) {
                (current, since) = (Some(number), Instant::now());
                last.clear();
                say_step(image, number, events);
                continue;
            }
            if last.len() == LAST_LINES {
                last.remove(0);
            }
            last.push(line.clone());
            let _ = events.send(Event::StepOutput { image: image.name.clone(), line });
        }
    }
    match id {
        Some(id) => Ok(id),
        // Podman says it in the output only.
        None => {
            let built = client.inspect_image(&image.internal.to_string()).await.map_err(failed)?;
            built.id.ok_or_else(|| EngineError::Failed(Diagnostic::error("the engine built an image and named no id")))
        }
    }
}

fn refuse_what_needs_buildkit(image: &PlannedImage) -> Result<(), Diagnostic> {
    let refused = |what: &str| {
        Err(Diagnostic::error(format!("{what} needs BuildKit, and this engine has none"))
            .hint("use an engine with BuildKit: Docker 20.10 or newer"))
    };
    if !image.secrets.is_empty() {
        return refused("a secret");
    }
    if image.ssh {
        return refused("the ssh agent");
    }
    for instruction in &image.dockerfile.instructions {
        if instruction.text.starts_with("RUN --mount") {
            let step = instruction.steps.first().map(|index| &image.steps[*index]);
            let error = refused("a mount, or a layer of several steps that bring files,");
            return error.map_err(|error| match step {
                Some(step) => error.at(step.origin.clone()),
                None => error,
            });
        }
    }
    Ok(())
}

/// `Step 3/7 : RUN ..`, `STEP 3/7: RUN ..`: the number of the instruction, counting from 1.
fn step_number(line: &str) -> Option<usize> {
    let rest = line.strip_prefix("Step ").or_else(|| line.strip_prefix("STEP "))?;
    rest.split_once('/')?.0.trim().parse().ok()
}

fn say_step(image: &PlannedImage, number: usize, events: &Events) {
    let steps =
        image.dockerfile.instructions.get(number - 1).map(|instruction| &instruction.steps[..]).unwrap_or_default();
    for step in steps.iter().map(|index| &image.steps[*index]) {
        let (step, place): (_, Place) = (step.summary.clone(), step.origin.place.clone());
        let _ = events.send(Event::StepStarted { image: image.name.clone(), step, place, cached: false });
    }
}

fn failure(image: &PlannedImage, current: Option<usize>, error: &str, last: &[String]) -> Diagnostic {
    let step = current.and_then(|number| step_of(image, number));
    let mut diagnostic = Diagnostic::error(clean_lines(error).join("\n"));
    if let Some(step) = step {
        diagnostic = diagnostic.at(step.origin.clone());
        if let StepKind::Run(run) | StepKind::Cleanup(run) = &step.kind {
            diagnostic = diagnostic.note(format!("the command:\n{}", run.commands.join("\n")));
        }
    }
    with_output(diagnostic, last)
}

fn overdue(image: &PlannedImage, current: Option<usize>, timeout: Timeout, last: &[String]) -> Diagnostic {
    let step = current.and_then(|number| step_of(image, number));
    with_output(step.map_or_else(|| Diagnostic::error("a step takes too long"), |step| late(step, &[], timeout)), last)
}

fn with_output(diagnostic: Diagnostic, last: &[String]) -> Diagnostic {
    if last.is_empty() { diagnostic } else { diagnostic.note(format!("its last output:\n{}", last.join("\n"))) }
}

/// The first step of an instruction, counting from 1.
fn step_of(image: &PlannedImage, number: usize) -> Option<&Step> {
    let first = image.dockerfile.instructions.get(number.checked_sub(1)?)?.steps.first()?;
    Some(&image.steps[*first])
}
