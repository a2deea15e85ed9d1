//! Steps that share one layer: a `layer()` block, and cleanups with the layer before them. They become one `RUN` in
//! which files arrive by bind mounts below `/dev/f3s`: `/dev` is a file system of its own while a command runs, so that
//! no trace of the mounts stays in the layer.

use super::script::{self, Body};
use super::{Lowerer, instruction, located};
use crate::diagnostic::Diagnostic;
use crate::recipe::{Copy, CopySource, Step, StepKind};
use crate::shell;

/// What becomes one instruction, or one layer of several steps.
#[derive(Debug, PartialEq)]
pub enum Block {
    One(usize),
    Group(Vec<usize>),
}

/// Splits a stage's steps into layers. Errors: a cleanup with nothing before it.
pub fn blocks(steps: &[Step]) -> Result<Vec<Block>, Diagnostic> {
    // Runs of steps that belong together, as ranges.
    let mut ranges: Vec<(usize, usize)> = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        let same_layer = |other: &Step| step.layer.is_some() && other.layer == step.layer;
        match (&step.kind, ranges.last_mut()) {
            (_, Some((_, end))) if same_layer(&steps[*end - 1]) => *end = index + 1,
            (StepKind::Cleanup(_), _) => {
                let Some(before) = ranges.iter().rposition(|(start, end)| makes_layer(&steps[*start..*end])) else {
                    let error = Diagnostic::error("there is no layer before this cleanup").at(step.origin.clone());
                    return Err(
                        error.hint("a cleanup joins the layer before it: call it behind the step that it cleans up")
                    );
                };
                let start = ranges[before].0;
                ranges.truncate(before);
                ranges.push((start, index + 1));
            }
            _ => ranges.push((index, index + 1)),
        }
    }
    Ok(ranges.into_iter().flat_map(|(start, end)| split(steps, start, end)).collect())
}

fn makes_layer(steps: &[Step]) -> bool {
    steps.iter().any(|step| !step.kind.is_config())
}

/// Configuration before the first and behind the last change of files needs no place in the group.
fn split(steps: &[Step], start: usize, end: usize) -> Vec<Block> {
    let changes: Vec<usize> = (start..end).filter(|index| !steps[*index].kind.is_config()).collect();
    let (Some(first), Some(last)) = (changes.first(), changes.last()) else {
        return (start..end).map(Block::One).collect();
    };
    let middle = if first == last { Block::One(*first) } else { Block::Group((*first..=*last).collect()) };
    (start..*first).map(Block::One).chain([middle]).chain((last + 1..end).map(Block::One)).collect()
}

impl Lowerer<'_> {
    /// One `RUN` for several steps. `first` is the number of the stage's first step.
    pub(super) fn group(&mut self, steps: &[Step], first: usize, indices: &[usize]) -> Result<(), Diagnostic> {
        let mut body = Body::default();
        let mut flags: Vec<String> = Vec::new();
        let mut later: Vec<(usize, &StepKind)> = Vec::new();
        let mut numbers = Vec::new();
        for &index in indices {
            let step = &steps[index];
            let number = first + index;
            if step.kind.is_config() {
                let command = in_the_middle(step)?;
                command.iter().for_each(|command| body.command(command));
                later.push((number, &step.kind));
                continue;
            }
            let mut mounts = Mounts { number: numbers.len() + 1, flags: Vec::new() };
            let (part, isolated) = self.part(step, &mut mounts).map_err(|error| located(error, step))?;
            body.step(numbers.len(), part, isolated);
            flags.extend(mounts.flags.into_iter().filter(|flag| !flags.contains(flag)).collect::<Vec<_>>());
            numbers.push(number);
        }
        self.write_run(None, &flags, &body, &numbers)?;
        for (number, config) in later {
            let text = instruction::configuration(config, &self.shell)?;
            self.out.configuration(&text, &[number], false);
        }
        Ok(())
    }

    /// The commands of one step of a group, and whether they run in a subshell: what a command does to its shell ends
    /// with its step, as in a layer of its own.
    fn part(&mut self, step: &Step, mounts: &mut Mounts) -> Result<(Body, bool), Diagnostic> {
        let mut body = Body::default();
        match &step.kind {
            StepKind::Run(run) | StepKind::Cleanup(run) => {
                if run.network.is_some_and(|network| network != self.input.network) {
                    return Err(Diagnostic::error("a network of its own cannot join a layer of several steps")
                        .hint("give the command a layer of its own"));
                }
                if run.user.is_some() {
                    return Err(Diagnostic::error("another user cannot join a layer of several steps")
                        .hint("give the command a layer of its own, or use `su` in it"));
                }
                mounts.flags.extend(self.run_flags(run)?);
                return Ok((Body::of_run(run), true));
            }
            StepKind::Write(write) => {
                let source = mounts.bind(&self.write_source(write), None)?;
                file(&mut body, &source, &write.target);
                owner(&mut body, &write.target, write.chown.as_deref(), write.chmod.as_deref());
            }
            StepKind::Place(place) => {
                let source = mounts.bind(&self.place_source(place), None)?;
                file(&mut body, &source, &place.target);
                owner(&mut body, &place.target, place.chown.as_deref(), place.chmod.as_deref());
            }
            StepKind::Unpack(unpack) => {
                let source = mounts.bind(&self.unpack_source(unpack), None)?;
                let target = shell::quote(&unpack.target);
                body.command(&format!("mkdir -p {target}"));
                body.command(&format!("tar -xpf {} -C {target}", shell::quote(&source)));
            }
            StepKind::Copy(copy) => self.copied(copy, mounts, &mut body)?,
            config => unreachable!("{config:?} makes no layer"),
        }
        Ok((body, false))
    }

    fn copied(&mut self, copy: &Copy, mounts: &mut Mounts, body: &mut Body) -> Result<(), Diagnostic> {
        let from = self.copy_from(&copy.from);
        // A folder of the project is known to be one; elsewhere the shell finds out.
        let sources: Vec<(String, Option<bool>)> = match &copy.from {
            CopySource::Project => {
                let placed = self.project_sources(copy)?;
                placed.into_iter().map(|placed| (placed.path, Some(placed.folder))).collect()
            }
            CopySource::Stage(_) | CopySource::Image(_) => {
                copy.sources.iter().map(|path| (path.clone(), None)).collect()
            }
        };
        let changed = copy.chown.is_some() || copy.chmod.is_some();
        if changed && sources.iter().any(|(_, folder)| *folder != Some(false)) {
            return Err(Diagnostic::error(
                "`chown` and `chmod` of copied folders do not work inside of a layer of several steps",
            )
            .hint("copy it outside of `layer(..)`"));
        }
        let folder_target = copy.target.ends_with('/');
        for (path, folder) in sources {
            let source = mounts.bind(&path, from.as_deref())?;
            let target = match folder_target {
                true => format!("{}{}", copy.target, path.rsplit('/').next().unwrap_or_default()),
                false => copy.target.clone(),
            };
            let (word, into) = (shell::quote(&source), shell::quote(&copy.target));
            let as_folder = format!("mkdir -p {into}; cp -a {word}/. {into}");
            match folder {
                Some(true) => body.command(&as_folder),
                Some(false) => {
                    file(body, &source, &target);
                    owner(body, &target, copy.chown.as_deref(), copy.chmod.as_deref());
                }
                None => {
                    let mut as_file = Body::default();
                    file(&mut as_file, &source, &target);
                    body.command(&format!("if [ -d {word} ]; then {as_folder}; else {}; fi", as_file.line()));
                }
            }
        }
        Ok(())
    }
}

/// The commands that a configuration step in the middle of a group needs for those behind it.
fn in_the_middle(step: &Step) -> Result<Vec<String>, Diagnostic> {
    let refused = |what: &str| {
        Err(Diagnostic::error(format!("`{what}` stands between steps of one layer"))
            .at(step.origin.clone())
            .hint(format!("call `{what}` before the layer, or behind it")))
    };
    match &step.kind {
        StepKind::Env(pairs) => Ok(pairs.iter().map(|(name, value)| script::export(name, value)).collect()),
        StepKind::Path(folders) => {
            Ok(vec![format!("export PATH={}:\"$PATH\"", shell::always_quote(&folders.join(":")))])
        }
        StepKind::Workdir(_) => refused("workdir"),
        StepKind::User(_) => refused("user"),
        StepKind::Shell(_) => refused("shell"),
        _ => Ok(Vec::new()),
    }
}

fn file(body: &mut Body, source: &str, target: &str) {
    let folder = target.rsplit_once('/').map_or(".", |(folder, _)| if folder.is_empty() { "/" } else { folder });
    body.command(&format!("mkdir -p {}", shell::quote(folder)));
    body.command(&format!("cp -p {} {}", shell::quote(source), shell::quote(target)));
}

fn owner(body: &mut Body, target: &str, chown: Option<&str>, chmod: Option<&str>) {
    if let Some(chown) = chown {
        body.command(&format!("chown {} {}", shell::quote(chown), shell::quote(target)));
    }
    if let Some(chmod) = chmod {
        body.command(&format!("chmod {chmod} {}", shell::quote(target)));
    }
}

/// The bind mounts of one step of a group.
struct Mounts {
    number: usize,
    flags: Vec<String>,
}

impl Mounts {
    /// Mounts a path of the context, or of `from`; returns where.
    fn bind(&mut self, source: &str, from: Option<&str>) -> Result<String, Diagnostic> {
        let name = source.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        let at = if self.flags.is_empty() { String::new() } else { format!("{}/", self.flags.len() + 1) };
        let target = format!("/dev/f3s/{}/{at}{name}", self.number).trim_end_matches('/').to_owned();
        let from = from.map(|from| format!("from={from},")).unwrap_or_default();
        let (source, at) = (instruction::plain(source)?, instruction::plain(&target)?);
        self.flags.push(format!("--mount=type=bind,{from}source={source},target={at}"));
        Ok(target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Place;
    use crate::recipe::Run;

    fn step(kind: StepKind, layer: Option<u32>) -> Step {
        let origin = Place::start_of("a.rhai").into();
        Step { kind, summary: String::new(), origin, layer: layer.map(|number| (number, "x".to_owned())) }
    }

    #[test]
    fn cleanups_and_layers_are_groups() {
        let run = || StepKind::Run(Run::default());
        let cleanup = || StepKind::Cleanup(Run::default());
        let user = || StepKind::User("a".to_owned());
        let of = |steps: &[Step]| blocks(steps).unwrap();
        use Block::{Group, One};
        assert_eq!(of(&[step(run(), None), step(cleanup(), None)]), [Group(vec![0, 1])]);
        assert_eq!(of(&[step(run(), None), step(user(), None), step(cleanup(), None)]), [Group(vec![0, 1, 2])]);
        let layered = [step(user(), Some(1)), step(run(), Some(1)), step(user(), Some(1)), step(run(), Some(2))];
        assert_eq!(of(&layered), [One(0), One(1), One(2), One(3)]);
        assert_eq!(of(&[step(run(), Some(1)), step(run(), Some(1)), step(cleanup(), None)]), [Group(vec![0, 1, 2])]);
        assert!(blocks(&[step(user(), None), step(cleanup(), None)]).is_err());
    }
}
