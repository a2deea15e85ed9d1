//! Which steps share a layer: a `layer()` block, and cleanups with the layer before them.

use crate::diagnostic::Diagnostic;
use crate::recipe::{Step, StepKind};

/// What becomes one instruction, or one layer of several steps.
#[derive(Debug, PartialEq)]
pub enum Block {
    One(usize),
    Group(Vec<usize>),
}

/// Splits a stage's steps into layers. Errors: a cleanup with nothing before it.
pub fn of(steps: &[Step]) -> Result<Vec<Block>, Diagnostic> {
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
        let of = |steps: &[Step]| super::of(steps).unwrap();
        use Block::{Group, One};
        assert_eq!(of(&[step(run(), None), step(cleanup(), None)]), [Group(vec![0, 1])]);
        assert_eq!(of(&[step(run(), None), step(user(), None), step(cleanup(), None)]), [Group(vec![0, 1, 2])]);
        let layered = [step(user(), Some(1)), step(run(), Some(1)), step(user(), Some(1)), step(run(), Some(2))];
        assert_eq!(of(&layered), [One(0), One(1), One(2), One(3)]);
        assert_eq!(of(&[step(run(), Some(1)), step(run(), Some(1)), step(cleanup(), None)]), [Group(vec![0, 1, 2])]);
        assert!(super::of(&[step(user(), None), step(cleanup(), None)]).is_err());
    }
}
