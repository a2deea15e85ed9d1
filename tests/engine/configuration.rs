//! Configuration with hostile values: what the engine keeps is what the recipe says, to the letter.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::{Value, json};

use crate::cases::{Cases, Choices};
use crate::lab::Project;

/// What Dockerfiles, shells, words and JSON read otherwise, among what they do not.
const PIECES: &[&str] = &[
    "a",
    "Z9",
    " ",
    "  ",
    "\t",
    "\"",
    "'",
    "\\",
    "\\\\",
    "$",
    "$HOME",
    "${PATH}",
    "${X:-y}",
    "\\$A",
    "#",
    "# x",
    "--",
    "--from=x",
    "[",
    "]",
    "[\"x\"]",
    "{",
    ",",
    ";",
    "&&",
    "|",
    "<<",
    "<<EOF",
    "`id`",
    "%",
    "=",
    "é",
    "日本",
    "\u{1F600}",
    "\u{a0}",
    "\\n",
    "\\\"",
];

/// A text of some pieces; not empty.
fn text(choices: &mut Choices) -> String {
    let count = 1 + choices.below(5);
    (0..count).map(|_| *choices.one_of(PIECES)).collect()
}

/// A text of a recipe.
fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

fn list(words: &[String]) -> String {
    format!("[{}]", words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(", "))
}

/// Without what a path of a file system cannot have, or what engines clean off it.
fn path(choices: &mut Choices) -> String {
    format!("/p{}", text(choices).replace(['\t', '/'], "_"))
}

/// A command, as the recipe says it, and the words that run it.
fn command(choices: &mut Choices, shell: &[String]) -> (String, Value) {
    if choices.once_in(2) {
        let line = format!("{}{}", if choices.once_in(3) { "--x" } else { "run" }, text(choices));
        let line = if choices.once_in(4) { text(choices) + "x" } else { line };
        return (quoted(&line), json!(shell.iter().chain([&line]).collect::<Vec<_>>()));
    }
    let words: Vec<String> = (0..=choices.below(3)).map(|_| format!("w{}", text(choices))).collect();
    (list(&words), json!(words))
}

/// The words of a command, with what their shell evaluates in place of how that is written.
fn evaluated(words: &Value) -> Value {
    let Some(text) = words[2].as_str().and_then(|text| text.strip_prefix("eval ")) else { return words.clone() };
    let told = Command::new("sh").args(["-c", &format!("printf %s {text}")]).output().unwrap();
    let told = String::from_utf8(told.stdout).unwrap();
    // What could be an option stands behind a blank.
    let text = told.strip_prefix(' ').filter(|text| text.starts_with('-')).unwrap_or(&told);
    json!([words[0], words[1], text])
}

/// The steps of a stage and what must come of them.
fn case(choices: &mut Choices, number: usize) -> (String, BTreeMap<String, Value>) {
    let mut steps = String::new();
    let mut expected = BTreeMap::new();
    let (env, label) = (text(choices), text(choices));
    let odd = if choices.once_in(3) { format!("--n{number}") } else { format!("N{number}") };
    steps += &format!(
        "env({}, literal({}));\nlabel(#{{ {}: literal({}) }});\n",
        quoted(&odd),
        quoted(&env),
        quoted(&odd),
        quoted(&label)
    );
    expected.insert("env".to_owned(), json!(format!("{odd}={env}")));
    expected.insert("label".to_owned(), json!([odd, label]));
    let folder = path(choices);
    steps += &format!("workdir(literal({}));\n", quoted(&folder));
    expected.insert("workdir".to_owned(), json!(folder));
    let volume = path(choices);
    steps += &format!("volume(literal({}));\n", quoted(&volume));
    expected.insert("volume".to_owned(), json!({ volume: {} }));
    let shell = match choices.once_in(2) {
        true => vec![format!("/bin/{}sh", text(choices)), "-c".to_owned()],
        false => vec!["/bin/sh".to_owned(), "-c".to_owned()],
    };
    if choices.once_in(2) || shell[0] != "/bin/sh" {
        steps += &format!("shell({});\n", list(&shell));
        expected.insert("shell".to_owned(), json!(shell));
    }
    let (written, words) = command(choices, &shell);
    steps += &format!("entrypoint({written});\n");
    expected.insert("entrypoint".to_owned(), words);
    let (written, words) = command(choices, &shell);
    steps += &format!("cmd({written});\n");
    expected.insert("cmd".to_owned(), words);
    let (written, words) = command(choices, &shell);
    let (interval, retries) = (1 + choices.below(1_000_000), 1 + choices.below(i32::MAX as usize));
    steps += &format!("healthcheck({written}, #{{ interval: {interval}, retries: {retries} }});\n");
    expected.insert("healthcheck".to_owned(), json!([words, interval as u64 * 1_000_000_000, retries]));
    let author = text(choices).replace('\t', " ");
    let author = format!("by {}", author.trim_end_matches(['\\', ' ', '\u{a0}']));
    steps += &format!("author({});\n", quoted(&author));
    expected.insert("author".to_owned(), json!(author.trim()));
    let user = choices.one_of(&["app", "a.b-c_d", "12:34", "12", "u:g"]);
    steps += &format!("user({});\n", quoted(user));
    expected.insert("user".to_owned(), json!(user));
    let signal = choices.one_of(&["SIGQUIT", "term", "9", "RTMIN+3", "SIGRTMAX-14", "64"]);
    steps += &format!("stop_signal({});\n", quoted(signal));
    expected.insert("stop_signal".to_owned(), json!(signal));
    let port = 1 + choices.below(65_535);
    steps += &format!("expose({port}, \"{port}/udp\");\n");
    expected.insert("expose".to_owned(), json!({ format!("{port}/tcp"): {}, format!("{port}/udp"): {} }));
    (steps, expected)
}

/// The same fields of what the engine keeps.
fn kept(config: &Value, author: &Value, expected: &BTreeMap<String, Value>) -> BTreeMap<String, Value> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let kept = expected.iter().map(|(field, wanted)| {
        let found = match field.as_str() {
            "env" => list(&config["Env"])
                .into_iter()
                .find(|pair| !pair.as_str().unwrap().starts_with("PATH="))
                .unwrap_or_default(),
            "label" => json!([wanted[0], config["Labels"][wanted[0].as_str().unwrap()]]),
            "workdir" => config["WorkingDir"].clone(),
            "volume" => config["Volumes"].clone(),
            "shell" => config["Shell"].clone(),
            "entrypoint" => evaluated(&config["Entrypoint"]),
            "cmd" => evaluated(&config["Cmd"]),
            "healthcheck" => {
                let check = &config["Healthcheck"];
                let words = list(&check["Test"]);
                // One line is run by the image's shell.
                let words = match words.first().and_then(Value::as_str) {
                    Some("CMD-SHELL") => json!([list(&wanted[0])[0].clone(), "-c", words[1]]),
                    _ => json!(words[1..]),
                };
                json!([evaluated(&words), check["Interval"], check["Retries"]])
            }
            "author" => author.clone(),
            "user" => config["User"].clone(),
            "stop_signal" => config["StopSignal"].clone(),
            "expose" => config["ExposedPorts"].clone(),
            field => panic!("{field}"),
        };
        (field.clone(), found)
    });
    kept.collect()
}

#[test]
fn what_the_engine_keeps_is_what_the_recipe_says() {
    let project = Project::new();
    // Every case is an image; they are built in one run.
    let cases: Vec<_> =
        Cases::wanted(40).each().enumerate().map(|(number, mut choices)| case(&mut choices, number)).collect();
    for (number, (steps, _)) in cases.iter().enumerate() {
        project.recipe(&format!("c{number}"), &format!("base(\"scratch\");\n{steps}"));
    }
    project.f3s(&["build", "--keep-going"]).ok();
    let names: Vec<String> =
        (0..cases.len()).map(|number| format!("{}:latest", project.image(&format!("c{number}")))).collect();
    let mut words = vec!["image", "inspect"];
    words.extend(names.iter().map(String::as_str));
    let images: Value = serde_json::from_str(&project.docker(&words)).unwrap();
    let mut wrong = Vec::new();
    for (number, (steps, expected)) in cases.iter().enumerate() {
        let image = &images[number];
        let kept = kept(&image["Config"], &image["Author"], expected);
        for (field, wanted) in expected.iter().filter(|(field, wanted)| kept[*field] != **wanted) {
            wrong.push(format!("{field}: {wanted} became {} by\n{steps}", kept[field]));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

#[test]
fn a_copy_of_what_is_not_there_fails_at_its_line() {
    let project = Project::new();
    project.recipe("base", "base(\"scratch\");\nwrite(\"/x\", \"x\");\n");
    project.recipe(
        "a",
        "let build = stage(\"build\", || {\n    base(\"@base\");\n    write(\"/there\", \"x\");\n});\nbase(\"scratch\");\n\
         copy(\"/there\", \"/\", #{ from: build });\ncopy(\"/not there\", \"/\", #{ from: build });\n",
    );
    project.recipe("b", "base(\"scratch\");\ncopy(\"/absent\", \"/\", #{ from: \"@base\" });\n");
    let ran = project.f3s(&["build", "--keep-going"]);
    let at = |name: &str, line: u32| format!("--> scripts/{}.rhai:{line}:1", project.image(name));
    let words = [
        "there is no `/not there` in stage `build`",
        &at("a", 7),
        "there is no `/absent` in the image of",
        &at("b", 2),
    ];
    let ran = ran.fails(1, &words);
    assert!(!ran.err.contains("checksum") && !ran.err.contains("cache key"), "{}", ran.err);
}
