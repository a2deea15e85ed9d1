//! Archives that were made to do harm: each is refused with its entry named, or lands exactly where `tar -xp` or `unzip` put
//! it, inside of the folder.

mod formats;
mod malformed;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use self::formats::What::{Device, File, Folder, Hard, Link, Pipe};
use self::formats::{ALL, Format, Item, What};
use super::{has, run, tree};
use crate::artifact::pack::{self, Wanted};
use crate::recipe::Filter;

/// What becomes of an attack.
#[derive(Clone, Copy, Debug)]
enum Becomes {
    /// Refused; the message names this entry.
    Refused(&'static str),
    /// What the system's own program makes of it, which has exactly these paths.
    Placed(&'static [&'static str]),
}
use Becomes::{Placed, Refused};

type Attack = (&'static str, &'static [(&'static str, What)], Becomes);

const EVIL: What = File("evil", 0o644);

/// Each in every format that has words for it.
const ATTACKS: &[Attack] = &[
    ("a path upwards", &[("../out", EVIL)], Refused("`../out`")),
    ("a path upwards from within", &[("a/../../out", EVIL)], Refused("`a/../../out`")),
    ("a path that ends above", &[("a/..", Folder(0o777))], Refused("`a/..")),
    ("an absolute path", &[("/tmp/f3s-out", EVIL)], Refused("`/tmp/f3s-out`")),
    ("an absolute path behind slashes", &[("//tmp/f3s-out", EVIL)], Refused("`//tmp/f3s-out`")),
    ("points and slashes that mean nothing", &[("./a/.//b", EVIL)], Placed(&["a", "a/b"])),
    ("names that only look so", &[("..a", EVIL), ("b..", EVIL), ("...", EVIL)], Placed(&["...", "..a", "b.."])),
    ("a link out, unused", &[("l", Link("../../etc"))], Placed(&["l"])),
    ("an absolute link, unused", &[("l", Link("/etc/passwd"))], Placed(&["l"])),
    ("a link to nothing", &[("l", Link("none"))], Placed(&["l"])),
    ("through an absolute link", &[("l", Link("/tmp")), ("l/f3s-out", EVIL)], Refused("`l/f3s-out`")),
    ("through a link upwards", &[("l", Link("..")), ("l/out", EVIL)], Refused("`l/out`")),
    ("through a link to itself", &[("l", Link("l")), ("l/out", EVIL)], Refused("`l/out`")),
    ("through links in a circle", &[("a", Link("b")), ("b", Link("a")), ("b/out", EVIL)], Refused("`b/out`")),
    (
        "through a chain of links",
        &[("a", Link("b")), ("b", Link("c")), ("c", Link("/tmp")), ("a/f3s-out", EVIL)],
        Refused("`a/f3s-out`"),
    ),
    (
        "through a link below a link",
        &[("d/", Folder(0o755)), ("d/l", Link("..")), ("e", Link("d")), ("e/l/out", EVIL)],
        Refused("`e/l/out`"),
    ),
    (
        "through a link that was written by another way",
        &[("d/", Folder(0o755)), ("e", Link("d")), ("e/l", Link("/tmp")), ("d/l/f3s-out", EVIL)],
        Refused("`d/l/f3s-out`"),
    ),
    ("a folder below a link out", &[("l", Link("..")), ("l/out/", Folder(0o777))], Refused("`l/out")),
    ("a link below a link out", &[("l", Link("..")), ("l/out", Link("/etc"))], Refused("`l/out`")),
    ("a folder in a link's place", &[("l", Link("/tmp")), ("l/", Folder(0o777)), ("l/out", EVIL)], Refused("`l/out`")),
    // Of a link that leads out `tar` makes a file first, which it cannot always tell from the one in its place.
    ("a file in a link's place", &[("l", Link("none")), ("l", EVIL)], Placed(&["l"])),
    ("a link in a file's place", &[("f", EVIL), ("f", Link("/etc/passwd"))], Placed(&["f"])),
    ("a file twice", &[("f", EVIL), ("f", File("again", 0o600))], Placed(&["f"])),
    ("through a link inside", &[("d/", Folder(0o755)), ("l", Link("d")), ("l/f", EVIL)], Placed(&["d", "d/f", "l"])),
    ("names in two cases", &[("Name", EVIL), ("name", File("other", 0o644))], Placed(&["Name", "name"])),
    ("a name with a line break", &[("a\nb", EVIL)], Placed(&["a\\nb"])),
    ("a name with an escape sequence", &[("a\u{1b}[2Jb", EVIL)], Placed(&["a\\x1b[2Jb"])),
    ("a name like an option", &[("--checkpoint-action=exec=sh", EVIL)], Placed(&["--checkpoint-action=exec=sh"])),
    ("a name with a backslash", &[("..\\..\\out", EVIL)], Placed(&["..\\\\..\\\\out"])),
    ("setuid and sticky bits", &[("s", File("x", 0o6755)), ("t/", Folder(0o1777))], Placed(&["s", "t"])),
    ("a folder nobody may enter", &[("d/", Folder(0)), ("d/f", EVIL)], Placed(&["d", "d/f"])),
    ("a hard link to outside", &[("h", Hard("/etc/passwd"))], Refused("`/etc/passwd`")),
    ("a hard link upwards", &[("h", Hard("../out"))], Refused("`../out`")),
    ("a hard link through a link out", &[("l", Link("/etc")), ("h", Hard("l/passwd"))], Refused("`l/passwd`")),
    (
        "through a hard link to a link out",
        &[("l", Link("/tmp")), ("h", Hard("l")), ("h/f3s-out", EVIL)],
        Refused("`h/f3s-out`"),
    ),
    ("a hard link to a link", &[("l", Link("/etc/passwd")), ("h", Hard("l"))], Placed(&["h", "l"])),
    ("a device", &[("null", Device)], Placed(&["null"])),
    ("a pipe", &[("p", Pipe)], Placed(&["p"])),
];

/// What a program does in a folder of a folder, beside which nothing may change.
fn inside(work: impl FnOnce(&Path) -> Result<(), String>) -> Result<BTreeMap<String, String>, String> {
    let outer = tempfile::tempdir().unwrap();
    let root = outer.path().join("root");
    std::fs::create_dir(&root).unwrap();
    std::fs::write(outer.path().join("untouched"), "as it was").unwrap();
    let worked = work(&root);
    let beside: Vec<_> = outer.path().read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(beside.len(), 2, "{beside:?}");
    assert_eq!(std::fs::read_to_string(outer.path().join("untouched")).unwrap(), "as it was");
    assert!(!Path::new("/tmp/f3s-out").exists(), "it was written outside");
    worked?;
    // Folders that no entry names are as old as the test, and links as `unzip` makes them.
    let timeless = |what: String| match what.starts_with("file") {
        true => what,
        false => what.rsplitn(3, ' ').last().unwrap_or_default().to_owned(),
    };
    Ok(tree(&root).into_iter().map(|(name, what)| (name, timeless(what))).collect())
}

/// What `tar -xp` or `unzip -K` make of an archive, warnings or not; `None` where the program is not there.
fn made(format: Format, archive: &Path) -> Option<Result<BTreeMap<String, String>, String>> {
    let archive = archive.to_str().unwrap();
    let words: &[&str] = match format {
        Format::Zip => &["unzip", "-K", "-^", "-o", "-q", archive],
        _ => &["tar", "--numeric-owner", "-xpf", archive],
    };
    // Some programs say what version they are of by another option.
    if format == Format::Zip && Command::new("unzip").arg("-v").output().is_err() {
        eprintln!("SKIPPED: no unzip to compare zips with");
        return None;
    }
    Some(inside(|root| {
        let output = Command::new(words[0]).args(&words[1..]).current_dir(root).output().unwrap();
        let said = || String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.success() { Ok(()) } else { Err(said()) }
    }))
}

/// What `tar -xp` makes of what f3s packs.
fn packed(archive: &Path, filter: Filter) -> Result<BTreeMap<String, String>, String> {
    inside(|root| {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("packed.tar");
        let wanted = Wanted { filter, ..Wanted::default() };
        pack::tar(archive, "a", &wanted, folder.path(), &target).map_err(|error| error.message)?;
        run(root, &["tar", "--numeric-owner", "-xpf", target.to_str().unwrap()]);
        Ok(())
    })
}

fn write(bytes: &[u8]) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    file
}

#[test]
fn each_is_refused_or_stays_inside_in_every_format() {
    assert!(has("tar"));
    let may_make_devices = rustix::process::geteuid().is_root();
    let mut cases = 0;
    for (attack, entries, becomes) in ATTACKS {
        let items: Vec<Item> = entries.iter().map(|(name, kind)| Item { name, kind: *kind }).collect();
        let needs_root = entries.iter().any(|(_, kind)| *kind == Device);
        if needs_root && !may_make_devices {
            eprintln!("SKIPPED: {attack}: only root makes devices");
            continue;
        }
        for format in ALL.into_iter().filter(|format| items.iter().all(|item| format.can_say(item))) {
            cases += 1;
            let archive = write(&format.write(&items));
            let found = packed(archive.path(), Filter::default());
            match (becomes, found) {
                (Refused(entry), Err(message)) => assert!(message.contains(entry), "{attack}, {format:?}: {message}"),
                (Refused(_), Ok(found)) => panic!("{attack}, {format:?}: {found:?}"),
                (Placed(_), Err(message)) => panic!("{attack}, {format:?}: {message}"),
                (Placed(paths), Ok(found)) => {
                    assert_eq!(found.keys().collect::<Vec<_>>(), *paths, "{attack}, {format:?}");
                    match made(format, archive.path()) {
                        Some(Ok(expected)) => assert_eq!(found, expected, "{attack}, {format:?}"),
                        // It makes links last, and so goes through none.
                        Some(Err(said)) if format == Format::Zip && said.contains("is not directory") => {}
                        Some(Err(said)) => panic!("{attack}, {format:?}: {said}"),
                        None => {}
                    }
                }
            }
        }
    }
    assert!(cases > 250, "{cases}");
}

#[test]
fn folders_that_become_one_share_their_links() {
    let entries = [("a/l", Link("/tmp")), ("b/l/f3s-out", EVIL)];
    let items = entries.map(|(name, kind)| Item { name, kind });
    for format in ALL {
        let archive = write(&format.write(&items));
        let kept = packed(archive.path(), Filter::default()).unwrap();
        assert_eq!(kept.keys().collect::<Vec<_>>(), ["a", "a/l", "b", "b/l", "b/l/f3s-out"], "{format:?}");
        let stripped = packed(archive.path(), Filter { strip: 1, ..Filter::default() }).unwrap_err();
        assert!(stripped.contains("`l/f3s-out`"), "{format:?}: {stripped}");
    }
}
