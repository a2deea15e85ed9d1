//! How files reach a layer of several steps: a stage of its own holds what the step's instruction makes of an empty image,
//! and a script, which is mounted beside it, puts that into the image's tree as the instruction would. So the engine
//! itself says what owners, modes and times files have and what patterns match.

use super::context::Placed;
use super::{Lowerer, instruction};
use crate::diagnostic::Diagnostic;
use crate::recipe::{Copy, CopySource, Step, StepKind};
use crate::shell;

/// The script.
const SCRIPT: &str = include_str!("put.sh");

/// Where a command finds the script and the stages. `/dev` is a file system of its own while a command runs, so that no
/// trace of the mounts stays in the layer.
const MOUNTED: &str = "/dev/f3s";

/// What a step of a layer needs to bring its files.
pub struct Put {
    /// The flags that mount them.
    pub mounts: Vec<String>,
    pub command: String,
}

/// What an instruction copies.
pub struct Source {
    /// Its word in the instruction.
    pub word: String,
    /// What it is called in a folder; `None` for a pattern, and for a name that would need quotes.
    name: Option<String>,
}

impl Source {
    /// `path`: what the word means, where that is one path.
    fn new(word: String, path: Option<&str>) -> Source {
        let name = path.and_then(|path| path.trim_end_matches('/').rsplit('/').next());
        let is_plain = |name: &&str| name.chars().all(|c| c.is_ascii_alphanumeric() || "._+-@%".contains(c));
        let name = name.filter(is_plain).filter(|name| !matches!(*name, "" | "." | "..")).map(str::to_owned);
        Source { word, name }
    }
}

/// An instruction of the plain form, in parts.
struct Instruction<'a> {
    from: Option<String>,
    sources: Vec<Source>,
    target: &'a str,
    chown: Option<&'a str>,
    chmod: Option<&'a str>,
    /// `ADD` of an archive.
    unpacks: bool,
}

impl<'a> Instruction<'a> {
    /// Of one file that f3s itself puts into the context.
    fn of_context(source: &str, target: &'a str, chown: Option<&'a str>, chmod: Option<&'a str>) -> Instruction<'a> {
        let sources = vec![Source::new(instruction::literal(source), Some(source))];
        Instruction { from: None, sources, target, chown, chmod, unpacks: false }
    }

    /// Files of the project have none, and archives with some are refused.
    fn may_bring_capabilities(&self) -> bool {
        self.from.is_some()
    }
}

impl Lowerer<'_> {
    /// `number`: the step's. Errors: files that are not there, a user who is not root.
    pub(super) fn put(&mut self, step: &Step, number: usize) -> Result<Put, Diagnostic> {
        self.refuse_other_users()?;
        let instruction = self.instruction(step)?;
        self.puts += 1;
        let (count, stage) = (self.puts, self.stage_of_files());
        let (owner, chown) = match instruction.chown {
            // Names are looked up in the image as it is when the step runs.
            Some(owner) if !is_numeric(owner) => (Some(owner), None),
            chown => (None, chown),
        };
        let flags = instruction::copy_flags(instruction.from.as_deref(), chown, instruction.chmod);
        let words: Vec<String> = instruction.sources.iter().map(|source| source.word.clone()).collect();
        let to = |target: &str| {
            let copied = instruction::copy(&flags, &words, target);
            if instruction.unpacks { copied.replacen("COPY", "ADD", 1) } else { copied }
        };
        let target = instruction.target;
        let is_folder = instruction.unpacks || words.len() > 1 || target.ends_with('/') || target == ".";
        let name = instruction.sources.iter().find_map(|source| source.name.as_deref());
        let instructions = match name {
            _ if is_folder => vec![to("/made/files/")],
            Some(name) => vec![to(&format!("/made/{name}"))],
            None => vec![to("/made/files"), to("/all/")],
        };
        self.out.stage_before("scratch", &stage, &instructions, number);

        let script = self.context.own_text("put", SCRIPT);
        let mut mounts = vec![
            format!("--mount=type=bind,source={script},target={MOUNTED}/put"),
            // Of an archive's folders the script changes some before it copies them, which nobody sees.
            format!(
                "--mount=type=bind,from={stage},target={MOUNTED}/{count}{}",
                if instruction.unpacks { ",rw" } else { "" }
            ),
        ];
        if instruction.may_bring_capabilities() {
            let list = self.context.capabilities(&stage);
            mounts.push(format!("--mount=type=bind,source={list},target={MOUNTED}/{count}.capabilities"));
        }
        let mut command = format!("/bin/sh {MOUNTED}/put ");
        if instruction.unpacks {
            command.push_str("--replace ");
        }
        if let Some(owner) = owner {
            command.push_str(&format!("--owner {} ", shell::quote(owner)));
        }
        let target = self.absolute(target);
        command.push_str(&format!("{count} {}", shell::quote(&target)));
        Ok(Put { mounts, command })
    }

    fn instruction<'s>(&mut self, step: &'s Step) -> Result<Instruction<'s>, Diagnostic> {
        Ok(match &step.kind {
            StepKind::Write(write) => {
                let source = self.write_source(write);
                Instruction::of_context(&source, &write.target, write.chown.as_deref(), write.chmod.as_deref())
            }
            StepKind::Place(place) => {
                let source = self.place_source(place);
                Instruction::of_context(&source, &place.target, place.chown.as_deref(), place.chmod.as_deref())
            }
            StepKind::Unpack(unpack) => {
                let source = self.unpack_source(unpack, true);
                Instruction { unpacks: true, ..Instruction::of_context(&source, &unpack.target, None, None) }
            }
            StepKind::Copy(copy) => Instruction {
                from: self.copy_from(&copy.from),
                sources: self.copy_sources(copy)?,
                target: &copy.target,
                chown: copy.chown.as_deref(),
                chmod: copy.chmod.as_deref(),
                unpacks: false,
            },
            other => unreachable!("{other:?} brings no files"),
        })
    }

    pub(super) fn copy_sources(&mut self, copy: &Copy) -> Result<Vec<Source>, Diagnostic> {
        match &copy.from {
            CopySource::Project => {
                let placed = self.project_sources(copy)?;
                let source = |placed: &Placed| Source::new(instruction::placed(placed), Some(&placed.path));
                Ok(placed.iter().map(source).collect())
            }
            CopySource::Stage(_) | CopySource::Image(_) => {
                let is_pattern = |path: &str| path.contains(['*', '?', '[', '\\']);
                let source = |path: &String| {
                    Source::new(instruction::pattern(path), Some(path.as_str()).filter(|path| !is_pattern(path)))
                };
                Ok(copy.sources.iter().map(source).collect())
            }
        }
    }

    fn refuse_other_users(&self) -> Result<(), Diagnostic> {
        let Some(user) = self.user.as_ref().or(self.base_user.as_ref()) else { return Ok(()) };
        if matches!(user.split(':').next(), Some("root" | "0")) {
            return Ok(());
        }
        let error = Diagnostic::error(format!("only root can bring files into a layer of several steps, not `{user}`"));
        Err(error.hint("call `user` behind the layer, or give this step a layer of its own"))
    }

    /// A name that no stage of the recipe has.
    fn stage_of_files(&self) -> String {
        let mut name = format!("{}.{}", self.out.stage(), self.puts);
        while self.input.recipe.stages.iter().any(|stage| stage.name == name) {
            name.push('.');
        }
        name
    }

    /// The target as the engine cleans it, without following links. A folder of the base is known only in the image.
    fn absolute(&self, target: &str) -> String {
        let joined = match self.workdir.as_deref().filter(|workdir| workdir.starts_with('/')) {
            _ if target.starts_with('/') => target.to_owned(),
            Some(workdir) => format!("{workdir}/{target}"),
            None => return target.to_owned(),
        };
        let mut parts: Vec<&str> = Vec::new();
        for part in joined.split('/') {
            match part {
                "" | "." => {}
                ".." => _ = parts.pop(),
                part => parts.push(part),
            }
        }
        let is_folder = joined.ends_with('/') && !parts.is_empty();
        format!("/{}{}", parts.join("/"), if is_folder { "/" } else { "" })
    }
}

fn is_numeric(owner: &str) -> bool {
    owner.split(':').all(|id| !id.is_empty() && id.bytes().all(|digit| digit.is_ascii_digit()))
}
