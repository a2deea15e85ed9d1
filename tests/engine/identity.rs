//! What f3s built, told from what others bring under its names, and from what they push under its tags.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use sha2::Digest;

use crate::door::Door;
use crate::lab::{Project, docker, is_missing, variable, wait_until};
use crate::registry::digest;

fn project() -> (Project, String) {
    let registry = variable("F3S_LAB_REGISTRY");
    let project = Project::new();
    project.file("f3s.toml", &format!("network = \"host\"\nregistry = \"{registry}/{}\"\n", project.prefix));
    let reference = format!("{registry}/{}/{}:latest", project.prefix, project.image("a"));
    (project, reference)
}

/// The tags of the project's images that begin so.
fn tags(project: &Project, start: &str) -> Vec<String> {
    let listed = docker(&["images", "--format", "{{.Repository}}:{{.Tag}}"]);
    let ours = |name: &&str| name.starts_with(start) && name.contains(&project.prefix) && !name.ends_with("<none>");
    listed.lines().filter(ours).map(str::to_owned).collect()
}

#[test]
fn what_is_loaded_under_internal_names_is_not_believed() {
    if is_missing("alpine:3.13") {
        return;
    }
    let (project, reference) = project();
    project.recipe("a", "base(\"alpine:3.13\");\nrun(\"echo true >/a\");\ncheck_file(\"/a\");\npush();\n");
    project.recipe("b", "base(\"@a\");\nrun(\"cp /a /b\");\n");
    project.f3s(&["run"]).ok();
    let pushed = digest(&reference);
    // Another image comes by `docker load`, with each of the names that the true one has.
    let names: Vec<String> = ["", "built.", "checked.", "of.", "pushed."]
        .iter()
        .flat_map(|kind| tags(&project, &format!("{kind}f3s.invalid/{}:", project.image("a"))))
        .chain([reference.clone()])
        .collect();
    assert_eq!(names.len(), 6, "{names:?}");
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    for name in &names {
        docker(&["tag", "alpine:3.13", name]);
    }
    let file = project.path().join("evil.tar").display().to_string();
    docker(&[&["save", "-o", &file], &names[..]].concat());
    docker(&[&["rmi"], &names[..]].concat());
    docker(&["load", "-i", &file]);
    let plan = project.f3s(&["plan"]).ok().out;
    assert!(plan.contains("the image of that name was not built by you"), "{plan}");
    let a = project.image("a");
    assert_eq!(project.f3s(&["run", &a]).ok().summary(), "built 1, pushed 1");
    let ours = docker(&["run", "--rm", "--network", "none", &reference, "cat", "/a"]);
    assert_eq!((ours.as_str(), digest(&reference)), ("true", pushed));
    assert_eq!(project.f3s(&["run"]).ok().summary(), "up to date 2");
}

#[test]
fn another_user_builds_once_more_from_the_cache_and_both_are_up_to_date() {
    if is_missing("alpine:3.13") {
        return;
    }
    let mut project = Project::new();
    project.recipe("a", "base(\"alpine:3.13\");\nrun(\"echo a >/a\");\n");
    project.f3s(&["build"]).ok();
    let key = project.path().join("state/f3s/key");
    let id = project.id("a");
    let mode = std::os::unix::fs::MetadataExt::mode(&key.metadata().unwrap()) & 0o777;
    assert_eq!((mode, key.metadata().unwrap().len()), (0o600, 32));
    let other = project.path().join("other").display().to_string();
    project.set("XDG_STATE_HOME", &other);
    // A plan makes no key.
    assert!(project.f3s(&["plan"]).ok().out.contains("was not built by you"));
    assert!(!project.path().join("other").exists());
    let ran = project.f3s(&["build", "--progress", "json"]).ok();
    assert!(ran.out.contains("\"cached\":true"), "{}", ran.out);
    assert_eq!(project.id("a"), id);
    for user in ["other", "state"] {
        let state = project.path().join(user).display().to_string();
        project.set("XDG_STATE_HOME", &state);
        assert_eq!(project.f3s(&["build"]).ok().summary(), "up to date 1", "{user}");
    }
}

#[test]
fn an_internal_name_that_the_engine_lacks_is_asked_of_nobody() {
    if is_missing("alpine:3.13") {
        return;
    }
    let project = Project::new();
    let base = project.image("base");
    // While the check runs, somebody removes the name that the child is built on.
    let check = format!("while [ ! -e /go ]; do sleep 0.1; done; : {base}");
    project.recipe("base", &format!("base(\"alpine:3.13\");\nrun(\"echo base >/base\");\ncheck(\"{check}\");\n"));
    project.recipe("app", "base(\"@base\");\nrun(\"cp /base /app\");\n");
    let child = project.start(&["build"]);
    let own = format!("f3s.invalid/{base}:");
    let checking = || {
        let running = docker(&["ps", "--format", "{{.ID}} {{.Command}}", "--no-trunc"]);
        running.lines().find(|line| line.contains(&check)).map(|line| line.split(' ').next().unwrap().to_owned())
    };
    wait_until("the check runs", || checking().is_some());
    docker(&["rmi", &tags(&project, &own)[0]]);
    docker(&["exec", &checking().unwrap(), "touch", "/go"]);
    let words = [&format!("`{base}`, which it rests on, is gone from the engine")[..], "run f3s again", "f3s.invalid"];
    project.wait(child).fails(1, &words);
    project.recipe("base", "base(\"alpine:3.13\");\nrun(\"echo base >/base\");\n");
    assert_eq!(project.f3s(&["build"]).ok().summary(), "built 2");
    assert_eq!(project.sh("app", "cat /app"), "base");
}

#[test]
fn a_tag_that_is_removed_or_moved_before_its_push_is_set_and_pushed_again() {
    if is_missing("alpine:3.13") {
        return;
    }
    let (mut project, reference) = project();
    project.recipe("a", "base(\"alpine:3.13\");\nrun(\"echo a >/a\");\npush();\n");
    // Between tag and push somebody removes the tag, or gives it to another image: so often, by turns.
    let often = Arc::new(AtomicU32::new(4));
    let (left, taken) = (often.clone(), reference.clone());
    let door = Door::with_ear(&project, &[], move |request| {
        let is_push = request.starts_with("POST /images/") && request.contains("/push?");
        if !is_push {
            return;
        }
        match left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)) {
            Ok(left) if left % 2 == 0 => _ = docker(&["rmi", &taken]),
            Ok(_) => _ = docker(&["tag", "alpine:3.13", &taken]),
            Err(_) => {}
        }
    });
    project.set("DOCKER_HOST", &door.host);
    let ran = project.f3s(&["run"]).ok();
    assert_eq!(ran.summary(), "built 1, pushed 1");
    // First the repository has nothing else, then what was pushed.
    for told in ["somebody removed its tag", "somebody gave its tag to another image"] {
        assert_eq!(ran.err.matches(told).count(), 2, "{}", ran.err);
    }
    let ours = digest(&reference);
    assert!(ran.err.contains(&format!("pushed {reference}@{ours}")), "{}", ran.err);

    often.store(u32::MAX, Ordering::SeqCst);
    project.recipe("a", "base(\"alpine:3.13\");\nrun(\"echo b >/a\");\npush();\n");
    let ran =
        project.f3s(&["run"]).fails(1, &["was not pushed: somebody gives that tag to another image or removes it"]);
    let foreign = digest(&reference);
    assert!(foreign != ours && !ran.err.contains(&format!("@{foreign}")), "{}", ran.err);
    // It is not taken for pushed.
    often.store(0, Ordering::SeqCst);
    let ran = project.f3s(&["run"]).ok();
    assert!(ran.summary().ends_with("pushed 1"), "{}", ran.err);
    let ours = digest(&reference);
    assert!(ours != foreign && ran.err.contains(&format!("pushed {reference}@{ours}")), "{}", ran.err);
}

#[test]
fn while_somebody_retags_all_the_time_nothing_foreign_is_taken_for_pushed() {
    if is_missing("alpine:3.13") {
        return;
    }
    let (project, reference) = project();
    let host = variable("DOCKER_HOST");
    let socket = host.strip_prefix("unix://").unwrap();
    let (repository, tag) = reference.rsplit_once(':').unwrap();
    let tagging = format!("http://docker/images/alpine:3.13/tag?repo={repository}&tag={tag}");
    let end = AtomicBool::new(false);
    /// Also when an assertion fails.
    struct End<'a>(&'a AtomicBool);
    impl Drop for End<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::SeqCst);
        }
    }
    std::thread::scope(|scope| {
        let _end = End(&end);
        scope.spawn(|| {
            while !end.load(Ordering::SeqCst) {
                // Many on one connection: they hit whatever gap there is.
                let words = ["-s", "-o", "/dev/null", "--unix-socket", socket, "-X", "POST"];
                Command::new("curl").args(words).args(vec![&tagging; 200]).output().unwrap();
            }
        });
        for version in 0..4 {
            let script = format!("base(\"alpine:3.13\");\nrun(\"echo {version} >/a\");\npush();\n");
            project.recipe("a", &script);
            let ran = project.f3s(&["run"]);
            let found = digest(&reference);
            match ran.code {
                Some(0) => assert!(ran.err.contains(&format!("pushed {reference}@{found}")), "{found}\n{}", ran.err),
                _ => _ = ran.fails(1, &["somebody gives that tag to another image"]),
            }
        }
    });
    project.f3s(&["run"]).ok();
    let ours = docker(&["run", "--rm", "--network", "none", &reference, "cat", "/a"]);
    assert_eq!(ours, "3");
    // What the registry has is what the engine has.
    let known = docker(&["image", "inspect", "--format", "{{json .RepoDigests}}", &reference]);
    assert!(known.contains(&digest(&reference)), "{known}");
}

/// Two texts of one length whose bare digests agree in the thirty bits that tell BuildKit a changed file.
fn alike() -> [String; 2] {
    let stamp = |text: &str| {
        let digest = sha2::Sha256::digest(f3s::digest::of(text));
        u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]) % 1_000_000_000
    };
    let mut seen = std::collections::HashMap::new();
    for number in 0.. {
        let text = format!("{number:012}");
        if let Some(other) = seen.insert(stamp(&text), text.clone()) {
            return [other, text];
        }
    }
    unreachable!("there are not so many stamps")
}

#[test]
fn of_two_versions_that_were_made_to_look_alike_each_is_built() {
    if is_missing("alpine:3.13") {
        return;
    }
    let project = Project::new();
    project.recipe("a", "base(\"alpine:3.13\");\ncopy(\"data\", \"/data\");\n");
    for content in alike() {
        project.file("scripts/data", &content);
        assert_eq!(project.f3s(&["build"]).ok().summary(), "built 1");
        assert_eq!(project.sh("a", "cat /data"), content);
    }
}

#[test]
fn a_base_that_becomes_another_image_before_the_build_makes_no_image_of_that_version() {
    if is_missing("alpine:3.13") {
        return;
    }
    let mut project = Project::new();
    // A tag of the test's own, and another image that will get it.
    let base = format!("f3s-moves/{}:1", project.prefix);
    project.recipe("other", "base(\"alpine:3.13\");\nwrite(\"/other\", \"x\");\n");
    project.f3s(&["build"]).ok();
    let other = project.id("other");
    project.recipe("app", &format!("base(\"{base}\");\nwrite(\"/app\", \"x\");\n"));
    project.recipe("parent", "base(\"alpine:3.13\");\nwrite(\"/parent\", \"x\");\n");
    project.recipe("child", "base(\"@parent\");\nwrite(\"/child\", \"x\");\n");
    docker(&["tag", "alpine:3.13", &base]);
    project.f3s(&["build", &project.image("parent")]).ok();
    let parent = tags(&project, &format!("f3s.invalid/{}:", project.image("parent"))).remove(0);
    let right = [(base.clone(), "alpine:3.13".to_owned()), (parent.clone(), project.id("parent"))];
    let taken = right.clone().map(|(name, _)| name);
    let moving = Arc::new(AtomicBool::new(true));
    let still = moving.clone();
    let door = Door::with_ear(&project, &[], move |request| {
        if request.starts_with("POST /session") && still.load(Ordering::SeqCst) {
            taken.iter().for_each(|name| _ = docker(&["tag", &other, name]));
        }
    });
    project.set("DOCKER_HOST", &door.host);
    for (image, ground) in [("app", &base), ("child", &parent)] {
        right.iter().for_each(|(name, id)| _ = docker(&["tag", id, name]));
        let words = format!("`{ground}` became another image while `{}` was built on it", project.image(image));
        project.f3s(&["build", &project.image(image)]).fails(1, &[&words, "run f3s again"]);
        right.iter().for_each(|(name, id)| _ = docker(&["tag", id, name]));
        assert_eq!(tags(&project, &format!("f3s.invalid/{}:", project.image(image))), [""; 0]);
    }
    moving.store(false, Ordering::SeqCst);
    project.f3s(&["build"]).ok();
    for image in ["app", "child"] {
        assert_eq!(project.sh(image, "ls /other 2>/dev/null || echo none"), "none", "{image}");
    }
    docker(&["rmi", &base]);
}
