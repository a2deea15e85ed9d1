//! The lowered Dockerfile of an image, and which step each of its instructions comes from.

use serde::Serialize;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Dockerfile {
    /// What the builder gets: no comments, no `# syntax=` line, only what Docker 20.10 has built in.
    pub text: String,
    /// In the order of `text`.
    pub instructions: Vec<Instruction>,
    /// How many bytes of `text`, from its start, are part of the image's identity: not the labels that f3s adds, which
    /// would make a changed comment rebuild a family.
    pub identity: usize,
}

impl Dockerfile {
    pub fn identity_text(&self) -> &str {
        &self.text[..self.identity]
    }
}

/// One instruction, wherever it came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Instruction {
    /// The instruction as it stands in `text`, continuation lines included, without the final newline.
    pub text: String,
    /// The first of its lines in `text`, counting from 1.
    pub line: u32,
    /// The name that BuildKit's progress gives its stage: the stage's name, `final` for the image's own stage.
    pub stage: String,
    /// The number that BuildKit's progress gives it within its stage (`[final 3/6]`), counting from 1; `None` for an
    /// instruction that only sets configuration.
    pub number: Option<u32>,
    /// Indices into `PlannedImage::steps` of the steps it does; empty for `FROM` and for what f3s adds.
    pub steps: Vec<usize>,
    /// Those commands of the first step that it runs, where others of that step are layers of their own; else empty.
    pub commands: Vec<String>,
}

impl Instruction {
    /// Those commands of a step that it runs; empty where they are all of them.
    pub fn commands_of(&self, step: usize) -> &[String] {
        if self.steps.first() == Some(&step) { &self.commands } else { &[] }
    }
}

/// Writes instructions and keeps count as BuildKit's frontend does (moby/buildkit,
/// `frontend/dockerfile/dockerfile2llb/convert.go`, `prefixCommand`).
#[derive(Default)]
pub struct Writer {
    dockerfile: Dockerfile,
    stage: String,
    number: u32,
    line: u32,
}

impl Writer {
    pub fn from(&mut self, image: &str, stage: &str) {
        self.stage = stage.to_owned();
        // `scratch` is nothing to load and so has no number.
        self.number = u32::from(image != "scratch");
        let number = (self.number > 0).then_some(self.number);
        self.write(format!("FROM {image} AS {stage}"), number, &[], &[]);
    }

    /// An instruction that makes a layer.
    pub fn layer(&mut self, text: &str, steps: &[usize]) {
        self.layer_of_commands(text, steps, &[]);
    }

    /// A layer that runs only these commands of its first step; all of them, if there are none.
    pub fn layer_of_commands(&mut self, text: &str, steps: &[usize], commands: &[String]) {
        self.number += 1;
        self.write(text.to_owned(), Some(self.number), steps, commands);
    }

    /// An instruction that sets configuration; `counted` for `WORKDIR`, which also makes the folder.
    pub fn configuration(&mut self, text: &str, steps: &[usize], counted: bool) {
        self.number += u32::from(counted);
        self.write(text.to_owned(), counted.then_some(self.number), steps, &[]);
    }

    /// What follows is no part of the image's identity.
    pub fn end_identity(&mut self) {
        self.dockerfile.identity = self.dockerfile.text.len();
    }

    fn write(&mut self, text: String, number: Option<u32>, steps: &[usize], commands: &[String]) {
        let line = self.line + 1;
        self.line += text.lines().count() as u32;
        self.dockerfile.text.push_str(&text);
        self.dockerfile.text.push('\n');
        let stage = self.stage.clone();
        let (steps, commands) = (steps.to_vec(), commands.to_vec());
        self.dockerfile.instructions.push(Instruction { text, line, stage, number, steps, commands });
    }

    pub fn finish(self) -> Dockerfile {
        self.dockerfile
    }
}
