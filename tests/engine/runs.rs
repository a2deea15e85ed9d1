//! Several images, and several runs, at the same time.

use crate::lab::{Project, is_missing};

fn events(out: &str) -> Vec<serde_json::Value> {
    out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn independent_images_build_at_the_same_time_and_jobs_limits_them() {
    if is_missing("alpine:3.13") {
        return;
    }
    let project = Project::new();
    for name in ["a", "b"] {
        project.recipe(name, &format!("base(\"alpine:3.13\");\nrun(\"echo {name}; sleep 2\");\n"));
    }
    let order = |words: &[&str]| -> Vec<String> {
        let ran = project.f3s(words).ok();
        let names = events(&ran.out).into_iter().map(|event| event["event"].as_str().unwrap().to_owned());
        names.filter(|name| name == "image_started" || name == "image_built").collect()
    };
    let together = order(&["build", "--progress", "json", "-j", "2"]);
    assert_eq!(together, ["image_started", "image_started", "image_built", "image_built"]);
    let alone = order(&["build", "--progress", "json", "-j", "1", "--force"]);
    assert_eq!(alone, ["image_started", "image_built", "image_started", "image_built"]);
}

#[test]
fn four_runs_on_two_versions_of_a_family_never_mix() {
    if is_missing("alpine:3.13") {
        return;
    }
    // Two checkouts of one project: the same names, other contents.
    let first = Project::new();
    let mut second = Project::new();
    second.share_user(&first);
    let write = |project: &Project, word: &str| {
        let base = first.image("base");
        let app = first.image("app");
        project.file(
            &format!("scripts/{base}.rhai"),
            &format!("base(\"alpine:3.13\");\nrun(\"sleep 1; echo {word} >/base\");\n"),
        );
        project.file(&format!("scripts/{app}.rhai"), &format!("base(\"{base}\");\nrun(\"echo {word} >/app; cmp /app /base\");\ncheck(\"cat /base\", #{{ stdout: \"{word}\" }});\n"));
    };
    write(&first, "one");
    write(&second, "two");
    // Two of each at once.
    let children = [&first, &second, &first, &second].map(|project| (project, project.start(&["run"])));
    for (project, child) in children {
        let ran = project.wait(child).ok();
        assert!(ran.summary().starts_with("built"), "{}", ran.err);
    }
    // Whoever came last has the tags; the other's images are there all the same.
    let ran = first.f3s(&["run"]).ok();
    assert!(!ran.summary().contains("built"), "{}", ran.err);
    assert_eq!(first.sh("app", "cat /base"), "one");
}

#[test]
fn the_same_run_twice_at_once_is_one_image() {
    if is_missing("alpine:3.13") {
        return;
    }
    let project = Project::new();
    project
        .recipe("a", "base(\"alpine:3.13\");\nrun(\"sleep 1; echo a >/a\");\ncheck(\"cat /a\", #{ stdout: \"a\" });\n");
    let children = [project.start(&["run"]), project.start(&["run"])];
    for child in children {
        project.wait(child).ok();
    }
    assert_eq!(project.f3s(&["run"]).ok().summary(), "up to date 1");
}
