//! Random archives of every format.

use std::ffi::OsStr;
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{has, same};

#[path = "../../../../tests/cases/mod.rs"]
mod cases;
use cases::{Cases, Choices};

/// A tree with one of everything that a format can say.
fn grow(root: &Path, choices: &mut Choices, any_name: bool) {
    let is_root = rustix::process::geteuid().is_root();
    let mut folders = vec![root.to_owned()];
    let mut files: Vec<PathBuf> = Vec::new();
    for number in 0..3 + choices.below(12) {
        let plain: &[&[u8]] = &[b"a", b"with space", b"-x", b"--delete", b"d.d", b"'q\"", b"*", b"\\n", b"#"];
        let odd: &[&[u8]] = &["\u{fc}n\u{ef}".as_bytes(), "\u{65e5}\u{672c}".as_bytes(), b"caf\xe9", b"caf\xe8"];
        let mut name =
            if any_name && choices.once_in(2) { *choices.one_of(odd) } else { *choices.one_of(plain) }.to_vec();
        name.extend(number.to_string().bytes());
        if any_name && choices.once_in(6) {
            name.extend([b'l'; 180]);
        }
        let path = choices.one_of(&folders).join(OsStr::from_bytes(&name));
        let mut is_link = false;
        match choices.below(8) {
            0 | 1 => {
                std::fs::create_dir(&path).unwrap();
                folders.push(path.clone());
            }
            2 => {
                is_link = true;
                let targets: &[&[u8]] = &[b"a", b"./x//y/", b"/etc/passwd", b"caf\xe9", b"..", &[b'z'; 130]];
                let target = *choices.one_of(if any_name { targets } else { &targets[..4] });
                std::os::unix::fs::symlink(OsStr::from_bytes(target), &path).unwrap();
            }
            3 if !files.is_empty() => std::fs::hard_link(choices.one_of(&files), &path).unwrap(),
            4 => assert!(Command::new("mkfifo").arg("--").arg(&path).status().unwrap().success()),
            5 => {
                // Holes in front, between and behind.
                let mut file = std::fs::File::create(&path).unwrap();
                for _ in 0..choices.below(4) {
                    file.seek(SeekFrom::Current(64 * 1024 * choices.below(3) as i64)).unwrap();
                    file.write_all(&vec![b'd'; 1 + choices.below(9000)]).unwrap();
                }
                file.set_len(1 << 20).unwrap();
                files.push(path.clone());
            }
            _ => {
                std::fs::write(&path, vec![b'x'; *choices.one_of(&[0, 1, 511, 512, 513, 70_000])]).unwrap();
                files.push(path.clone());
            }
        }
        if is_root {
            std::os::unix::fs::lchown(&path, Some(choices.below(70_000) as u32), Some(choices.below(9) as u32))
                .unwrap();
        }
        if !is_link {
            let mode = *choices.one_of(&[0o644, 0o755, 0o1777, 0o4711, 0o2755, 0o600, 0o444]);
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode | 0o700)).unwrap();
        }
        if any_name && path.is_file() && choices.once_in(3) {
            // Not every file system has them.
            let _ = rustix::fs::setxattr(&path, "user.f3s", b"v\0\xff", rustix::fs::XattrFlags::empty());
        }
        let seconds = *choices.one_of(&[0, 1_600_000_000, 4_000_000_000, 1, -5, -1]);
        let nanoseconds = *choices.one_of(&[0, 250_000_000, 999_999_999]);
        let time = rustix::fs::Timespec { tv_sec: seconds, tv_nsec: nanoseconds };
        let times = rustix::fs::Timestamps { last_access: time, last_modification: time };
        let flags = rustix::fs::AtFlags::SYMLINK_NOFOLLOW;
        rustix::fs::utimensat(rustix::fs::CWD, &path, &times, flags).unwrap();
    }
}

#[test]
fn what_f3s_packs_is_what_tar_unpacks() {
    let compressions: Vec<&str> = [("gzip", "-z"), ("bzip2", "-j"), ("xz", "-J"), ("zstd", "--zstd")]
        .into_iter()
        .filter_map(|(program, option)| has(program).then_some(option))
        .collect();
    for mut choices in Cases::wanted(60).each() {
        let folder = tempfile::tempdir().unwrap();
        let (root, archive) = (folder.path().join("tree"), folder.path().join("a.tar"));
        std::fs::create_dir(&root).unwrap();
        let format = *choices.one_of(&["v7", "ustar", "oldgnu", "gnu", "posix", "posix", "posix"]);
        grow(&root, &mut choices, matches!(format, "gnu" | "posix"));
        let mut words = vec!["tar".to_owned(), format!("--format={format}"), "--numeric-owner".to_owned()];
        let mut option = |word: &str, given: bool| words.extend(given.then(|| word.to_owned()));
        option("--xattrs", format == "posix");
        option("--sparse", matches!(format, "oldgnu" | "gnu" | "posix") && !choices.once_in(3));
        option(&format!("--sparse-version={}", choices.one_of(&["0.0", "0.1", "1.0"])), format == "posix");
        option("--label=a label", matches!(format, "oldgnu" | "gnu" | "posix") && choices.once_in(3));
        if !compressions.is_empty() && choices.once_in(2) {
            option(compressions[choices.below(compressions.len())], true);
        }
        words.extend(["-cf", archive.to_str().unwrap(), "-C", root.to_str().unwrap(), "."].map(str::to_owned));
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        // The oldest formats have no room for some entries, which tar leaves out and says so.
        let _ = Command::new(words[0]).args(&words[1..]).output().unwrap();
        eprintln!("{words:?}");
        same(&archive);
    }
}
