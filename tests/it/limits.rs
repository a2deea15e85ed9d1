//! Whatever a script does, evaluating it ends: with an error at its line, before it has taken much memory or time.

use std::sync::Arc;

use f3s::config::Config;
use f3s::diagnostic::{Diagnostics, Sources};
use f3s::recipe::Family;
use f3s::script::{Request, load};
use f3s::world::{Memory, World};

fn evaluate(script: &str) -> Result<Family, Diagnostics> {
    let world: Arc<dyn World> = Arc::new(Memory::new().file("scripts/example.rhai", script));
    load(&world, &Config::default(), &Request::default(), &mut Sources::default())
}

/// Evaluates a script, and expects one mistake, at this line, with these words.
#[track_caller]
fn ends(script: &str, line: u32, words: &str) {
    let error = evaluate(script).map(|_| ()).expect_err("the script is wrong");
    let [mistake] = &error.0[..] else { panic!("{error}") };
    let place = &mistake.origin.as_ref().expect("it has a place").place;
    assert_eq!((&*place.file, place.line), ("scripts/example.rhai", line), "{error}");
    assert!(mistake.message.contains(words), "{error}");
}

#[test]
fn loops_without_an_end() {
    ends("base(\"scratch\");\nloop {}\n", 2, "does not end");
    ends("base(\"scratch\");\nfn f() { f(); }\nf();\n", 3, "too deeply");
}

#[test]
fn loops_over_functions_of_the_language_that_call_others() {
    let list = "base(\"scratch\");\nlet a = []; for i in 0..500 { a.push(i * 7919 % 503); }\n";
    ends(&format!("{list}loop {{ a.sort(|x, y| x - y); }}\n"), 3, "does not end");
    ends(&format!("{list}loop {{ a.map(|x| x).some(|x| false); }}\n"), 3, "does not end");
    // A comparison that fails ends it at once.
    ends(&format!("{list}a.sort(|x, y| x.nothing());\n"), 3, "`nothing` does not take");
    ends(&format!("{list}a.sort(|x, y| \"x\");\n"), 3, "returns a number or a bool, not a string");
}

/// Never large, yet each round takes longer than the one before: without optimization time ends it, else the count of items.
#[track_caller]
fn never_large(value: &str, part: &str) {
    let error = evaluate(&format!("let x = {value};\nloop {{ {part} = x; }}\n")).unwrap_err().to_string();
    assert!(error.starts_with("scripts/example.rhai:2:"), "{error}");
    assert!(error.contains("does not end") || error.contains("more than 10000 items"), "{error}");
}

#[test]
fn a_list_that_holds_itself() {
    never_large("[42]", "x[0]");
}

#[test]
fn a_map_that_holds_itself() {
    never_large("#{ a: 42 }", "x.a");
}

#[test]
fn a_function_that_holds_its_holder() {
    let script = "let x = #{};\nlet f = || x;\nx.f = f;\nlet list = [x];\n";
    ends(&format!("{script}x.to_json();\n"), 5, "a map with a function in it");
    ends(&format!("{script}#{{ a: list }}.to_json();\n"), 5, "a map with a function in it");
    let script = "base(\"scratch\");\nlabel(\"a\", #{ b: [1, \"x\"], c: #{ d: true } }.to_json());\n";
    let family = evaluate(script).unwrap();
    let steps = format!("{:?}", family.recipes.values().next().unwrap().image.steps);
    assert!(steps.contains(r#"{\"b\":[1,\"x\"],\"c\":{\"d\":true}}"#), "{steps}");
}

#[test]
fn values_that_grow() {
    ends("let a = [];\nloop { a.push(1); }\n", 2, "a list has more than 10000 items");
    ends("let a = #{};\nloop { a = #{ a: a, b: a }; }\n", 2, "a map has more than 10000 items");
    ends("let a = \"x\";\nloop { a += a; }\n", 2, "a text has more than 16 MB");
    let long = "let a = \"x\";\nwhile a.len() < 8000000 { a += a; }\n";
    ends(&format!("{long}let b = a.split(\"\");\n"), 3, "a list has more than 10000 items");
    ends(&format!("{long}let b = a.to_chars();\n"), 3, "a list has more than 10000 items");
    ends(&format!("{long}a.replace(\"x\", a);\n"), 3, "a text has more than 16 MB");
    // No one of them is large.
    let error = evaluate("let f = |a, b| 1;\nloop { f = f.curry(f); }\n").unwrap_err().to_string();
    assert!(error.starts_with("scripts/example.rhai:2:"), "{error}");
    assert!(error.contains("of memory") || error.contains("does not end"), "{error}");
    let many: String = (0..20).map(|n| format!("let v{n} = a + \"{n}\";\n")).collect();
    let error = evaluate(&format!("{long}{many}")).unwrap_err().to_string();
    assert!(error.contains("of memory"), "{error}");
}

#[test]
fn records_that_grow() {
    ends("base(\"scratch\");\nloop { run(\"x\"); }\n", 2, "too many steps");
    ends("base(\"scratch\");\nloop { check(\"x\"); }\n", 2, "too many checks");
    ends("base(\"scratch\");\nloop { push(); }\n", 2, "too many pushes");
    ends("base(\"scratch\");\nlet n = 0;\nloop { n += 1; param(\"p\" + n, 1); }\n", 3, "too many parameters");
    let texts = "base(\"scratch\");\nlet text = \"x\";\nwhile text.len() < 2000000 { text += text; }\nloop { write(\"/x\", text); }\n";
    ends(texts, 4, "of memory");
}

#[test]
fn families_that_grow() {
    let values = format!("[{}]", (0..499).map(|n| n.to_string()).collect::<Vec<_>>().join(","));
    let axes: String = ["a", "b", "c"].iter().map(|name| format!("param(\"{name}\", each({values}));\n")).collect();
    ends(&format!("base(\"scratch\");\n{axes}"), 1, "the recipe makes 124251499 variants");
    let axes: String = (0..8).map(|n| format!("param(\"a{n}\", each({values}));\n")).collect();
    ends(&format!("base(\"scratch\");\n{axes}"), 1, "the recipe makes too many variants");
    let itself = "let n = param(\"n\", 0);\nbase(\"example\", #{ n: n + 1 });\n";
    ends(itself, 2, "recipe `example` is named with more than 500 sets of parameters");
}

#[test]
fn texts_are_read_once() {
    let long = "a".repeat(50_000);
    ends(&format!("base(\"scratch\");\nset_timezone(\"{long}\");\n"), 2, "is no time zone");
    ends(&format!("base(\"scratch\");\nset_locale(\"{long}\");\n"), 2, "is no locale");
    ends(&format!("base(\"scratch\");\nadd_user(\"{long}\");\n"), 2, "is no name of a user");
    ends(&format!("base(\"scratch\");\nrun(\"x\", #{{ \"{long}\": 1 }});\n"), 2, "has no option");
    let names = "let t = \"x\"; while t.len() < 100000 { t += t; }\nfn f(o, t) { expect_one_of(o, \"name\", [t]); }\n";
    ends(&format!("{names}f(t + \"y\", t);\n"), 2, "knows no name");
    let lines = "let t = \"a && b\\n\"; while t.len() < 500000 { t += t; }\n";
    ends(&format!("base(\"scratch\");\n{lines}run(t + \"a\");\n"), 3, "more words than f3s reads");
    for call in ["print(", "\"x\".replace("] {
        ends(&format!("base(\"scratch\");\n{call}{}1);\n", "1,".repeat(60_000)), 2, "is given 60001 arguments");
    }
    let variables: String = (0..9_000).map(|n| format!("env(\"A{n}\", \"$A{n}\");\n")).collect();
    let family = evaluate(&format!("base(\"scratch\");\n{variables}")).unwrap();
    assert_eq!(family.recipes.values().next().unwrap().warnings.len(), 100);
    let options: String = (0..200).map(|n| format!("a{n}: 1, ")).collect();
    assert_eq!(evaluate(&format!("run(\"x\", #{{ {options} }});")).unwrap_err().0.len(), 100);
    ends(&format!("loop {{ print(\"{}\"); }}\n", "a".repeat(5_000)), 1, "does not end");
    // Signs that could begin a raw text; an unknown function of a very long name, and very many of them.
    assert!(evaluate(&"#".repeat(200_000)).is_err());
    assert!(evaluate(&format!("{}();", "x".repeat(200_000))).is_err());
    let many: String = (0..20_000).map(|n| format!("zzz{n}();\n")).collect();
    assert_eq!(evaluate(&many).unwrap_err().0.len(), 100);
    // As many steps as a script can hold, each with its words.
    let steps: String = (0..9_000).map(|n| format!("run(\"echo {n}\");\n")).collect();
    let family = evaluate(&format!("base(\"scratch\");\n{steps}")).unwrap();
    let recipe = family.recipes.values().next().unwrap();
    assert_eq!(recipe.image.steps[8_999].summary, "run(\"echo 8999\")");
}

#[test]
fn what_recipes_need_stays_within_the_limits() {
    let script = "base(\"scratch\");\nlet text = \"0123456789\";\nwhile text.len() < 5000000 { text += text; }\n\
                  write(\"/large\", text);\nlet list = [];\nfor n in 0..5000 { list.push(\"package-\" + n); }\napk(list);\n";
    let family = evaluate(script).unwrap();
    let recipe = family.recipes.values().next().unwrap();
    assert_eq!(recipe.image.steps.len(), 2);
    let variants = "let n = param(\"n\", each([\"a\", \"b\", \"c\"]));\nlet m = param(\"m\", each([1, 2, 3, 4]));\nbase(\"scratch\");\ntag(n + m);\n";
    assert_eq!(evaluate(variants).unwrap().recipes.len(), 12);
}
