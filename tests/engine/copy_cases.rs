//! Random copies: what is copied from where, what stands in the image before, and where it goes.

use crate::cases::Choices;

/// One copy into a folder of its own, `/cNUMBER`.
pub struct Case {
    /// The commands that make what stands in the image before.
    pub setup: String,
    /// The instruction, and the step that must mean the same.
    pub instruction: String,
    pub step: String,
}

/// Makes what is copied: in a folder, for the project and for images. `UNIQUE`: the engine's cache does not look at times
/// and, in Docker 20.10, at owners, so that nothing may be as it was seen before.
pub const SOURCES: &str = r#"
umask 022
mkdir -p src/tree/sub/deep src/tree/empty src/one src/nothing src/odd
echo f >src/f; echo x >src/x; chmod 755 src/x; echo secret >src/secret; chmod 600 src/secret
echo a >src/tree/a; echo b >src/tree/b; chmod 751 src/tree/b; echo dot >src/tree/.dot; echo two >src/tree/..two
echo c >src/tree/sub/c; echo d >src/tree/sub/deep/d; chmod 750 src/tree/sub; chmod 700 src/tree/sub/deep
ln -s a src/tree/l; ln -s /nowhere src/tree/dangling; ln -s sub src/tree/ll; chmod 711 src/tree/empty
echo one >src/one/a; chmod 775 src/one
for file in src/f src/x src/secret src/tree/a src/tree/b src/tree/.dot src/tree/..two src/tree/sub/c src/tree/sub/deep/d src/one/a; do
    echo UNIQUE >>$file
done
for name in 'a b' "it's" -n --help 'do$HOME' 'se;mi' 'com,ma' '#x' '[x]' '*' 'back\slash' 'quo"te' '{x}'; do
    echo "$name UNIQUE" >"src/odd/$name"
done
mkdir 'src/odd/a folder'; echo in UNIQUE >'src/odd/a folder/-'
"#;

/// What only images have: owners, times, special bits, hard links, links that are named.
pub const OF_IMAGES: &str = r#"
echo 'app:x:1234:2345::/:/bin/sh' >>/etc/passwd; echo 'crew:x:2345:' >>/etc/group; printf 'other:x:77:' >>/etc/group
chown -R 8:8 src; chown 3:4 src/f src/tree/a; chown 5:6 src/tree src/tree/sub src/odd; chown -h 7:8 src/tree/l
ln src/tree/a src/tree/hard; ln src/tree/b src/tree/sub/b; chmod 4755 src/x; chmod 2755 src/tree/sub/deep
chmod 1777 src/tree/empty; ln -s src/f tof; ln -s /from/src/tree totree
find src -exec touch -h -d @1100000000 {} +
touch -d @1200000000 src/f src/tree/sub
"#;

/// Something to copy: its paths below `src`, and whether it is a file, a folder, or several things.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    File,
    Folder,
    Several,
}

const THINGS: &[(&[&str], Kind)] = &[
    (&["src/f"], Kind::File),
    (&["src/x"], Kind::File),
    (&["src/secret"], Kind::File),
    (&["src/tree"], Kind::Folder),
    (&["src/tree"], Kind::Folder),
    (&["src/one"], Kind::Folder),
    (&["src/nothing"], Kind::Folder),
    (&["src/odd"], Kind::Folder),
    (&["src/f", "src/secret"], Kind::Several),
    (&["src/f", "src/tree"], Kind::Several),
    (&["src/tree", "src/one", "src/x"], Kind::Several),
];

const OF_IMAGES_ALONE: &[(&[&str], Kind)] = &[(&["tof"], Kind::File), (&["totree"], Kind::Folder)];

/// What a folder that is there holds: files and links where files go, folders where folders go.
const HELD: &[&str] = &[
    "",
    "echo old >a; echo old >f; echo old >x; mkdir -m 700 sub; echo old >sub/kept; chown 5:6 sub",
    "ln -s ../elsewhere a; ln -s ../elsewhere f; ln -s /nowhere b; mkdir -p sub/deep; ln -s kept sub/c; chmod 2777 sub; echo old >sub/kept",
    "mkdir empty; chmod 1770 empty; echo old >l; ln -s .. dangling; echo old >.dot; echo old >com,ma; mkdir 'a folder'",
];

const OWNERS: &[&str] = &["0:0", "65534:65534", "12:34"];
const MODES: &[&str] = &["755", "1777", "770", "2775", "700"];
const CHOWN: &[&str] = &["12:34", "55", "app", "app:other", "app:99", "77:crew"];
const CHMOD: &[&str] = &["600", "755", "4711", "2750", "1777"];
const NAMES: &[&str] = &["t", "t", "a b", "-t", "t,u"];

pub fn case(number: usize, choices: &mut Choices) -> Case {
    let from = *choices.one_of(&["", "", "image", "stage"]);
    let things = if from.is_empty() || choices.once_in(2) { THINGS } else { OF_IMAGES_ALONE };
    let (paths, kind) = *choices.one_of(things);
    let root = format!("/c{number}");
    let mut setup = vec![format!("mkdir {root}; cd {root}; echo elsewhere >elsewhere")];
    let mut name = (*choices.one_of(NAMES)).to_owned();
    let folder = |choices: &mut Choices, path: &str| {
        let (owner, mode) = (choices.one_of(OWNERS), choices.one_of(MODES));
        let held = choices.one_of(HELD);
        let inside =
            format!("mkdir -p '{root}/{path}'; cd '{root}/{path}'; {held}{}", if held.is_empty() { "" } else { "; " });
        format!("{inside}chown {owner} .; chmod {mode} .; cd {root}")
    };
    let to_folder = kind != Kind::File || choices.once_in(2);
    match choices.below(if to_folder { 7 } else { 9 }) {
        0 => {}
        1 => name = format!("p/q/{name}"),
        2 | 3 => setup.push(folder(choices, &name)),
        4 => {
            setup.push(folder(choices, "real"));
            setup.push(format!("ln -s {} './{name}'", choices.one_of(&["real", "/ROOT/real", "./x/../real"])));
            setup.push("mkdir x".to_owned());
        }
        5 => setup
            .push(format!("ln -s {} './{name}'", choices.one_of(&["/ROOT/gone/deep", "gone", "../ROOT/gone/deep"]))),
        6 => {
            let leads = *choices.one_of(&["real", "gone/too"]);
            if leads == "real" {
                setup.push(folder(choices, "real"));
            }
            setup.push(format!("ln -s {leads} link"));
            name = format!("link/{name}");
        }
        7 => setup.push(format!("echo old >'./{name}'; chmod 640 './{name}'; chown 9:9 './{name}'")),
        _ => setup.push(format!("ln -s elsewhere './{name}'")),
    }
    setup.push(format!("find {root} -exec touch -h -d @1000000000 {{}} +"));
    let slash = kind == Kind::Several || to_folder && choices.once_in(2);
    let target = format!("{root}/{name}{}", if slash { "/" } else { "" });
    let chown = choices.once_in(2).then(|| *choices.one_of(CHOWN));
    let chmod = choices.once_in(3).then(|| *choices.one_of(CHMOD));
    let setup = setup.join("; ").replace("ROOT", root.trim_start_matches('/'));
    Case {
        setup,
        instruction: instruction(from, paths, &target, chown, chmod),
        step: step(from, paths, &target, chown, chmod),
    }
}

fn instruction(from: &str, paths: &[&str], target: &str, chown: Option<&str>, chmod: Option<&str>) -> String {
    let from = match from {
        "image" => "--from=BASE ",
        "stage" => "--from=s ",
        _ => "",
    };
    let flag = |name: &str, value: Option<&str>| value.map(|value| format!("--{name}={value} ")).unwrap_or_default();
    let words: Vec<String> = paths.iter().map(|path| located(path, from)).chain([target.to_owned()]).collect();
    let words: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
    format!("COPY {from}{}{}[{}]", flag("chown", chown), flag("chmod", chmod), words.join(", "))
}

fn step(from: &str, paths: &[&str], target: &str, chown: Option<&str>, chmod: Option<&str>) -> String {
    let sources: Vec<String> = paths.iter().map(|path| format!("\"{}\"", located(path, from))).collect();
    let option = |name: &str, value: Option<String>| value.map(|value| format!("{name}: {value}"));
    let from = match from {
        "image" => Some("\"BASE\"".to_owned()),
        "stage" => Some("s".to_owned()),
        _ => None,
    };
    let quoted = |value: &str| format!("\"{value}\"");
    let options = [option("from", from), option("chown", chown.map(quoted)), option("chmod", chmod.map(quoted))];
    let options: Vec<String> = options.into_iter().flatten().collect();
    format!("copy([{}], \"{target}\", #{{ {} }});", sources.join(", "), options.join(", "))
}

fn located(path: &str, from: &str) -> String {
    if from.is_empty() { path.to_owned() } else { format!("/from/{path}") }
}
