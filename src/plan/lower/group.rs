//! Steps that share one layer: a `layer()` block, and cleanups with the layer before them. They become one `RUN` in
//! which files arrive by bind mounts below `/dev/f3s`: `/dev` is a file system of its own while a command runs, so that
//! no trace of the mounts stays in the layer. Watch mode cuts the group into layers again.

use super::script::{self, Body};
use super::split::Part;
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
    /// One `RUN` for several steps or, finely, one for each where that means the same. `first` is the number of the
    /// stage's first step.
    pub(super) fn group(&mut self, steps: &[Step], first: usize, indices: &[usize]) -> Result<(), Diagnostic> {
        // A tmpfs of one step is there for all of them, and so is what they leave in it.
        let mut layers = Layers::new(self.cuts(indices.iter().filter_map(|index| steps[*index].kind.run())));
        for &index in indices {
            let (step, number) = (&steps[index], first + index);
            if step.kind.is_config() {
                layers.configure(number, &step.kind, in_the_middle(step)?);
                continue;
            }
            let mut mounts = Mounts { number: layers.mounted.len() + 1, flags: Vec::new() };
            let (parts, isolated) = self.parts(step, &mut mounts, layers.cuts).map_err(|error| located(error, step))?;
            layers.change(number, parts, isolated, mounts.flags);
        }
        layers.join_pipefail();
        for (at, members) in layers.members.iter().enumerate() {
            self.write_layer(members, &layers.flags(at))?;
        }
        self.configure(&layers.later)
    }

    fn write_layer(&mut self, members: &[Member], flags: &[String]) -> Result<(), Diagnostic> {
        match members {
            [Member::Config { number, kind, .. }] => return self.configure(&[(*number, *kind)]),
            [Member::Change { number, part, .. }] => {
                self.layers(flags, std::slice::from_ref(part), *number);
                return Ok(());
            }
            _ => {}
        }
        let (mut body, mut numbers, mut later, mut commands) = (Body::default(), Vec::new(), Vec::new(), &[][..]);
        for member in members {
            match member {
                Member::Config { number, kind, exports } => {
                    exports.iter().for_each(|export| body.command(export));
                    later.push((*number, *kind));
                }
                Member::Change { number, part, isolated } => {
                    if numbers.is_empty() {
                        commands = &part.commands;
                    }
                    body.step(numbers.len(), &part.body, *isolated);
                    numbers.push(*number);
                }
            }
        }
        self.out.layer_of_commands(&body.instruction(flags, &mut self.context), &numbers, commands);
        self.configure(&later)
    }

    fn configure(&mut self, steps: &[(usize, &StepKind)]) -> Result<(), Diagnostic> {
        for (number, config) in steps {
            let text = instruction::configuration(config, &self.shell)?;
            self.out.configuration(&text, &[*number], false);
        }
        Ok(())
    }

    /// The commands of one step of a group, and whether they run in a subshell: what a command does to its shell ends
    /// with its step, as in a layer of its own. `cuts`: they may become several layers.
    fn parts(&mut self, step: &Step, mounts: &mut Mounts, cuts: bool) -> Result<(Vec<Part>, bool), Diagnostic> {
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
                return Ok((self.parts_of(run, cuts), true));
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
        Ok((vec![Part::of_files(body)], false))
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

/// What stands in one layer of a group.
enum Member<'s> {
    /// A configuration step, and how the steps behind it in the same layer learn of it.
    Config {
        number: usize,
        kind: &'s StepKind,
        exports: Vec<String>,
    },
    Change {
        number: usize,
        part: Part,
        isolated: bool,
    },
}

/// The layers that a group becomes.
struct Layers<'s> {
    /// What comes next gets a layer of its own; else it joins the last one.
    cuts: bool,
    members: Vec<Vec<Member<'s>>>,
    /// The mounts of every step that changes files, and in which layer they are needed; `None`: in all. Commands see
    /// those of the group's other commands in the one layer of the released image.
    mounted: Vec<(Option<usize>, Vec<String>)>,
    /// Configuration that no command sees, behind them all: a volume in front would lose what they put there.
    later: Vec<(usize, &'s StepKind)>,
}

impl<'s> Layers<'s> {
    fn new(cuts: bool) -> Layers<'s> {
        Layers { cuts, members: Vec::new(), mounted: Vec::new(), later: Vec::new() }
    }

    fn join(&mut self, member: Member<'s>) {
        match self.members.last_mut().filter(|_| !self.cuts) {
            Some(layer) => layer.push(member),
            None => self.members.push(vec![member]),
        }
    }

    fn configure(&mut self, number: usize, kind: &'s StepKind, exports: Vec<String>) {
        if self.cuts && exports.is_empty() {
            self.later.push((number, kind));
        } else {
            self.join(Member::Config { number, kind, exports });
        }
    }

    fn change(&mut self, number: usize, parts: Vec<Part>, isolated: bool, mounts: Vec<String>) {
        for part in parts {
            let needs_container = part.needs_container;
            self.join(Member::Change { number, part, isolated });
            self.cuts &= !needs_container;
        }
        let only_in = (!isolated).then(|| self.members.len() - 1);
        self.mounted.push((only_in, mounts));
    }

    fn join_pipefail(&mut self) {
        let changes = || self.members.iter().flatten();
        let piped = changes().any(|member| matches!(member, Member::Change { part, .. } if part.body.is_piped()));
        for member in self.members.iter_mut().flatten() {
            if let Member::Change { part, .. } = member {
                part.body.join_pipefail(piped);
            }
        }
    }

    fn flags(&self, layer: usize) -> Vec<String> {
        let mut flags: Vec<String> = Vec::new();
        for (_, mounts) in self.mounted.iter().filter(|(only_in, _)| only_in.is_none_or(|at| at == layer)) {
            let new: Vec<String> = mounts.iter().filter(|flag| !flags.contains(flag)).cloned().collect();
            flags.extend(new);
        }
        flags
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
