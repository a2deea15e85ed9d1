//! What builds on one engine share, and what they do not.

use crate::lab::{Project, is_missing};

#[test]
fn many_images_with_equal_steps_are_built_at_once() {
    if is_missing("alpine:3.13") {
        return;
    }
    // BuildKit of Docker 20.10 gives up some of them, now and then.
    for round in 0..2 {
        let project = Project::new();
        let files: Vec<String> = (0..40).map(|number| format!("{}-{round}-{number}", project.prefix)).collect();
        for file in &files {
            project.file(&format!("files/{file}"), &file.repeat(500));
        }
        let files: String = files.iter().map(|file| format!("\"../files/{file}\", ")).collect();
        let equal =
            format!("run(\"echo {}\");\ncopy([{files}], \"/many/\");\nrun(\"ls /many >/list\");", project.prefix);
        for number in 0..8 {
            let script = format!("base(\"alpine:3.13\");\n{equal}\nrun(\"echo {number} >/number\");\n");
            project.recipe(&number.to_string(), &script);
        }
        assert_eq!(project.f3s(&["build", "-j", "8"]).ok().summary(), "built 8");
        assert_eq!(project.sh("7", "cat /number; wc -l </list"), "7\n40");
    }
}

#[test]
fn a_cache_mount_is_of_one_project_and_of_one_user() {
    if is_missing("alpine:3.13") {
        return;
    }
    let (project, mut neighbour, stranger) = (Project::new(), Project::new(), Project::new());
    neighbour.share_user(&project);
    let folder = format!("/cache-{}", project.prefix);
    let script = |command: &str| format!("base(\"alpine:3.13\");\nrun(\"{command}\", #{{ cache: \"{folder}\" }});\n");
    let fills = script(&format!("test ! -e {folder}/tool; touch {folder}/tool"));
    for project in [&project, &neighbour, &stranger] {
        project.recipe("a", &fills);
        project.f3s(&["build"]).ok();
    }
    // In the project itself, by another image, too.
    project.recipe("b", &script(&format!("test -e {folder}/tool; echo found >/b")));
    project.f3s(&["build"]).ok();
    assert_eq!(project.sh("b", "cat /b"), "found");
}
