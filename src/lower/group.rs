//! Steps that share one layer: a `layer()` block, and cleanups with the layer before them. They become one `RUN`, to which
//! files come by mounts. Watch mode cuts the group into layers again.

use super::script::{self, Body};
use super::split::Part;
use super::{Lowerer, instruction, located};
use crate::diagnostic::Diagnostic;
use crate::recipe::{Step, StepKind};
use crate::shell;

impl Lowerer<'_> {
    /// One `RUN` for several steps or, finely, one for each where that means the same. `first` is the number of the
    /// stage's first step.
    pub(super) fn group(&mut self, steps: &[Step], first: usize, indices: &[usize]) -> Result<(), Diagnostic> {
        if self.out.is_empty_stage() {
            let step = &steps[indices[0]];
            return Err(Diagnostic::error("a layer of several steps needs a shell, and `scratch` has none")
                .at(step.origin.clone())
                .hint("give this step a layer of its own, or begin with a base that has a shell"));
        }
        // A tmpfs of one step is there for all of them, and so is what they leave in it.
        let mut layers = Layers::new(self.cuts(indices.iter().filter_map(|index| steps[*index].kind.run())));
        for &index in indices {
            let (step, number) = (&steps[index], first + index);
            if step.kind.is_config() {
                instruction::configuration(&step.kind, self.known_shell()).map_err(|error| located(error, step))?;
                layers.configure(number, &step.kind, in_the_middle(step)?);
                continue;
            }
            let mut mounts = Vec::new();
            let changes = self.parts(step, number, &mut mounts, layers.cuts);
            let (parts, isolated) = changes.map_err(|error| located(error, step))?;
            layers.change(number, parts, isolated, mounts);
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
            let text = instruction::configuration(config, self.known_shell())?;
            self.out.configuration(&text, &[*number], false);
        }
        Ok(())
    }

    /// The commands of one step of a group, and whether they run in a subshell: what a command does to its shell ends
    /// with its step, as in a layer of its own. `cuts`: they may become several layers.
    fn parts(
        &mut self,
        step: &Step,
        number: usize,
        mounts: &mut Vec<String>,
        cuts: bool,
    ) -> Result<(Vec<Part>, bool), Diagnostic> {
        if let StepKind::Run(run) | StepKind::Cleanup(run) = &step.kind {
            if run.network.is_some_and(|network| network != self.input.network) {
                return Err(Diagnostic::error("a network of its own cannot join a layer of several steps")
                    .hint("give the command a layer of its own"));
            }
            if run.user.is_some() {
                return Err(Diagnostic::error("another user cannot join a layer of several steps")
                    .hint("give the command a layer of its own, or use `su` in it"));
            }
            mounts.extend(self.run_flags(run)?);
            return Ok((self.parts_of(run, cuts), true));
        }
        let put = self.put(step, number)?;
        mounts.extend(put.mounts);
        let mut body = Body::default();
        body.command(&put.command);
        Ok((vec![Part::of_files(body)], false))
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
