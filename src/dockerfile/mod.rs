//! The lowered Dockerfile of an image, and which step each of its instructions comes from.

pub mod quote;
mod stages;

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
    /// It only brings the builder what another instruction puts into the image.
    pub prepares: bool,
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
    instructions: Vec<Instruction>,
    /// Where among them the stage begins.
    start: usize,
    stage: String,
    number: u32,
    /// How many of them are part of the image's identity.
    identity: usize,
}

impl Writer {
    pub fn from(&mut self, image: &str, stage: &str) {
        self.start = self.instructions.len();
        self.stage = stage.to_owned();
        // `scratch` is nothing to load and so has no number.
        self.number = u32::from(image != "scratch");
        let number = (self.number > 0).then_some(self.number);
        self.write(format!("FROM {image} AS {stage}"), number, &[], &[]);
    }

    pub fn stage(&self) -> &str {
        &self.stage
    }

    /// True while the stage holds no file.
    pub fn is_empty_stage(&self) -> bool {
        self.number == 0
    }

    /// A stage in front of the current one, which takes files from it for this step.
    pub fn stage_before(&mut self, image: &str, stage: &str, layers: &[String], step: usize) {
        let instruction = |text: String, number: Option<u32>, steps: Vec<usize>| Instruction {
            text,
            line: 0,
            stage: stage.to_owned(),
            number,
            steps,
            commands: Vec::new(),
            prepares: true,
        };
        let from = instruction(format!("FROM {image} AS {stage}"), None, Vec::new());
        let layers = layers.iter().zip(1..).map(|(text, number)| instruction(text.clone(), Some(number), vec![step]));
        let all: Vec<Instruction> = [from].into_iter().chain(layers).collect();
        let count = all.len();
        self.instructions.splice(self.start..self.start, all);
        self.start += count;
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
        self.identity = self.instructions.len();
    }

    fn write(&mut self, text: String, number: Option<u32>, steps: &[usize], commands: &[String]) {
        let (stage, steps, commands) = (self.stage.clone(), steps.to_vec(), commands.to_vec());
        let instruction = Instruction { text, line: 0, stage, number, steps, commands, prepares: false };
        self.instructions.push(instruction);
    }

    pub fn finish(self) -> Dockerfile {
        let mut dockerfile = Dockerfile { instructions: self.instructions, ..Dockerfile::default() };
        let mut line = 1;
        for (index, instruction) in dockerfile.instructions.iter_mut().enumerate() {
            if index == self.identity {
                dockerfile.identity = dockerfile.text.len();
            }
            instruction.line = line;
            line += instruction.text.lines().count() as u32;
            dockerfile.text.push_str(&instruction.text);
            dockerfile.text.push('\n');
        }
        if self.identity == dockerfile.instructions.len() {
            dockerfile.identity = dockerfile.text.len();
        }
        dockerfile
    }
}
