//! Parameters, and the variants that axes make.

use f3s::config::Config;
use f3s::plan::Plan;
use f3s::script::{Request, Setting};
use f3s::world::Memory;

use crate::project::plan;

const JDK: &str = r#"
let alpine = param("alpine", each(["3.12", "3.13"]), "Alpine's release");
let jdk = param("jdk", each(["8", "11"]), "JDK");
base("alpine:" + alpine);
tag("alpine" + alpine + "-jdk" + jdk);
env("JDK", jdk);
"#;

fn names(plan: &Plan) -> Vec<String> {
    plan.images.iter().map(|image| image.name.clone()).collect()
}

fn set(recipe: Option<&str>, name: &str, value: &str) -> Request {
    let setting = Setting { recipe: recipe.map(str::to_owned), name: name.to_owned(), value: value.to_owned() };
    Request { recipes: vec![], set: vec![setting] }
}

#[test]
fn two_releases_times_two_jdks_are_four_images() {
    let world = || Memory::new().file("scripts/java.rhai", JDK);
    let all = plan(world(), &Config::default(), &Request::default()).unwrap();
    let expected =
        ["java[alpine=3.12,jdk=11]", "java[alpine=3.12,jdk=8]", "java[alpine=3.13,jdk=11]", "java[alpine=3.13,jdk=8]"];
    let mut found = names(&all);
    found.sort();
    assert_eq!(found, expected);
    let references: Vec<String> = all.images.iter().map(|image| image.references[0].to_string()).collect();
    assert!(references.contains(&"java:alpine3.12-jdk11".to_owned()), "{references:?}");

    let narrowed = plan(world(), &Config::default(), &set(None, "jdk", "11")).unwrap();
    assert_eq!(narrowed.images.len(), 2);
    let wrong = plan(world(), &Config::default(), &set(None, "jdk", "12")).unwrap_err();
    assert!(wrong.to_string().contains("`12` is no value of parameter `jdk`"), "{wrong}");
}

#[test]
fn a_variant_is_chosen_by_the_edge() {
    let app = r#"base("java", #{ alpine: "3.13", jdk: "11" });"#;
    let world = Memory::new().file("scripts/java.rhai", JDK).file("scripts/app.rhai", app);
    let request = Request { recipes: vec!["app".to_owned()], set: vec![] };
    let chosen = plan(world, &Config::default(), &request).unwrap();
    assert_eq!(names(&chosen), ["java[alpine=3.13,jdk=11]", "app"]);

    let open = Memory::new().file("scripts/java.rhai", JDK).file("scripts/app.rhai", r#"base("java");"#);
    let error = plan(open, &Config::default(), &request).unwrap_err();
    assert!(error.to_string().contains("has several variants"), "{error}");
}

#[test]
fn the_same_inputs_give_the_same_bytes() {
    let bytes = || {
        let plan = plan(Memory::new().file("scripts/java.rhai", JDK), &Config::default(), &Request::default()).unwrap();
        serde_json::to_string(&plan).unwrap()
    };
    assert_eq!(bytes(), bytes());
}

#[test]
fn a_handle_on_an_image_binds_parameters_too() {
    let app = r#"
base("scratch");
copy("/a", "/a", #{ from: image("java", #{ alpine: "3.12", jdk: "8" }) });
copy("/b", "/b", #{ from: image("java", #{ alpine: "3.13", jdk: "8" }) });
"#;
    let world = Memory::new().file("scripts/java.rhai", JDK).file("scripts/app.rhai", app);
    let request = Request { recipes: vec!["app".to_owned()], set: vec![] };
    let plan = plan(world, &Config::default(), &request).unwrap();
    let mut found = names(&plan);
    found.sort();
    assert_eq!(found, ["app", "java[alpine=3.12,jdk=8]", "java[alpine=3.13,jdk=8]"]);
    let app = plan.images.last().unwrap();
    for parent in &plan.images[..2] {
        assert!(app.dockerfile.text.contains(&format!("COPY --from={}", parent.internal)), "{}", app.dockerfile.text);
    }
}

#[test]
fn modules_of_the_project_are_imported_relative_to_their_importer() {
    let world = Memory::new()
        .file("scripts/a.rhai", "import \"lib/tools\" as tools;\nbase(\"alpine:3.13\");\ntools::greet(\"x\");\n")
        .file(
            "scripts/lib/tools.rhai",
            "import \"deep/words\" as words;\nfn greet(name) { run(words::hello() + name); }\n",
        )
        .file("scripts/lib/deep/words.rhai", "fn hello() { \"echo hello \" }\n");
    let plan = plan(world, &Config::default(), &Request::default()).unwrap();
    assert!(
        plan.images[0].dockerfile.text.contains("RUN set -eu; echo hello x\n"),
        "{}",
        plan.images[0].dockerfile.text
    );
    assert_eq!(plan.images[0].steps[0].origin.place.to_string(), "scripts/lib/tools.rhai:2:18");
}

/// The fingerprint of one recipe.
fn fingerprint(script: &str) -> String {
    crate::project::plan_script(script).unwrap().images[0].fingerprint.to_string()
}

#[test]
fn comments_tags_checks_and_white_space_change_no_fingerprint() {
    let plain = fingerprint("base(\"alpine:3.13\");\nrun(\"echo a\");");
    assert_eq!(
        plain,
        fingerprint("// why\nbase( \"alpine:3.13\" );\n\nrun(\"echo a\");\ncheck(\"true\");\ntag(\"x\");\npush();")
    );
    assert_ne!(plain, fingerprint("base(\"alpine:3.13\");\nrun(\"echo b\");"));
    assert_ne!(plain, fingerprint("base(\"alpine:3.12\");\nrun(\"echo a\");"));
}
