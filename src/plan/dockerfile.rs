//! The lowered Dockerfile of an image, and which step each of its instructions comes from.

use serde::Serialize;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Dockerfile {
    /// What the builder gets: no comments, no `# syntax=` line, only what Docker 20.10 has built in.
    pub text: String,
    /// In the order of `text`.
    pub instructions: Vec<Instruction>,
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
    /// The number that BuildKit's progress gives it within its stage (`[final 3/6]`), counting from 1 with `FROM`;
    /// `None` for an instruction that only sets configuration.
    pub number: Option<u32>,
    /// Indices into `PlannedImage::steps` of the steps it does; empty for `FROM` and for labels f3s adds.
    pub steps: Vec<usize>,
}
