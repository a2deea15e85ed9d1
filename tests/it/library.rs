//! Functions of the library where examples do not lead: together, in places of their own.

use crate::project::plan_script;

/// The Dockerfile of these steps on Alpine.
fn lowered(steps: &str) -> String {
    let plan = plan_script(&format!("base(\"alpine:3.13\");\n{steps}")).unwrap_or_else(|error| panic!("{error}"));
    plan.images[0].dockerfile.text.clone()
}

#[test]
fn layers_inside_a_layer_join_it() {
    let text = lowered(
        "layer(\"java\", || {\n    glibc(\"2.33-r0\");\n    kona_jdk();\n    layer(\"own\", || run(\"echo a\"));\n    \
         skywalking_agent(\"8.5.0\", \"/agent\");\n    run(\"echo b\");\n});\ntrim_jdk(\"/opt/jdk\");\n",
    );
    let runs: Vec<&str> = text.split("\nRUN ").skip(1).collect();
    let [run] = runs[..] else { panic!("not one layer:\n{text}") };
    let parts = ["apk add --no-cache", "ln -nfs", "(echo a)", "mv /agent.new/agent /agent", "(echo b)", "cd /opt/jdk"];
    let places: Vec<Option<usize>> = parts.iter().map(|part| run.find(part)).collect();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?} in\n{text}");
    assert!(!text.contains("\nADD ") && !text.contains("\nCOPY "), "{text}");
}

#[test]
fn what_follows_a_layer_with_inner_ones_is_a_layer_of_its_own() {
    let text = lowered("layer(\"a\", || {\n    layer(\"b\", || run(\"echo b\"));\n});\nrun(\"echo c\");\n");
    assert_eq!(text.matches("\nRUN ").count(), 2, "{text}");
}
