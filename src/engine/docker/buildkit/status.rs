//! BuildKit's status stream in the recipe's words: vertexes -> instructions -> steps.

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use bollard_buildkit_proto::moby::buildkit::v1::{StatusResponse, Vertex, VertexLog};
use tonic::Status;

use crate::diagnostic::Diagnostic;
use crate::dockerfile::Instruction;
use crate::engine::EngineError;
use crate::engine::docker::output::{Lines, Secrets};
use crate::event::{Event, Events};
use crate::harmless::clean;
use crate::lower::STEP_MARK;
use crate::plan::PlannedImage;
use crate::recipe::{BaseRef, CopySource, Step, StepKind, Timeout};

/// Lines of a failed step's output that are shown with it.
const LAST_LINES: usize = 20;

/// What is known of one vertex that stands for an instruction.
struct Running {
    instruction: usize,
    /// The step that runs now: one instruction may hold several.
    step: Option<usize>,
    since: Instant,
    /// Per stream.
    output: BTreeMap<i64, Lines>,
    last: VecDeque<String>,
    done: bool,
    error: String,
}

pub struct Progress<'a> {
    image: &'a PlannedImage,
    events: &'a Events,
    secrets: Secrets,
    running: BTreeMap<String, Running>,
    /// Vertexes with an error that stand for no instruction, such as loading a base.
    other_error: Option<String>,
    ran_a_step: bool,
}

impl<'a> Progress<'a> {
    /// `secrets`: values that no line of output may show.
    pub fn new(image: &'a PlannedImage, secrets: &BTreeMap<String, Vec<u8>>, events: &'a Events) -> Self {
        let secrets = Secrets::new(secrets);
        Progress { image, events, secrets, running: BTreeMap::new(), other_error: None, ran_a_step: false }
    }

    pub fn hear(&mut self, status: StatusResponse) {
        for vertex in &status.vertexes {
            self.vertex(vertex);
        }
        for log in &status.logs {
            self.log(log);
        }
        // Output first: a vertex that ended says so in the message that holds its last lines.
        for vertex in status.vertexes.iter().filter(|vertex| vertex.completed.is_some()) {
            self.completed(vertex);
        }
    }

    fn vertex(&mut self, vertex: &Vertex) {
        let Some(instruction) = self.instruction_of(&vertex.name) else {
            if !vertex.error.is_empty() {
                self.other_error = Some(vertex.error.clone());
            }
            return;
        };
        // Pending steps are announced, too.
        if vertex.started.is_none() && !vertex.cached {
            return;
        }
        if !self.running.contains_key(&vertex.digest) {
            // It ran before, so that a stage could be looked into.
            let is_known = self.running.values().any(|other| other.instruction == instruction && other.done);
            let running = Running {
                instruction,
                step: None,
                since: Instant::now(),
                output: BTreeMap::new(),
                last: VecDeque::new(),
                done: is_known,
                error: String::new(),
            };
            self.running.insert(vertex.digest.clone(), running);
        }
        let cached = vertex.cached;
        let running = self.running.get_mut(&vertex.digest).expect("inserted above");
        running.error.clone_from(&vertex.error);
        let steps = &self.image.dockerfile.instructions[instruction].steps;
        if !running.done
            && running.step.is_none()
            && let Some(first) = steps.first()
            // The steps of a group say themselves when they begin, unless they all come from the cache.
            && (cached || steps.len() == 1)
        {
            running.step = Some(*first);
            running.since = Instant::now();
            say_started(self.events, self.image, instruction, *first, cached);
        }
    }

    fn completed(&mut self, vertex: &Vertex) {
        let Some(running) = self.running.get_mut(&vertex.digest).filter(|running| !running.done) else { return };
        running.done = true;
        for (_, mut output) in std::mem::take(&mut running.output) {
            say_line(self.events, self.image, &self.secrets, running, &output.take());
        }
        if let Some(step) = running.step.filter(|_| !vertex.cached && vertex.error.is_empty()) {
            self.ran_a_step = true;
            say_finished(self.events, self.image, running, step);
        }
    }

    fn log(&mut self, log: &VertexLog) {
        let Some(running) = self.running.get_mut(&log.vertex) else { return };
        for line in running.output.entry(log.stream).or_default().push(&log.msg, &self.secrets) {
            say_line(self.events, self.image, &self.secrets, running, &line);
        }
    }

    /// Time has passed: shows lines that lack their end, such as questions and progress bars.
    pub fn tick(&mut self) {
        let lines = self.running.values_mut().flat_map(|running| running.output.values_mut());
        for line in lines.filter_map(|output| output.unfinished(&self.secrets)) {
            let _ = self.events.send(Event::StepProgress { image: self.image.name.clone(), line });
        }
    }

    /// Why the build is to be ended: a step takes longer than it may.
    pub fn late(&self) -> Option<EngineError> {
        self.running.values().filter(|running| !running.done).find_map(|running| {
            let step = running.step?;
            let timeout = self.image.steps[step].kind.run()?.timeout?;
            (running.since.elapsed() > timeout.duration()).then(|| {
                let instruction = &self.image.dockerfile.instructions[running.instruction];
                let error = late(&self.image.steps[step], instruction.commands_of(step), timeout);
                EngineError::Failed(with_output(error, running.last.iter().map(String::as_str)))
            })
        })
    }

    /// The instruction that a vertex' name stands for: `[final 3/6] COPY a /a`, `[3/6] ...`.
    fn instruction_of(&self, name: &str) -> Option<usize> {
        let (inside, _) = name.strip_prefix('[')?.split_once(']')?;
        let (stage, counter) = inside.trim().rsplit_once(' ').unwrap_or(("final", inside.trim()));
        let number: u32 = counter.split_once('/')?.0.trim().parse().ok()?;
        // `[linux/amd64 final 3/6]`, `[final  3/16]`.
        let stage = stage.trim().rsplit(' ').next().unwrap_or(stage);
        let is_it = |instruction: &Instruction| instruction.number == Some(number) && instruction.stage == stage;
        self.image.dockerfile.instructions.iter().position(is_it)
    }

    /// Forgets what stood in the way of an attempt.
    pub fn begin_again(&mut self) {
        self.running.clear();
        self.other_error = None;
    }

    /// Forgets what failed beside the steps, such as exporting what they made.
    pub fn forget_other_errors(&mut self) {
        self.other_error = None;
    }

    /// True when every step came from the cache.
    pub fn is_cached(&self) -> bool {
        !self.ran_a_step
    }

    /// Why the build failed, at the step's line.
    pub fn failure(&self, status: &Status) -> EngineError {
        tracing::debug!(code = ?status.code(), message = status.message(), "solve");
        let failed = self
            .running
            .values()
            .find(|running| !running.error.is_empty() && !running.error.contains("context canceled"));
        let message = failed.map(|failed| failed.error.as_str()).or(self.other_error.as_deref());
        if let Some(error) = missing_source(self.image, message.unwrap_or(status.message())) {
            return EngineError::Failed(error);
        }
        let Some(failed) = failed else {
            let message = self.other_error.as_deref().unwrap_or(status.message());
            // What the engine says has no cause on this side.
            let is_broken = std::error::Error::source(status).is_some();
            if is_broken || status.code() == tonic::Code::Unavailable {
                return EngineError::unreachable(&format!("the engine went away: {}", status.message()));
            }
            return EngineError::Failed(Diagnostic::error(format!(
                "the engine cannot build `{}`: {message}",
                self.image.name
            )));
        };
        let instruction = &self.image.dockerfile.instructions[failed.instruction];
        let step = failed.step.or(instruction.steps.first().copied());
        let step = step.map(|index| (&self.image.steps[index], instruction.commands_of(index)));
        let output: Vec<&str> = failed.last.iter().map(String::as_str).collect();
        EngineError::Failed(step_failure(step, instruction, &failed.error, &output))
    }
}

/// What a copy names and nothing has: engines say by which digest of theirs they looked for it.
fn missing_source(image: &PlannedImage, error: &str) -> Option<Diagnostic> {
    // Before 23.0 it is all that a vertex says: `"/a" not found: not found`.
    let is_missing = error.starts_with('"') && error.ends_with("\" not found: not found")
        || ["failed to calculate checksum", "failed to compute cache key", "failed to walk"]
            .iter()
            .any(|words| error.contains(words))
            && ["not found", "no such file or directory"].iter().any(|words| error.contains(words));
    // `checksum of ref ID::ID: "/a": not found`, or `failed to walk /var/lib/../a: lstat ..`.
    let path = error.rsplit('"').nth(1).filter(|_| is_missing)?;
    let copies = |instruction: &&Instruction| {
        let words = instruction.text.strip_prefix("COPY ").or_else(|| instruction.text.strip_prefix("ADD "));
        words.is_some_and(|words| words.contains(path) || words.contains(path.trim_start_matches('/')))
    };
    let instruction = image.dockerfile.instructions.iter().find(copies)?;
    let step = &image.steps[*instruction.steps.first()?];
    let error = |place: &str| Diagnostic::error(format!("there is no `{path}` in {place}")).at(step.origin.clone());
    let StepKind::Copy(copy) = &step.kind else { return Some(error("the build's context")) };
    Some(match &copy.from {
        CopySource::Project => error("what was sent to the engine").hint("did it go away while f3s was building?"),
        CopySource::Stage(stage) => error(&format!("stage `{stage}`"))
            .hint("no step of the stage makes it, or in another place: paths are as its commands see them"),
        CopySource::Image(BaseRef::External(image)) => error(&format!("`{image}`")),
        CopySource::Image(BaseRef::Recipe(key)) => error(&format!("the image of `{key}`")),
        CopySource::Image(BaseRef::Scratch) => error("`scratch`"),
    })
}

/// `step`: with the commands that the instruction runs of it, none for all.
fn step_failure(
    step: Option<(&Step, &[String])>,
    instruction: &Instruction,
    error: &str,
    output: &[&str],
) -> Diagnostic {
    let exit = exit_code(error);
    let message = match (exit, error.rsplit_once("did not complete successfully: ")) {
        (Some(code), _) => format!("a command failed with exit code {code}"),
        (None, Some((_, why))) => format!("a command cannot be run: {}", first_line(why)),
        (None, None) => first_line(error),
    };
    let mut diagnostic = Diagnostic::error(message);
    if let Some((step, commands)) = step {
        diagnostic = diagnostic.at(step.origin.clone());
        if let (Some(_), StepKind::Run(run) | StepKind::Cleanup(run)) = (exit, &step.kind) {
            let commands = if commands.is_empty() { &run.commands } else { commands };
            diagnostic = diagnostic.note(format!("the command:\n{}", commands.join("\n")));
        } else {
            diagnostic = diagnostic.note(format!("the instruction:\n{}", instruction.text));
        }
    }
    diagnostic = with_output(diagnostic, output.iter().copied());
    if exit == Some(127) {
        diagnostic = diagnostic.hint("exit code 127: the shell did not find a program");
    }
    if exit.is_some() && output.last().is_some_and(|line| is_unset_variable(line)) {
        let hint = "commands run with `set -u`: where a variable may be unset, `${NAME:-}` says so";
        diagnostic = diagnostic.hint(hint);
    }
    if error.contains("nknown flag: network") {
        diagnostic =
            diagnostic.hint("this engine is older than 23.0: set `network` in `f3s.toml` for the whole project");
    }
    diagnostic
}

/// As busybox and dash say it, and bash.
fn is_unset_variable(line: &str) -> bool {
    line.ends_with(": parameter not set") || line.ends_with(": unbound variable")
}

/// What is said of a step that was ended.
pub fn late(step: &Step, commands: &[String], timeout: Timeout) -> Diagnostic {
    let commands = if commands.is_empty() { step.kind.run().map_or(&[][..], |run| &run.commands) } else { commands };
    Diagnostic::error(format!("a command still runs after {timeout}, its `timeout`: it was ended"))
        .at(step.origin.clone())
        .note(format!("the command:\n{}", commands.join("\n")))
}

fn with_output<'o>(diagnostic: Diagnostic, lines: impl Iterator<Item = &'o str>) -> Diagnostic {
    let lines: Vec<&str> = lines.collect();
    if lines.is_empty() { diagnostic } else { diagnostic.note(format!("its last output:\n{}", lines.join("\n"))) }
}

/// `... exit code: 42`, as every version says.
fn exit_code(error: &str) -> Option<i32> {
    let (_, rest) = error.rsplit_once("exit code: ")?;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

fn first_line(error: &str) -> String {
    error.lines().next().unwrap_or("the step failed").to_owned()
}

fn say_started(events: &Events, image: &PlannedImage, instruction: usize, step: usize, cached: bool) {
    // The step begins where its files reach the image.
    if image.dockerfile.instructions[instruction].prepares {
        return;
    }
    let summary = image.summary(&image.dockerfile.instructions[instruction], step);
    let place = image.steps[step].origin.place.clone();
    let _ = events.send(Event::StepStarted { image: image.name.clone(), step: summary, place, cached });
}

fn say_finished(events: &Events, image: &PlannedImage, running: &Running, step: usize) {
    if image.dockerfile.instructions[running.instruction].prepares {
        return;
    }
    let summary = image.summary(&image.dockerfile.instructions[running.instruction], step);
    let seconds = running.since.elapsed().as_secs_f64();
    let _ = events.send(Event::StepFinished { image: image.name.clone(), step: summary, seconds });
}

/// A line of output, or the mark by which a step of a group says that it begins. The mark may follow output without an end.
fn say_line(events: &Events, image: &PlannedImage, secrets: &Secrets, running: &mut Running, bytes: &[u8]) {
    let line = clean(bytes);
    let steps = &image.dockerfile.instructions[running.instruction].steps;
    let marked = line.rsplit_once(STEP_MARK).and_then(|(before, number)| {
        let step = steps.get(number.parse::<usize>().ok()?)?;
        Some((before.to_owned(), *step))
    });
    let (line, next) = marked.map_or((line, None), |(before, step)| (before, Some(step)));
    if !line.is_empty() {
        let line = secrets.hide(line);
        if running.last.len() == LAST_LINES {
            running.last.pop_front();
        }
        running.last.push_back(line.clone());
        let _ = events.send(Event::StepOutput { image: image.name.clone(), line });
    }
    if let Some(step) = next {
        if let Some(before) = running.step.replace(step) {
            say_finished(events, image, running, before);
        }
        running.since = Instant::now();
        running.last.clear();
        say_started(events, image, running.instruction, step, false);
    }
}
