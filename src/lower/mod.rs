//! Steps -> Dockerfile. Only what Docker 20.10's own frontend knows, and no `# syntax=` line, which would pull one.

mod blocks;
mod context;
mod effect;
mod family;
mod fingerprint;
mod group;
mod ignore;
mod instruction;
mod internal;
mod labels;
mod put;
mod references;
mod script;
mod spec;
mod split;
mod words;

use std::collections::BTreeMap;

use crate::diagnostic::Diagnostic;
use crate::dockerfile::{Dockerfile, Writer, quote};
use crate::pattern::Patterns;
use crate::recipe::{
    BaseRef, Copy, CopySource, ImageKey, ImageRef, PackedAs, PlaceFile, Recipe, Run, RunNetwork, SecretMount, Stage,
    Step, StepKind, Unpack, Write,
};
use crate::world::World;
use blocks::Block;
use context::ContextBuilder;
use split::Part;

pub use context::{Context, ContextEntry};
pub use family::{LowerOptions, Pin, family};
pub use fingerprint::Fingerprint;
pub use labels::Repository;
pub use references::pushes;
pub use script::MARK as STEP_MARK;
pub use spec::ImageSpec;

/// What lowering needs to know of another image of the family.
#[derive(Clone, Debug)]
pub struct Parent {
    pub internal: ImageRef,
    /// The user, the working folder and the shell its steps end with, when its recipe says so.
    pub user: Option<String>,
    pub workdir: Option<String>,
    pub shell: Option<Vec<String>>,
}

pub struct Lowering<'a> {
    pub recipe: &'a Recipe,
    pub parent: &'a dyn Fn(&ImageKey) -> Parent,
    /// Labels that f3s adds to the image.
    pub labels: &'a BTreeMap<String, String>,
    /// The network of all steps.
    pub network: RunNetwork,
    pub world: &'a dyn World,
    pub ignored: &'a Patterns,
    /// Commands become layers of their own where that means the same.
    pub fine: bool,
}

#[derive(Clone, Debug)]
pub struct Lowered {
    pub dockerfile: Dockerfile,
    pub context: Context,
    /// All steps, build stages first.
    pub steps: Vec<Step>,
    pub secrets: Vec<SecretMount>,
    pub ssh: bool,
    pub user: Option<String>,
    pub workdir: Option<String>,
    pub shell: Option<Vec<String>>,
}

impl Lowering<'_> {
    /// Errors point at their step; independent ones are reported together.
    pub fn lower(&self) -> Result<Lowered, Vec<Diagnostic>> {
        let mut lowerer = Lowerer {
            input: self,
            out: Writer::default(),
            context: ContextBuilder::new(self.world, self.ignored),
            shell: default_shell(),
            user: None,
            base_user: None,
            workdir: None,
            secrets: Vec::new(),
            ssh: false,
            puts: 0,
            errors: Vec::new(),
        };
        let mut steps = Vec::new();
        for stage in self.recipe.all_stages() {
            lowerer.stage(stage, steps.len());
            steps.extend(stage.steps.iter().cloned());
        }
        lowerer.added_labels();
        if !lowerer.errors.is_empty() {
            return Err(lowerer.errors);
        }
        let shell = lowerer.known_shell().map(<[String]>::to_vec);
        Ok(Lowered {
            dockerfile: lowerer.out.finish(),
            context: lowerer.context.finish(),
            steps,
            secrets: lowerer.secrets,
            ssh: lowerer.ssh,
            user: lowerer.user.or(lowerer.base_user),
            workdir: lowerer.workdir,
            shell,
        })
    }
}

fn default_shell() -> Vec<String> {
    vec!["/bin/sh".to_owned(), "-c".to_owned()]
}

/// The state of one lowering.
struct Lowerer<'a> {
    input: &'a Lowering<'a>,
    out: Writer,
    context: ContextBuilder<'a>,
    /// The shell of the stage, as `shell()` set it here or in a parent.
    shell: Vec<String>,
    /// The user that `user()` set in the stage, and the one its base ends with.
    user: Option<String>,
    base_user: Option<String>,
    /// The working folder, as `workdir()` set it here or in a parent.
    workdir: Option<String>,
    secrets: Vec<SecretMount>,
    ssh: bool,
    /// How many steps of the stage brought files into a layer of several.
    puts: u32,
    errors: Vec<Diagnostic>,
}

impl Lowerer<'_> {
    fn stage(&mut self, stage: &Stage, first: usize) {
        self.shell = default_shell();
        self.user = None;
        self.base_user = None;
        self.workdir = None;
        self.puts = 0;
        let from = match &stage.base.from {
            BaseRef::Scratch => "scratch".to_owned(),
            BaseRef::External(image) => image.to_string(),
            BaseRef::Recipe(key) => {
                let parent = (self.input.parent)(key);
                self.base_user = parent.user;
                self.workdir = parent.workdir;
                self.shell = parent.shell.unwrap_or_else(default_shell);
                parent.internal.to_string()
            }
        };
        let name = if stage.name.is_empty() { "final" } else { &stage.name };
        self.out.from(&from, name);
        match blocks::of(&stage.steps) {
            Ok(blocks) => {
                for block in blocks {
                    if let Err(error) = self.block(&stage.steps, first, &block) {
                        self.errors.push(error);
                    }
                }
            }
            Err(error) => self.errors.push(error),
        }
    }

    fn block(&mut self, steps: &[Step], first: usize, block: &Block) -> Result<(), Diagnostic> {
        match block {
            Block::One(index) => {
                let step = &steps[*index];
                self.step(step, first + index).map_err(|error| located(error, step))
            }
            Block::Group(indices) => self.group(steps, first, indices),
        }
    }

    /// A step that is an instruction of its own.
    fn step(&mut self, step: &Step, number: usize) -> Result<(), Diagnostic> {
        match &step.kind {
            StepKind::Run(run) | StepKind::Cleanup(run) => self.run(run, number),
            StepKind::Copy(copy) => self.copy(copy, number),
            StepKind::Write(write) => {
                let source = self.write_source(write);
                let flags = instruction::copy_flags(None, write.chown.as_deref(), write.chmod.as_deref());
                self.out.layer(&instruction::copy(&flags, &[instruction::literal(&source)], &write.target), &[number]);
                Ok(())
            }
            StepKind::Place(place) => {
                let source = self.place_source(place);
                let flags = instruction::copy_flags(None, place.chown.as_deref(), place.chmod.as_deref());
                self.out.layer(&instruction::copy(&flags, &[instruction::literal(&source)], &place.target), &[number]);
                Ok(())
            }
            StepKind::Unpack(unpack) => {
                let source = self.unpack_source(unpack, false);
                let folder = format!("{}/", unpack.target.trim_end_matches('/'));
                self.out.layer(&instruction::add(&source, &folder), &[number]);
                Ok(())
            }
            config => {
                self.remember(config);
                let text = instruction::configuration(config, self.known_shell())?;
                self.out.configuration(&text, &[number], matches!(config, StepKind::Workdir(_)));
                Ok(())
            }
        }
    }

    /// What `shell()` set here or below; of a registry's image it is not known.
    fn known_shell(&self) -> Option<&[String]> {
        Some(&*self.shell).filter(|shell| *shell != default_shell())
    }

    fn remember(&mut self, config: &StepKind) {
        match config {
            StepKind::Shell(words) => self.shell = words.clone(),
            StepKind::User(user) => self.user = Some(user.clone()),
            StepKind::Workdir(folder) => self.workdir = Some(folder.clone()),
            _ => {}
        }
    }

    fn run(&mut self, run: &Run, number: usize) -> Result<(), Diagnostic> {
        let flags = self.run_flags(run)?;
        let parts = self.parts_of(run, self.cuts([run].into_iter()));
        let Some(user) = run.user.as_deref() else {
            self.layers(&flags, &parts, number);
            return Ok(());
        };
        // What an image of a registry ends with is not known before it is there.
        let Some(back) = self.user.as_ref().or(self.base_user.as_ref()) else {
            let error = Diagnostic::error("it is not known which user comes after this command");
            let hint = "say which one the base ends with, before this: `user(\"root\")` for most";
            return Err(error.label("no recipe below says `user(..)`").hint(hint));
        };
        let back = format!("USER {}", quote::expanded(back));
        self.out.configuration(&format!("USER {}", quote::expanded(user)), &[], false);
        self.layers(&flags, &parts, number);
        self.out.configuration(&back, &[], false);
        Ok(())
    }

    fn layers(&mut self, flags: &[String], parts: &[Part], number: usize) {
        for part in parts {
            self.out.layer_of_commands(&part.body.instruction(flags, &mut self.context), &[number], &part.commands);
        }
    }

    /// True where commands that are one layer of the released image may become several.
    fn cuts<'r>(&self, mut runs: impl Iterator<Item = &'r Run>) -> bool {
        self.input.fine && split::understands(&self.shell) && !runs.any(split::has_tmpfs)
    }

    fn parts_of(&self, run: &Run, cuts: bool) -> Vec<Part> {
        let workdir = self.workdir.as_deref();
        if cuts { split::parts(run, workdir) } else { vec![Part::of_run(run, workdir)] }
    }

    /// The flags of a `RUN`: mounts, secrets, ssh, network.
    fn run_flags(&mut self, run: &Run) -> Result<Vec<String>, Diagnostic> {
        let mut flags = Vec::new();
        for mount in &run.mounts {
            flags.push(instruction::mount(mount, &mut self.context)?);
        }
        for secret in &run.secrets {
            flags.push(format!("--mount=type=secret,id={},target={},required=true", secret.id, secret.target));
            // The builder asks for it by its id.
            if self.secrets.iter().any(|other| other.id == secret.id && other.source != secret.source) {
                let error = Diagnostic::error(format!("the secret `{}` has two sources in this recipe", secret.id));
                return Err(error.hint("give each its own id; `target` says under which name a command sees it"));
            }
            if !self.secrets.contains(secret) {
                self.secrets.push(secret.clone());
            }
        }
        if run.ssh {
            flags.push("--mount=type=ssh".to_owned());
            self.ssh = true;
        }
        // Engines before 23.0 do not know the flag: it is written only where it makes a difference.
        if let Some(network) = run.network.filter(|network| *network != self.input.network) {
            let name = match network {
                RunNetwork::Default => "default",
                RunNetwork::None => "none",
                RunNetwork::Host => "host",
            };
            flags.push(format!("--network={name}"));
        }
        Ok(flags)
    }

    fn copy(&mut self, copy: &Copy, number: usize) -> Result<(), Diagnostic> {
        let from = self.copy_from(&copy.from);
        let sources = self.copy_sources(copy)?;
        let sources: Vec<String> = sources.into_iter().map(|source| source.word).collect();
        let flags = instruction::copy_flags(from.as_deref(), copy.chown.as_deref(), copy.chmod.as_deref());
        let text = instruction::readable(instruction::copy(&flags, &sources, &copy.target))?;
        self.out.layer(&text, &[number]);
        Ok(())
    }

    /// The value of `--from`; `None` for files of the project.
    fn copy_from(&self, from: &CopySource) -> Option<String> {
        match from {
            CopySource::Project => None,
            CopySource::Stage(name) => Some(name.clone()),
            CopySource::Image(BaseRef::Scratch) => Some("scratch".to_owned()),
            CopySource::Image(BaseRef::External(image)) => Some(image.to_string()),
            CopySource::Image(BaseRef::Recipe(key)) => Some((self.input.parent)(key).internal.to_string()),
        }
    }

    fn project_sources(&mut self, copy: &Copy) -> Result<Vec<context::Placed>, Diagnostic> {
        let mut sources = Vec::new();
        for source in &copy.sources {
            match self.context.project(source, &copy.exclude)? {
                Some(placed) => sources.push(placed),
                None if copy.found.contains(source) => {}
                None => return Err(instruction::left_out(source)),
            }
        }
        if sources.is_empty() {
            let error = Diagnostic::error("all files that the pattern matches are left out by `.dockerignore`");
            return Err(error.hint("remove their pattern from `.dockerignore`, or except some with `!`"));
        }
        Ok(sources)
    }

    fn write_source(&mut self, write: &Write) -> String {
        self.context.text(&write.target, &write.text)
    }

    fn place_source(&mut self, place: &PlaceFile) -> String {
        self.context.artifact(&place.artifact, PackedAs::File { mode: 0o644 })
    }

    /// `copied`: tools of the image bring what the archive holds to its place.
    fn unpack_source(&mut self, unpack: &Unpack, copied: bool) -> String {
        let packed = PackedAs::Tar { filter: unpack.filter.clone(), chown: unpack.chown.clone(), copied };
        self.context.artifact(&unpack.artifact, packed)
    }

    /// f3s's own labels, last: a changed description costs no layer. What the recipe sets stays.
    fn added_labels(&mut self) {
        self.out.end_identity();
        // What a build stage sets stays there.
        let steps = &self.input.recipe.image.steps;
        let set_by_recipe = |name: &str| {
            steps.iter().any(|step| matches!(&step.kind, StepKind::Label(labels) if labels.contains_key(name)))
        };
        let labels: BTreeMap<&String, &String> =
            self.input.labels.iter().filter(|(name, _)| !set_by_recipe(name)).collect();
        let pairs: Vec<String> = labels
            .iter()
            .map(|(name, value)| format!("{name}={}", quote::double(&value.replace(['\n', '\r'], " "))))
            .collect();
        if !pairs.is_empty() {
            self.out.configuration(&format!("LABEL {}", pairs.join(" ")), &[], false);
        }
    }
}

/// Points an error at the step that it is about.
fn located(error: Diagnostic, step: &Step) -> Diagnostic {
    if error.origin.is_some() { error } else { error.at(step.origin.clone()) }
}
