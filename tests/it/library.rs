//! Functions of the library where examples do not lead: together, in places of their own, with other settings.

use f3s::config::Config;
use f3s::plan::Plan;
use f3s::script::{Request, Setting};
use f3s::world::Memory;

use crate::project::{plan, plan_script};

/// The Dockerfile of these steps on Alpine.
fn lowered(steps: &str) -> String {
    let plan = plan_script(&format!("base(\"alpine:3.13\");\n{steps}")).unwrap_or_else(|error| panic!("{error}"));
    plan.images[0].dockerfile.text.clone()
}

fn setting(name: &str, value: &str) -> Request {
    let setting = Setting { recipe: None, name: name.to_owned(), value: value.to_owned() };
    Request { recipes: vec![], set: vec![setting] }
}

/// The plan of a recipe with a parameter set.
fn set(script: &str, name: &str, value: &str) -> Plan {
    let world = Memory::new().file("scripts/example.rhai", script.to_owned());
    plan(world, &Config::default(), &setting(name, value)).unwrap_or_else(|error| panic!("{name}: {error}"))
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

#[test]
fn upstreams_of_library_functions_are_parameters() {
    let cases = [
        ("glibc_url", "glibc(\"2.33-r0\");", "/2.33-r0/glibc-bin-2.33-r0.apk"),
        ("glibc_key_url", "glibc(\"2.33-r0\");", ""),
        ("go_url", "go_install(\"/example.com/tool\", \"cmd/tool\");", "/example.com/tool"),
        ("dumb_init_url", "dumb_init(\"1.2.5\");", "/v1.2.5/dumb-init_1.2.5_x86_64"),
        ("gosu_url", "gosu(\"1.13\");", "/1.13/gosu-amd64"),
        ("kona_url", "kona_jdk();", "/8.0.5-GA/TencentKona8.0.5.b12_jdk_linux-x86_64_8u282.tar.gz"),
        ("jmeter_url", "jmeter(\"5.4.1\");", "/apache-jmeter-5.4.1.tgz"),
        ("skywalking_url", "skywalking_agent(\"8.5.0\", \"/a\");", "/8.5.0/apache-skywalking-apm-8.5.0.tar.gz"),
        ("tinytex_url", "tinytex(\"ctex\");", ""),
    ];
    for (name, call, rest) in cases {
        let plan = set(&format!("base(\"alpine:3.13\");\n{call}\n"), name, "http://example.com/of/ours");
        let fetched = serde_json::to_string(&plan.images[0].artifacts).unwrap();
        assert!(fetched.contains(&format!("\"http://example.com/of/ours{rest}\"")), "{name}: {fetched}");
    }
    let text = "base(\"alpine:3.13\");\ntinytex(\"ctex\", #{ repository: \"http://example.com/theirs\" });\n";
    let lowered = |value: &str| set(text, "ctan_url", value).images[0].dockerfile.text.clone();
    assert!(lowered("http://example.com/of/ours").contains("CTAN_REPO=http://example.com/of/ours;"));
}

#[test]
fn the_same_declaration_again_is_the_same_parameter() {
    let twice = |second: &str| {
        let text = format!(
            "base(\"alpine:3.13\");\nlet a = param(\"v\", \"1\", \"version\");\nlet b = {second};\nrun(`echo ${{a}} ${{b}}`);\n"
        );
        plan(Memory::new().file("scripts/example.rhai", text), &Config::default(), &setting("v", "2"))
    };
    let text = twice("param(\"v\", \"1\", \"version\")").unwrap().images[0].dockerfile.text.clone();
    assert!(text.contains("echo 2 2"), "{text}");
    let others = [
        "param(\"v\", \"2\", \"version\")",
        "param(\"v\", \"1\")",
        "param(\"v\", one_of([\"1\", \"2\"]), \"version\")",
    ];
    for other in others {
        let error = twice(other).unwrap_err().to_string();
        assert!(error.contains("parameter `v` is declared twice, in different ways"), "{other}: {error}");
    }
}
