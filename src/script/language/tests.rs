//! What the language does otherwise than Rhai, and how much work that is.

use super::engine;
use crate::script::meter;

/// What a script does, in units.
fn work_of(script: &str) -> u64 {
    let engine = engine();
    meter::start();
    let before = meter::done();
    engine.run(script).unwrap_or_else(|error| panic!("{script}: {error}"));
    meter::done() - before
}

#[test]
fn functions_of_rust_are_as_much_work_as_what_they_do() {
    let list = "let a = []; for i in 0..300 { a.push(i * 7919 % 307); }\n";
    let map = "let m = #{}; for i in 0..300 { m[`key ${i}`] = i; } let n = m;\n";
    let text = "let t = \"x\"; while t.len() < 400000 { t += t; }\n";
    for (values, work, least) in [
        (list, "a.sort(|x, y| x - y);", 300 * 8),
        (list, "a.map(|x| x);", 300),
        (list, "a.contains(\"none\");", 300),
        (list, "a == a;", 300),
        (list, "let b = a; b.dedup();", 300),
        (map, "m == n;", 300),
        (map, "m.keys();", 300),
        (text, "let u = t + \"y\";", 400_000 / 1024),
        (text, "t.to_upper();", 400_000 / 1024),
        (text, "t.sub_string(1);", 400_000 / 1024),
        (text, "t[300000] = 'y';", 400_000 / 1024),
        ("let x = [0]; let n = 0; while n < 100 { n += 1; x[0] = x; }\n", "let y = x;", 100),
    ] {
        let done = work_of(&format!("{values}{work}")) - work_of(values);
        assert!(done >= least, "{work}: {done}");
    }
    // Ten lines of a recipe are next to nothing.
    assert!(work_of("let a = [1, 2]; a.push(3); let b = `x ${a[0]}`; if b == \"x 1\" { b += \"y\"; }") < 1000);
}

#[test]
fn items_are_compared_and_sorted_as_the_language_does() {
    for (script, said) in [
        ("[1, [2, #{ a: 'x' }], \"y\", (), true] == [1, [2, #{ a: 'x' }], \"y\", (), true]", "true"),
        ("[1] != [true]", "true"),
        ("[1, 2] == [1]", "false"),
        ("['x'] == [\"x\"]", "true"),
        ("[(1..2)] == [1..2]", "true"),
        ("#{ a: 1, b: [2] } == #{ b: [2], a: 1 }", "true"),
        ("#{ a: 1 } != #{ b: 1 }", "true"),
        ("let x = [1]; let f = || x; x == f.call()", "true"),
        ("\"b\" in [\"a\", \"b\"]", "true"),
        ("[1, 2].contains(\"1\")", "false"),
        ("[3, 4, 3].index_of(3, 1)", "2"),
        ("[3, 4, 3].index_of(3, -2)", "2"),
        ("[3, 4, 3].index_of(3, 9)", "-1"),
        ("[3, 4].index_of(|x| x == 4)", "1"),
        ("let a = [1, 1, 2, 1]; a.dedup(); a", "[1, 2, 1]"),
        ("let a = [3, 1, 2]; a.sort(|x, y| y - x); a", "[3, 2, 1]"),
        ("let a = [\"bb\", \"a\", \"cc\", \"d\"]; a.sort(|x, y| x.len() - y.len()); a", r#"["a", "d", "bb", "cc"]"#),
        ("let a = [2, 3, 1]; a.sort_by(|x, y| x < y); a", "[1, 2, 3]"),
        ("let a = [2, 3, 1]; a.sort(); a", "[1, 2, 3]"),
    ] {
        assert_eq!(engine().eval::<rhai::Dynamic>(script).unwrap().to_string(), said, "{script}");
    }
}
