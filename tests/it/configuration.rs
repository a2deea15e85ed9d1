//! Configuration in the Dockerfile's words: what they cannot say is refused at its line, what they would read otherwise is
//! quoted.

use f3s::config::Config;
use f3s::script::Request;
use f3s::world::Memory;

use crate::project::{plan, plan_script};

fn lowered(steps: &str) -> String {
    let plan = plan_script(&format!("base(\"scratch\");\n{steps}")).unwrap_or_else(|error| panic!("{steps}: {error}"));
    let text = plan.images[0].dockerfile.identity_text();
    text.strip_prefix("FROM scratch AS final\n").unwrap().trim_end().to_owned()
}

#[test]
fn what_a_dockerfile_would_read_otherwise_is_quoted() {
    for (steps, expected) in [
        (r#"cmd("--x");"#, "CMD eval ' --x'"),
        (r#"entrypoint("--x y");"#, "ENTRYPOINT eval ' --x y'"),
        (r#"cmd("a \\");"#, r"CMD eval 'a \'"),
        (r#"cmd("a \\ ");"#, r"CMD eval 'a \ '"),
        (r#"cmd(" a");"#, "CMD eval ' a'"),
        (r#"cmd("echo $HOME");"#, r#"CMD echo $HOME"#),
        (r#"cmd("a\nb");"#, "CMD eval \"$(printf '%s\\n' \\\n        'a' \\\n        'b')\""),
        (r#"shell(["/bin/a", "-c"]); cmd("a\nb");"#, "SHELL [\"/bin/a\",\"-c\"]\nCMD [\"/bin/a\",\"-c\",\"a\\nb\"]"),
        (r#"healthcheck("x \\");"#, r"HEALTHCHECK CMD eval 'x \'"),
        (r#"env("--x", "v");"#, r#"ENV "--x"="v""#),
        (r#"label("--x", "v");"#, r#"LABEL "--x"="v""#),
        (r#"workdir("/a\\");"#, r#"WORKDIR "/a\\""#),
        (r#"volume("/a ");"#, r#"VOLUME ["\"/a \""]"#),
        (r#"add_to_path("/a\"");"#, r#"ENV PATH="/a\":$PATH""#),
        (r#"author(" a b ");"#, "MAINTAINER a b"),
        (r#"stop_signal("rtmin+3");"#, "STOPSIGNAL rtmin+3"),
        (r#"stop_signal(9);"#, "STOPSIGNAL 9"),
        (r#"expose("53/UDP", ["80-81/Tcp"]);"#, "EXPOSE 53/udp 80-81/tcp"),
    ] {
        assert_eq!(lowered(steps), expected, "{steps}");
    }
}

#[test]
fn what_no_dockerfile_can_say_is_refused_at_the_line() {
    let large = format!("label(\"a\", \"{}\");", "x".repeat(70_000));
    for (steps, message) in [
        (r#"author("a\\");"#, "ends in a backslash"),
        (r#"stop_signal("SIGNOTHING");"#, "`SIGNOTHING` is no signal"),
        (r#"stop_signal("--x");"#, "`--x` is no signal"),
        (r#"stop_signal(65);"#, "`65` is no signal"),
        (r#"stop_signal("RTMIN+16");"#, "is no signal"),
        (r#"stop_signal("RTMAX-15");"#, "is no signal"),
        (r#"healthcheck("x", #{ interval: 9223372037 });"#, "at most 9223372036"),
        (r#"healthcheck("x", #{ retries: 2147483648 });"#, "at most 2147483647"),
        (r#"user("--x");"#, "is no owner"),
        (r#"env("A", "a\nb");"#, "has a line break"),
        (&large, "in one line of the Dockerfile"),
    ] {
        let error = plan_script(&format!("base(\"scratch\");\n{steps}")).expect_err(steps);
        assert!(error.to_string().starts_with("scripts/example.rhai:2:1: "), "{error}");
        assert!(error.to_string().contains(message), "{error}");
    }
}

#[test]
fn the_signal_that_was_meant_is_named() {
    let error = plan_script("base(\"scratch\");\nstop_signal(\"SIGQIUT\");").unwrap_err();
    assert_eq!(error.0[0].hints, ["did you mean `SIGQUIT`?"]);
}

#[test]
fn a_host_variable_that_only_names_the_image_makes_no_other() {
    let planned = |script: &str, value: &str| {
        let world = Memory::new().file("scripts/example.rhai", script).env_var("GITHUB_SHA", value);
        let plan = plan(world, &Config::default(), &Request::default()).unwrap();
        (plan.images[0].fingerprint.clone(), plan.images[0].references[0].to_string())
    };
    let tags =
        "base(\"scratch\");\ntag(env_var(\"GITHUB_SHA\"));\npush(\"r.example.com/x:\" + env_var(\"GITHUB_SHA\"));";
    let (one, two) = (planned(tags, "one"), planned(tags, "two"));
    assert_eq!(one.0, two.0);
    assert_eq!((&*one.1, &*two.1), ("example:one", "example:two"));
    let label = "base(\"scratch\");\nlabel(\"commit\", env_var(\"GITHUB_SHA\"));";
    assert_ne!(planned(label, "one").0, planned(label, "two").0);
}

#[test]
fn what_is_not_known_of_the_source_is_left() {
    let text = plan_script("base(\"alpine:3.13\");").unwrap().images[0].dockerfile.text.clone();
    assert!(!text.contains("image.source"), "{text}");
    // What an image rests on is known, or said not to be.
    assert!(text.contains("base.digest=\"\"") && text.contains("base.name=\"alpine:3.13\""), "{text}");
}
