//! Which stages a stage is made of.

use std::collections::BTreeSet;

use super::{Dockerfile, Instruction};

impl Dockerfile {
    /// The names of all stages, in their order.
    pub fn stages(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.instructions.iter().map(|instruction| instruction.stage.as_str()).collect();
        names.dedup();
        names
    }

    /// A stage with those that it rests on or takes files from: what a builder makes when it is asked for that stage.
    pub fn made_of(&self, stage: &str) -> BTreeSet<&str> {
        let all = self.stages();
        let mut found = BTreeSet::new();
        let mut left: Vec<&str> = all.iter().copied().filter(|name| *name == stage).collect();
        while let Some(stage) = left.pop() {
            if found.insert(stage) {
                let own = self.instructions.iter().filter(|instruction| instruction.stage == stage);
                left.extend(own.flat_map(Instruction::sources).filter(|name| all.contains(name)));
            }
        }
        found
    }
}

impl Instruction {
    /// What `FROM` names, and the options `from` of others: stages, or images.
    fn sources(&self) -> Vec<&str> {
        let mut words = self.text.split_whitespace().filter(|word| *word != "\\");
        if words.next() == Some("FROM") {
            return words.next().into_iter().collect();
        }
        let flags = words.take_while(|word| word.starts_with("--"));
        flags.flat_map(|flag| flag.trim_start_matches("--").split([',', '='])).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Writer;

    #[test]
    fn a_stage_is_made_of_what_it_names() {
        let mut writer = Writer::default();
        writer.from("alpine:3.13", "tools");
        writer.layer("RUN make --from=build", &[]);
        writer.from("tools", "build");
        writer.layer("RUN --network=none \\\n    --mount=type=bind,from=other,target=/x \\\n    set -eu; make", &[]);
        writer.from("scratch", "other");
        writer.from("scratch", "final");
        writer.layer("COPY --chown=0:0 --from=build a /", &[]);
        let dockerfile = writer.finish();
        assert_eq!(dockerfile.stages(), ["tools", "build", "other", "final"]);
        let made_of = |stage: &str| dockerfile.made_of(stage).into_iter().collect::<Vec<_>>();
        assert_eq!(made_of("tools"), ["tools"]);
        assert_eq!(made_of("build"), ["build", "other", "tools"]);
        assert_eq!(made_of("final"), ["build", "final", "other", "tools"]);
    }
}
