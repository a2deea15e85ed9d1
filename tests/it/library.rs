//! Functions of the library where examples do not lead: together, in places of their own, with other settings.

use f3s::config::{Checksum, Config};
use f3s::plan::Plan;
use f3s::recipe::{ArtifactSource, Limits, Timeout};
use f3s::script::{Request, Setting};
use f3s::world::Memory;

use crate::project::{plan, plan_script};

/// The Dockerfile of these steps on Alpine.
fn lowered(steps: &str) -> String {
    let plan = plan_script(&format!("base(\"alpine:3.13\");\n{steps}")).unwrap_or_else(|error| panic!("{error}"));
    plan.images[0].dockerfile.text.clone()
}

/// What is wrong with a call.
fn mistake(call: &str) -> String {
    let error = plan_script(&format!("base(\"alpine:3.13\");\n{call};")).expect_err(call);
    let [mistake] = &error.0[..] else { panic!("{call}: {error}") };
    mistake.message.clone()
}

fn setting(name: &str, value: &str) -> Request {
    let setting = Setting { recipe: None, name: name.to_owned(), value: value.to_owned() };
    Request { recipes: vec![], set: vec![setting] }
}

/// The plan of a recipe with a parameter set.
fn set(script: &str, name: &str, value: &str) -> Plan {
    let world = Memory::new().file("scripts/example.rhai", script);
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
    let (_, own) = text.split_once(" AS final\n").unwrap();
    assert!(!own.contains("ADD ") && !own.contains("COPY "), "{text}");
}

#[test]
fn what_follows_a_layer_with_inner_ones_is_a_layer_of_its_own() {
    let text = lowered("layer(\"a\", || {\n    layer(\"b\", || run(\"echo b\"));\n});\nrun(\"echo c\");\n");
    assert_eq!(text.matches("\nRUN ").count(), 2, "{text}");
}

#[test]
fn upstreams_of_library_functions_are_parameters() {
    let cases = [
        (
            "centos_url",
            "centos_root(\"7.8.2003\");",
            "/CentOS-7.8.2003-x86_64/docker/centos-7.8.2003-x86_64-docker.tar.xz",
        ),
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

/// The checksum of the file that a call downloads first.
fn checksum(config: &Config, call: &str) -> Option<String> {
    let script = format!("base(\"alpine:3.13\");\n{call}\n");
    let world = Memory::new().file("scripts/example.rhai", script);
    let plan = plan(world, config, &Request::default()).unwrap_or_else(|error| panic!("{call}: {error}"));
    match &plan.images[0].artifacts[0].source {
        ArtifactSource::Download { sha256, .. } => sha256.clone(),
        ArtifactSource::Git { .. } => None,
    }
}

#[test]
fn default_versions_have_checksums() {
    let config = Config::default();
    let pinned = [
        ("dumb_init(\"1.2.5\");", "e874b55f"),
        ("gosu(\"1.13\");", "6f333f52"),
        ("jmeter(\"5.4.1\");", "4edae998"),
        ("glibc(\"2.33-r0\");", "823b5458"),
    ];
    for (call, begins) in pinned {
        let digest = checksum(&config, call).unwrap_or_else(|| panic!("{call} has no checksum"));
        assert!(digest.len() == 64 && digest.starts_with(begins), "{call}: {digest}");
    }
    for call in ["dumb_init(\"1.2.4\");", "gosu(\"1.12\");", "jmeter(\"5.5\");"] {
        assert_eq!(checksum(&config, call), None, "{call}");
    }
}

#[test]
fn checksums_of_the_configuration_stand_above_others() {
    let url = "https://github.com/tianon/gosu/releases/download/1.13/gosu-amd64";
    let (mut config, own) = (Config::default(), "0".repeat(64));
    config.checksums.insert(url.to_owned(), Checksum::Sha256(own.clone()));
    assert_eq!(checksum(&config, "gosu(\"1.13\");"), Some(own.clone()));
    let written = format!("place(download(\"{url}\", #{{ sha256: \"{}\" }}), \"/gosu\");", "1".repeat(64));
    assert_eq!(checksum(&config, &written), Some(own));
    // Only that URL, whatever mirrors make of it.
    assert_eq!(checksum(&config, "gosu(\"1.12\");"), None);
}

#[test]
fn limits_and_checksums_of_downloads_are_read() {
    let with = |options: &str| format!("place(download(\"https://example.com/x\", #{{ {options} }}), \"/x\")");
    let sha512 = "0A".repeat(64);
    let all = with(&format!("limit: \"1.5GiB\", timeout: \"10m\", stall: 5, sha512: \"{sha512}\""));
    let plan = plan_script(&format!("base(\"alpine:3.13\");\n{all};")).unwrap();
    let artifact = &plan.images[0].artifacts[0];
    assert_eq!(
        artifact.limits,
        Limits { size: Some(3 << 29), timeout: Timeout::of_seconds(600), stall: Timeout::of_seconds(5) }
    );
    let ArtifactSource::Download { sha512, .. } = &artifact.source else { panic!("{artifact:?}") };
    assert_eq!(sha512.as_deref(), Some(&*"0a".repeat(64)));
    let cases = [
        ("limit: \"much\"", "`much` is no size: write `500MB` or `2GiB`"),
        ("timeout: 0", "the option `timeout` of `download` is a time, not `0`"),
        ("stall: \"soon\"", "the option `stall` of `download` is a time, not `soon`"),
        ("sha256: \"12\"", "`12` is no SHA-256: it has 64 hexadecimal digits"),
        ("sha512: \"12\"", "`12` is no SHA-512: it has 128 hexadecimal digits"),
    ];
    for (options, expected) in cases {
        assert_eq!(mistake(&with(options)), expected, "{options}");
    }
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

#[test]
fn arguments_of_wrong_types_are_named() {
    let cases = [
        ("apk([\"a\", 5])", "`apk` takes a string or a list of strings as its packages; the list holds an int"),
        ("apt(5)", "`apt` takes a string or a list of strings as its packages, not an int"),
        ("yum([[\"a\"]])", "`yum` takes a string or a list of strings as its packages; the list holds a list"),
        ("tinytex(#{})", "`tinytex` takes a string or a list of strings as its packages, not a map"),
        ("apk_mirror(\"u\", 5)", "`apk_mirror` takes a string as its release, not an int"),
        ("apt_mirror(\"u\", 5)", "`apt_mirror` takes a string as its suite, not an int"),
        ("yum_mirror(5)", "`yum_mirror` takes a string as its url, not an int"),
        ("go_install(\"r\", 7)", "`go_install` takes a string as its command, not an int"),
        ("jmeter_plugin(5, \"u\")", "`jmeter_plugin` takes a string as its home, not an int"),
        ("jmeter_plugin(\"h\", 6)", "`jmeter_plugin` takes a string as its url, not an int"),
        ("skywalking_agent(\"8.5.0\", true)", "`skywalking_agent` takes a string as its folder, not a bool"),
        ("nginx(\"nginx.conf\", 5)", "`nginx` takes a string as its site, not an int"),
        ("trim_jdk(\"/opt/jdk\", #{ keep: [5] })", "`trim_jdk` takes a string as its entry, not an int"),
        ("add_user(5)", "`add_user` takes a string as its name, not an int"),
    ];
    for (call, expected) in cases {
        assert_eq!(mistake(call), expected, "{call}");
    }
}

#[test]
fn what_cannot_be_a_zone_a_locale_or_a_user_is_refused() {
    let cases = [
        ("set_timezone(\"Asia/Shanghai; rm\")", "`Asia/Shanghai; rm` is no time zone"),
        ("set_timezone(\"../../etc/passwd\")", "`../../etc/passwd` is no time zone"),
        ("set_timezone(\"\")", "`` is no time zone"),
        ("set_locale(\"zh_CN utf8\")", "`zh_CN utf8` is no locale"),
        ("set_locale(\"-f\")", "`-f` is no locale"),
        ("set_locale(\"C.UTF-8\", #{ source: \"$(id)\" })", "`$(id)` is no locale"),
        ("set_locale(\"C.UTF-8\", #{ variable: \"LC_ALL=x\" })", "`LC_ALL=x` is no variable of locales"),
        ("set_locale(\"C.UTF-8\", #{ variable: \"PATH\" })", "`PATH` is no variable of locales"),
        ("add_user(\"it's\")", "`it's` is no name of a user"),
        ("add_user(\"-r\")", "`-r` is no name of a user"),
        ("add_user(\"app\", #{ home: \"app\" })", "`app` is no absolute path"),
        ("add_user(\"app\", #{ uid: -1 })", "`-1` is no id of a user"),
    ];
    for (call, expected) in cases {
        assert_eq!(mistake(call), expected, "{call}");
    }
}

#[test]
fn words_are_quoted_once() {
    let user = lowered("add_user(\"app\", #{ home: \"/it's home\" });");
    assert_eq!(user.matches("'/it'\\''s home'").count(), 2, "{user}");
    let plugin = lowered("jmeter_plugin(\"/j meter\", \"https://example.com/a.zip\");");
    assert!(plugin.contains("mv \"$file\" '/j meter'/\"$file\";"), "{plugin}");
}
