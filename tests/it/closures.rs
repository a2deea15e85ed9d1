//! Functions that are handed to other files: paths, origins and call chains go by the file in which they were written.

use f3s::config::Config;
use f3s::script::Request;
use f3s::world::Memory;

use crate::project::plan;

/// A recipe with modules that call what they are given, at the top and in a folder of their own.
fn world(recipe: &str) -> Memory {
    Memory::new()
        .file("scripts/example.rhai", format!("{MODULES}{recipe}"))
        .file("scripts/lib/m.rhai", "import \"deep/n\" as n;\nfn wrap(body) { body.call(); }\nfn layered(body) { layer(\"m\", body); }\nfn twice(body) { n::again(body); }\nfn own() { n::again(|| { copy(\"m.txt\", \"/m\"); }); }\nfn made() { || { copy(\"m.txt\", \"/m\"); named(); } }\nfn named() { write(\"/named\", \"m\"); }\nfn over(list, body) { list.map(body) }\n")
        .file("scripts/lib/deep/n.rhai", "fn again(body) {\n    wrapped(body);\n}\nfn wrapped(body) { body.call(); }\n")
        .file("scripts/a.txt", "")
        .file("scripts/lib/m.txt", "")
        .file("scripts/parts/x.rhai", "fn x() { write(\"/x\", \"\"); }")
}

const MODULES: &str = "import \"lib/m\" as m;\nimport \"lib/deep/n\" as n;\nbase(\"scratch\");\n";

/// Every step of the recipe as its summary and the place it comes from.
fn steps(recipe: &str) -> Vec<String> {
    let plan = plan(world(recipe), &Config::default(), &Request { recipes: vec!["example".to_owned()], set: vec![] });
    let plan = plan.unwrap_or_else(|error| panic!("{recipe}: {error}"));
    plan.images[0].steps.iter().map(|step| format!("{} {}", step.summary, step.origin.place)).collect()
}

fn mistake(recipe: &str) -> String {
    plan(world(recipe), &Config::default(), &Request::default()).expect_err(recipe).to_string()
}

#[test]
fn paths_and_places_go_by_the_file_in_which_a_function_was_written() {
    let here = "copy(\"a.txt\", \"/a\") scripts/example.rhai:5:5";
    let body = "|| {\n    copy(\"a.txt\", \"/a\");\n}";
    for call in [
        format!("m::wrap({body});"),
        format!("m::layered({body});"),
        format!("m::twice({body});"),
        format!("n::again({body});"),
        // A function with a name, one that holds values, one that the language itself calls.
        "fn step() {\n    copy(\"a.txt\", \"/a\");\n}\nm::wrap(step);".to_owned(),
        "fn wrapped() {\n    copy(\"a.txt\", \"/a\");\n}\nm::twice(Fn(\"wrapped\"));".to_owned(),
        "let file = \"a.txt\"; m::wrap(|| {\n    copy(\"a.txt\", \"/a\"); file.len();\n});".to_owned(),
        "m::over([1], |_n| {\n    copy(\"a.txt\", \"/a\");\n});".to_owned(),
        "layer(\"x\", || m::wrap(|| {\n    copy(\"a.txt\", \"/a\");\n}));".to_owned(),
    ] {
        assert_eq!(steps(&call), [here], "{call}");
    }
    assert_eq!(steps("m::own();"), ["copy(\"m.txt\", \"/m\") scripts/lib/m.rhai:5:26"]);
    // What a module returns is the module's, wherever it is called.
    let made = ["copy(\"m.txt\", \"/m\") scripts/lib/m.rhai:6:18", "write(\"/named\", \"m\") scripts/lib/m.rhai:7:14"];
    assert_eq!(steps("let made = m::made(); made.call();"), made);
    assert_eq!(steps("n::again(m::made());"), made);
}

#[test]
fn imports_of_a_function_are_relative_to_the_file_in_which_it_was_written() {
    assert_eq!(
        steps("m::wrap(|| { import \"parts/x\" as x; x::x(); });"),
        ["write(\"/x\", \"\") scripts/parts/x.rhai:1:10"]
    );
}

#[test]
fn errors_stand_where_they_were_written() {
    for body in ["copy(\"absent\", \"/a\")", "nothing.x", "1 / 0", "[].y", "throw 3"] {
        let text = format!("m::twice(|| {{\n    {body};\n}});").replace("nothing", "#{}");
        let error = mistake(&text);
        assert!(error.starts_with("scripts/example.rhai:5:"), "{body}: {error}");
    }
    assert!(mistake("m::wrap(|| { copy(\"absent\", \"/a\"); });").contains("`absent` does not exist"));
}

#[test]
fn a_function_that_stands_in_two_files_word_for_word_is_refused() {
    let world = Memory::new()
        .file(
            "scripts/example.rhai",
            "import \"m\" as m;\nfn f() { layer(\"a\", || { run(\"x\"); }); }\nbase(\"scratch\");\n",
        )
        .file("scripts/m.rhai", "// the module\nfn g() { layer(\"a\", || { run(\"x\"); }); }\n");
    let request = Request { recipes: vec!["example".to_owned()], set: vec![] };
    let error = plan(world, &Config::default(), &request).unwrap_err().to_string();
    assert!(error.contains("scripts/m.rhai:2:") && error.contains("holds the same function"), "{error}");
}
