//! Files of the project on their way into the build context.

use f3s::config::Config;
use f3s::diagnostic::Place;
use f3s::lower::ContextEntry;
use f3s::script::Request;
use f3s::world::Memory;

use crate::project::plan;

fn planned(world: Memory, script: &str) -> Result<f3s::plan::Plan, f3s::diagnostic::Diagnostics> {
    plan(world.file("scripts/a.rhai", script), &Config::default(), &Request::default())
}

fn instruction(world: Memory, script: &str) -> String {
    let plan = planned(world, &format!("base(\"scratch\");\n{script}")).unwrap();
    let text = &plan.images[0].dockerfile.text;
    text.lines().find(|line| line.starts_with("COPY") || line.starts_with("RUN")).unwrap().to_owned()
}

#[test]
fn a_line_that_docker_refuses_ends_the_check_at_that_line() {
    let world = Memory::new().file("x", "").file(".dockerignore", "# first\nx[\n");
    let errors = planned(world, "base(\"scratch\");\ncopy(\"../x\", \"/\");\n").unwrap_err();
    assert_eq!(errors.0[0].origin.as_ref().unwrap().place, Place::new(".dockerignore", 2, 1));
    let errors =
        planned(Memory::new().file("x", ""), "base(\"scratch\");\ncopy(\"..\", \"/\", #{ exclude: \"[\" });\n");
    assert!(errors.unwrap_err().0[0].message.contains("`[` is no pattern"));
}

#[test]
fn no_name_is_a_flag_or_a_heredoc() {
    let world = || Memory::new().file("--from=alpine:3.13", "").file("etc", "").file("3<<EOF", "").file("a*b", "");
    let copy = instruction(world(), "copy([\"../--from=alpine:3.13\", \"../etc\"], \"/t/\");\n");
    assert_eq!(copy, "COPY ./--from=alpine:3.13 etc /t/");
    assert_eq!(instruction(world(), "copy(\"../3<<EOF\", \"<<EOF\");\n"), "COPY ./3<<EOF ./<<EOF");
    assert_eq!(instruction(world(), "copy(\"../a\\\\*b\", \"/x\");\n"), "COPY .f3s/copy/1/* /x");
    // The characters of a pattern that matches nothing are those of a name.
    let one = Memory::new().file("[a]", "");
    assert_eq!(instruction(one, "copy(\"../[a]\", \"/x\");\n"), "COPY .f3s/copy/1/* /x");
    let mounted = "run(\"true\", #{ mounts: [#{ type: \"bind\", source: \"../a*b\", target: \"/m\" }] });\n";
    let run = instruction(world(), mounted);
    assert!(run.starts_with("RUN --mount=type=bind,source=.f3s/copy/1,target=/m "), "{run}");
}

#[test]
fn names_that_the_context_needs_lie_in_a_folder_of_their_own() {
    let world = Memory::new().file(".f3s/x", "1").file(".dockerignore", "");
    let plan = planned(world, "base(\"scratch\");\ncopy(\"../.f3s\", \"/f/\");\ncopy(\"../.dockerignore\", \"/\");\n");
    let plan = plan.unwrap();
    let entries = &plan.images[0].context.entries;
    assert!(entries.contains_key(".f3s/copy/1/.f3s/x") && entries.contains_key(".f3s/copy/2/.dockerignore"));
    assert!(entries.values().all(|entry| !matches!(entry, ContextEntry::Text { .. })));
}

#[test]
fn what_a_pattern_finds_may_be_left_out_but_not_all_of_it() {
    let world = |ignore: &str| Memory::new().file("a.jar", "").file("a-sources.jar", "").file(".dockerignore", ignore);
    let script = "copy(\"../*.jar\", \"/x/\");\n";
    assert_eq!(instruction(world("a-sources.jar\n"), script), "COPY a.jar /x/");
    for script in [script, "copy(\"../a.jar\", \"/x/\");\n"] {
        let error = planned(world("*.jar\n"), &format!("base(\"scratch\");\n{script}")).unwrap_err();
        assert!(error.0[0].message.contains("left out by `.dockerignore`"), "{error}");
        assert_eq!(error.0[0].origin.as_ref().unwrap().place.line, 2);
    }
}
