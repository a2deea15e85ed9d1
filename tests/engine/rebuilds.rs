//! Only what changed is rebuilt, and what rests on it.

use crate::door::Door;
use crate::lab::{Project, is_missing, requests, variable};

/// ops <- java <- app, ops <- other; java unpacks an artifact.
fn family() -> Project {
    let project = Project::new();
    let url = variable("F3S_LAB_UPSTREAM");
    let key = &project.prefix;
    project.recipe("ops", "base(\"alpine:3.13\");\nrun(\"echo ops >/ops\");\n");
    // The query makes it an artifact of this project only.
    let agent = format!("{url}/archive.apache.org/dist/skywalking/8.5.0/apache-skywalking-apm-8.5.0.tar.gz?{key}");
    project
        .recipe("java", &format!("base(\"@ops\");\nunpack(download(\"{agent}\"), \"/opt/agent\", #{{ strip: 1 }});\n"));
    project.recipe("app", "base(\"@java\");\nrun(\"echo app >/app\");\ncheck(\"cat /app\", #{ stdout: \"app\" });\n");
    project.recipe("other", "base(\"@ops\");\nrun(\"echo other >/other\");\n");
    project
}

fn ids(project: &Project) -> Vec<String> {
    ["ops", "java", "app", "other"].map(|name| project.id(name)).to_vec()
}

#[test]
fn nothing_changed_means_nothing_done() {
    if is_missing("alpine:3.13") {
        return;
    }
    let project = family();
    assert_eq!(project.f3s(&["run"]).ok().summary(), "built 4");
    let before = ids(&project);
    assert_eq!(project.f3s(&["run"]).ok().summary(), "up to date 4");
    assert_eq!(project.f3s(&["plan"]).ok().out.lines().last(), Some("4 up to date"));

    project.recipe(
        "app",
        "//! A header.\n// Why.\nbase( \"@java\" );\n\nrun(\"echo app >/app\");\ncheck(\"cat /app\", #{ stdout: \"app\" });\n",
    );
    assert_eq!(project.f3s(&["run"]).ok().summary(), "up to date 4");
    assert_eq!(ids(&project), before);
}

#[test]
fn a_changed_leaf_rebuilds_the_leaf_and_a_changed_base_all_that_rests_on_it() {
    if is_missing("alpine:3.13") {
        return;
    }
    let project = family();
    project.f3s(&["run"]).ok();
    let before = ids(&project);
    let key = project.prefix.clone();
    assert_eq!(requests(&key), 1);

    project.recipe("app", "base(\"@java\");\nrun(\"echo changed >/app\");\n");
    let ran = project.f3s(&["run"]).ok();
    assert_eq!(ran.summary(), "built 1, up to date 3");
    let after = ids(&project);
    assert_eq!((&after[..2], &after[3]), (&before[..2], &before[3]));
    assert_ne!(after[2], before[2]);

    project.recipe("ops", "base(\"alpine:3.13\");\nrun(\"echo new >/ops\");\n");
    assert_eq!(project.f3s(&["run"]).ok().summary(), "built 4");
    assert_eq!(project.sh("app", "cat /ops /app"), "new\nchanged");
    // The rebuilt parent downloaded nothing again.
    assert_eq!(requests(&key), 1);

    project.recipe("ops", "base(\"alpine:3.13\");\nrun(\"echo ops >/ops\");\n");
    // The first version is still there.
    assert_eq!(project.f3s(&["run", &project.image("java")]).ok().summary(), "tagged 2");
}

#[test]
fn an_unchanged_run_asks_the_engine_the_same_few_questions_however_large_the_family() {
    if is_missing("alpine:3.13") {
        return;
    }
    let mut project = Project::new();
    let door = Door::open(&project, &[]);
    let mut counts = Vec::new();
    for size in [2, 12] {
        for number in 0..size {
            project.recipe(&format!("n{number}"), &format!("base(\"alpine:3.13\");\nenv(\"N\", \"{number}\");\n"));
        }
        project.f3s(&["run"]).ok();
        project.set("DOCKER_HOST", &door.host);
        let before = door.requests();
        assert_eq!(project.f3s(&["run"]).ok().summary(), format!("up to date {size}"));
        counts.push(door.requests() - before);
    }
    assert_eq!(counts[0], counts[1]);
    assert!(counts[0] <= 3, "{counts:?}");
}

#[test]
fn force_rebuilds_what_was_asked_for_and_removed_tags_come_back() {
    if is_missing("alpine:3.13") {
        return;
    }
    let project = family();
    let other = project.image("other");
    project.f3s(&["build", &other]).ok();
    assert_eq!(project.f3s(&["build", "--force", &other]).ok().summary(), "built 1, up to date 1");
    crate::lab::docker(&["rmi", &format!("{other}:latest")]);
    assert_eq!(project.f3s(&["build", &other]).ok().summary(), "tagged 1, up to date 1");
    assert_eq!(project.sh("other", "cat /other"), "other");
}

#[test]
fn what_is_forced_runs_once_also_in_stages_that_are_looked_into() {
    if is_missing("alpine:3.13") {
        return;
    }
    let project = Project::new();
    let stage = |name: &str, base: &str| {
        let random = "head -c 9 /dev/urandom | od -A n -t x1";
        format!("let {name} = stage(\"{name}\", || {{ base({base}); run(\"{random} >>/{name}; cat /{name}\"); }});\n")
    };
    let copy = |name: &str| format!("copy(\"/{name}\", \"/{name}\", #{{ from: {name} }}); ");
    let (one, two, three) =
        (stage("one", "\"alpine:3.13\""), stage("two", "\"alpine:3.13\""), stage("three", "\"alpine:3.13\""));
    let layer = format!("layer(\"l\", || {{ {}{}run(\"cat /one /two\"); }});\n", copy("one"), copy("two"));
    let script = format!("{one}{two}{three}base(\"alpine:3.13\");\n{layer}{}\n", copy("three"));
    project.recipe("a", &script);
    project.f3s(&["build"]).ok();
    let before = project.sh("a", "cat /one /two /three");
    let ran = project.f3s(&["build", "--force"]).ok();
    let after = project.sh("a", "cat /one /two /three");
    let all: std::collections::BTreeSet<&str> = before.lines().chain(after.lines()).collect();
    assert_eq!(all.len(), 6, "{before}\n{after}");
    // What a step that ran twice said would be told twice.
    for (line, told) in after.lines().zip([2, 2, 1]) {
        assert_eq!(ran.err.matches(line.trim()).count(), told, "{line}\n{}", ran.err);
    }
    assert_eq!(ran.err.lines().filter(|line| line.contains("  |  ")).count(), 5, "{}", ran.err);
}

#[test]
fn a_changed_file_of_the_same_size_and_time_is_seen() {
    if is_missing("alpine:3.13") {
        return;
    }
    let project = Project::new();
    project.recipe("a", "base(\"alpine:3.13\");\ncopy(\"data\", \"/data\");\n");
    let time = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_500_000_000);
    for content in ["one", "two"] {
        project.file("scripts/data", content);
        let file = std::fs::File::options().write(true).open(project.path().join("scripts/data")).unwrap();
        file.set_modified(time).unwrap();
        assert_eq!(project.f3s(&["build"]).ok().summary(), "built 1");
        assert_eq!(project.sh("a", "cat /data"), content);
    }
}

#[test]
fn prune_removes_what_no_recipe_makes_any_more() {
    if is_missing("alpine:3.13") {
        return;
    }
    let (mut project, other) = (Project::new(), Project::new());
    project.share_user(&other);
    let makes = |project: &Project, word: &str| {
        let file = format!("scripts/{}-shared.rhai", other.prefix);
        project.file(&file, &format!("base(\"alpine:3.13\");\nrun(\"echo {word} >/a\");\n"));
        project.f3s(&["build"]).ok().summary()
    };
    let pruned = |project: &Project| project.f3s(&["prune"]).ok().out.lines().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(makes(&project, "one"), "built 1");
    assert_eq!(makes(&project, "two"), "built 1");
    // An image, and the marks that it is built by this user, of this project.
    let would = project.f3s(&["prune", "--dry-run"]).ok().out;
    assert_eq!(would.lines().count(), 3, "{would}");
    assert_eq!(pruned(&project), would.lines().collect::<Vec<_>>());
    assert_eq!(pruned(&project), [] as [&str; 0]);
    // What another project makes, too, stays: only the marker goes.
    assert_eq!(makes(&project, "three"), "built 1");
    assert_eq!(makes(&other, "three"), "tagged 1");
    assert_eq!(makes(&project, "four"), "built 1");
    let gone = pruned(&project);
    assert_eq!((gone.len(), gone.iter().filter(|name| name.starts_with("of.")).count()), (3 + 1, 2), "{gone:?}");
    assert_eq!(makes(&other, "three"), "tagged 1");
    assert_eq!(makes(&other, "three"), "up to date 1");
    // Once nobody makes it any more, it goes as a whole.
    assert_eq!(makes(&other, "five"), "built 1");
    assert_eq!(pruned(&other).len(), 3);
}
