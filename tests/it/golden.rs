//! One golden Dockerfile for every shipped recipe. `SNAPSHOTS=overwrite` writes them anew.

use std::path::Path;
use std::sync::Arc;

use f3s::config::Config;
use f3s::diagnostic::Sources;
use f3s::pipeline;
use f3s::plan::{PlanOptions, Present};
use f3s::script::{Evaluations, Request};
use f3s::world::{Disk, World};
use snapbox::{Data, assert_data_eq};

/// Labels differ between clones: the source is where the clone came from.
fn without_source(text: &str) -> String {
    let mut parts = text.split(" org.opencontainers.image.source=\"");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |all, part| all + part.split_once('"').map_or("", |(_, rest)| rest))
}

#[test]
fn the_ten_recipes_lower_to_their_golden_dockerfiles() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let world: Arc<dyn World> = Arc::new(Disk::new(root, None).unwrap());
    let config = Config { registry: Some("registry.example.com/team".parse().unwrap()), ..Config::default() };
    let graph =
        pipeline::load(&world, &config, &Request::default(), &mut Sources::default(), &Evaluations::default()).unwrap();
    let plan = pipeline::plan(&graph, &Present::default(), &*world, &config, &PlanOptions::default()).unwrap();
    assert_eq!(plan.images.len(), 10);
    let mut text = String::new();
    for image in &plan.images {
        // Fingerprints of parents follow from their Dockerfiles: names are enough here.
        let mut dockerfile = without_source(&image.dockerfile.text);
        for parent in &plan.images {
            dockerfile =
                dockerfile.replace(&parent.internal.to_string(), &format!("f3s.invalid/{}:FINGERPRINT", parent.name));
        }
        text.push_str(&format!("# {}: {}\n{dockerfile}\n", image.name, image.references[0]));
    }
    assert_data_eq!(text, Data::read_from(&root.join("tests/golden/ten.dockerfile"), None).raw());
}

#[test]
fn the_recipes_are_well_under_half_of_the_dockerfiles() {
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts");
    let recipes = std::fs::read_dir(scripts).unwrap().map(|entry| entry.unwrap().path());
    let recipes = recipes.filter(|path| path.extension().is_some_and(|extension| extension == "rhai"));
    let text: String = recipes.map(|path| std::fs::read_to_string(path).unwrap()).collect();
    let lines = text.lines().filter(|line| !line.trim().is_empty()).count();
    // The ten Dockerfiles that they took the place of had 297 lines that were not empty.
    assert!(lines * 100 < 297 * 45, "{lines} lines");
}
