//! What the system's `tar` makes of an archive, and what it makes of what f3s packs from it.

mod attacks;
mod random;
mod zip;

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Entry, read};
use crate::artifact::pack::{self, Wanted};
use crate::recipe::Filter;

/// Runs a program in a folder; its standard error is in the panic.
#[track_caller]
fn run(folder: &Path, words: &[&str]) {
    let output = Command::new(words[0]).args(&words[1..]).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn has(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok()
}

/// All paths below a folder, sorted.
fn below(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let with_below = |path: PathBuf| {
        let is_folder = path.symlink_metadata().unwrap().is_dir();
        let inside = if is_folder { below(&path) } else { Vec::new() };
        [vec![path], inside].concat()
    };
    paths.into_iter().flat_map(with_below).collect()
}

/// Kind, mode, owner, time, content, target, links and attributes of all below a folder.
fn tree(root: &Path) -> BTreeMap<String, String> {
    // Of a file with several names the first one.
    let mut first: BTreeMap<u64, String> = BTreeMap::new();
    let describe = |path: PathBuf| {
        let metadata = path.symlink_metadata().unwrap();
        let kind = metadata.file_type();
        let name = path.strip_prefix(root).unwrap().as_os_str().as_bytes().escape_ascii().to_string();
        let what = if kind.is_file() {
            let same = first.entry(metadata.ino()).or_insert_with(|| name.clone());
            format!("file {} {} {same}", metadata.len(), crate::digest::of_file(&path).unwrap())
        } else if kind.is_symlink() {
            format!("link {}", path.read_link().unwrap().as_os_str().as_bytes().escape_ascii())
        } else if kind.is_dir() {
            "folder".to_owned()
        } else {
            format!("special {} {}", kind.is_fifo(), metadata.rdev())
        };
        let mut value = [0; 64];
        let attribute = rustix::fs::lgetxattr(&path, "user.f3s", &mut value).map_or(0, |length| length);
        let owner = format!("{}:{}", metadata.uid(), metadata.gid());
        let time = format!("{}.{:09}", metadata.mtime(), metadata.mtime_nsec());
        let (mode, attribute) = (metadata.mode() & 0o7777, value[..attribute].escape_ascii());
        (name, format!("{what} {mode:o} {owner} {time} {attribute}"))
    };
    below(root).into_iter().map(describe).collect()
}

/// What `tar -xp` makes of an archive.
fn unpacked(archive: &Path) -> BTreeMap<String, String> {
    let folder = tempfile::tempdir().unwrap();
    let archive = archive.to_str().unwrap();
    run(folder.path(), &["tar", "--xattrs", "--xattrs-include=*", "--numeric-owner", "-xpf", archive]);
    tree(folder.path())
}

/// What `tar -xp` makes of what f3s packs from it.
fn packed(archive: &Path) -> Result<BTreeMap<String, String>, String> {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("packed.tar");
    pack::tar(archive, "a.tar", &Wanted::default(), folder.path(), &target)
        .map_err(|error| format!("{}; {}", error.message, error.hints.join("; ")))?;
    Ok(unpacked(&target))
}

#[track_caller]
fn same(archive: &Path) {
    let expected = unpacked(archive);
    if expected.is_empty() {
        assert!(packed(archive).unwrap_err().contains("nothing of"));
        return;
    }
    let found = packed(archive).unwrap();
    for (name, what) in &expected {
        assert_eq!(Some(what), found.get(name), "{name}");
    }
    assert_eq!(expected.len(), found.len(), "{:?}", found.keys());
}

/// A header of one of the formats, with a right checksum.
fn header(name: &[u8], kind: u8, size: u64, is_v7: bool) -> tar::Header {
    let mut header = if is_v7 { tar::Header::new_old() } else { tar::Header::new_gnu() };
    header.as_old_mut().name[..name.len()].copy_from_slice(name);
    header.as_old_mut().linkflag = [kind];
    header.set_mode(0o755);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(1);
    header.set_size(size);
    header.set_cksum();
    header
}

fn archive(entries: &[(tar::Header, &[u8])]) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut builder = tar::Builder::new(file.as_file());
    for (header, content) in entries {
        builder.append(header, *content).unwrap();
    }
    builder.finish().unwrap();
    drop(builder);
    file
}

#[test]
fn old_folders_labels_and_names_that_are_no_text() {
    let folder = tempfile::tempdir().unwrap();
    let entries: &[(tar::Header, &[u8])] = &[
        (header(b"old/", 0, 0, true), b""),
        (header(b"old/caf\xe9", 0, 1, true), b"1"),
        (header(b"old/caf\xe8", b'0', 1, true), b"2"),
        (header(b"dumped", b'D', 0, false), b""),
        (header(b"contiguous", b'7', 1, false), b"3"),
    ];
    same(archive(entries).path());
    run(
        folder.path(),
        &[
            "sh",
            "-c",
            "touch \"$(printf 'new\\n%0150d' 1)\"; tar --format=gnu -cf gnu.tar new*; tar --format=posix -cf pax.tar new*",
        ],
    );
    same(&folder.path().join("gnu.tar"));
    let broken = packed(&folder.path().join("pax.tar")).unwrap_err();
    assert!(broken.contains("line break in a pax record"), "{broken}");
    let unknown = packed(archive(&[(header(b"some/name", b'Q', 0, false), b"")]).path()).unwrap_err();
    assert!(unknown.contains("`some/name`: it is of the unknown kind `Q`"), "{unknown}");
}

#[test]
fn gzip_with_members_and_zeros_behind_is_read_and_garbage_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tar.gz");
    run(folder.path(), &["sh", "-c", "echo 1 >1; echo 2 >2; tar -cf a.tar 1 2; head -c 700 a.tar | gzip >a.tar.gz"]);
    run(folder.path(), &["sh", "-c", "tail -c +701 a.tar | gzip >>a.tar.gz; head -c 3000 /dev/zero >>a.tar.gz"]);
    same(&path);
    run(folder.path(), &["sh", "-c", "echo garbage >>a.tar.gz"]);
    assert!(packed(&path).is_err());
}

#[test]
fn a_byte_changed_or_an_end_cut_off_is_an_error_whatever_packed_it() {
    let folder = tempfile::tempdir().unwrap();
    let programs = [("gzip", "gz"), ("bzip2", "bz2"), ("xz", "xz"), ("zstd", "zst")];
    run(folder.path(), &["sh", "-c", "seq 9999 >numbers; tar -cf a.tar numbers"]);
    for (program, suffix) in programs.into_iter().filter(|(program, _)| has(program)) {
        let path = folder.path().join(format!("a.tar.{suffix}"));
        run(folder.path(), &["sh", "-c", &format!("{program} -c a.tar >a.tar.{suffix}")]);
        same(&path);
        let whole = std::fs::read(&path).unwrap();
        // The checksum of gzip and zstd stands at the end, that of the others, too.
        for at in [whole.len() / 2, whole.len() - 6, whole.len() - 3] {
            let mut changed = whole.clone();
            changed[at] ^= 0x10;
            std::fs::write(&path, changed).unwrap();
            assert!(packed(&path).is_err(), "{program}: byte {at} of {}", whole.len());
        }
        for length in [whole.len() / 2, whole.len() - 1] {
            std::fs::write(&path, &whole[..length]).unwrap();
            assert!(packed(&path).is_err(), "{program}: {length} bytes of {}", whole.len());
        }
    }
    let whole = std::fs::read(folder.path().join("a.tar")).unwrap();
    let path = folder.path().join("cut.tar");
    std::fs::write(&path, &whole[..2000]).unwrap();
    assert!(packed(&path).unwrap_err().contains("`numbers`: it ends in the middle of a file"));
}

#[test]
fn what_becomes_too_large_is_refused_unless_the_recipe_says_otherwise() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tar.gz");
    run(folder.path(), &["sh", "-c", "truncate -s 100M zeros; tar -czf a.tar.gz zeros"]);
    let error = packed(&path).unwrap_err();
    assert!(error.contains("more than a hundred times as large") && error.contains("limit"), "{error}");
    let pack = |limit| {
        let filter = Filter { limit: Some(limit), ..Filter::default() };
        let wanted = Wanted { filter, ..Wanted::default() };
        pack::tar(&path, "a", &wanted, folder.path(), &folder.path().join("out.tar")).map_err(|error| error.message)
    };
    assert_eq!(pack(200 << 20), Ok(()));
    assert!(pack(99 << 20).unwrap_err().contains("becomes larger than its `limit`"));
    // A hole is not in the archive, and would be in the image.
    run(folder.path(), &["sh", "-c", "truncate -s 8T hole; tar -S --format=posix -czf a.tar.gz hole"]);
    assert!(packed(&path).unwrap_err().contains("as large as it is packed"));
    let entries: Vec<(tar::Header, &[u8])> = (0..2000).map(|_| (header(b"x", b'0', 0, false), &b""[..])).collect();
    let many = archive(&entries);
    let mut limits = super::Limits::of_packed(1 << 20);
    limits.entries = 1999;
    let error = read(many.path(), "many", Some(limits), &mut |_: Entry| Ok(())).unwrap_err();
    assert_eq!(error.message, "`many` has more than 1999 entries");
}

#[test]
fn capabilities_are_refused_where_they_could_be_lost() {
    let folder = tempfile::tempdir().unwrap();
    let write = |attribute: &str| {
        let script = format!(
            "import tarfile; e = tarfile.TarInfo('cap'); e.pax_headers = {{'SCHILY.xattr.{attribute}': 'x'}}; \
             tarfile.open('a.tar', 'w', format=tarfile.PAX_FORMAT).addfile(e)"
        );
        run(folder.path(), &["python3", "-c", &script]);
    };
    let pack = |copied| {
        let wanted = Wanted { copied, ..Wanted::default() };
        let (archive, out) = (folder.path().join("a.tar"), folder.path().join("out.tar"));
        pack::tar(&archive, "a.tar", &wanted, folder.path(), &out).map_err(|error| error.message)
    };
    write("security.capability");
    assert_eq!(pack(false), Ok(()));
    assert_eq!(pack(true).unwrap_err(), "`cap` in `a.tar` has capabilities");
    // No layer keeps others.
    write("user.f3s");
    assert_eq!(pack(true), Ok(()));
}

#[test]
fn names_of_megabytes_are_refused_and_not_held() {
    let name = vec![b'n'; 50 << 20];
    let mut record = b"52428813 path=".to_vec();
    record.extend(&name);
    record.push(b'\n');
    for (kind, content) in [(b'L', &name), (b'K', &name), (b'x', &record), (b'g', &record)] {
        let file = archive(&[
            (header(b"././@LongLink", kind, content.len() as u64, false), content),
            (header(b"a", b'0', 0, false), b""),
        ]);
        let error = packed(file.path()).unwrap_err();
        assert!(error.contains("names and records of more than 1 MiB"), "{}: {error}", kind as char);
    }
}

#[test]
fn sparse_maps_that_lie_are_refused() {
    let sparse = |map: &str, size: &str| {
        let record = |key: &str, value: &str| {
            let rest = format!(" {key}={value}\n");
            let length = (1..).find(|length| length.to_string().len() + rest.len() == *length).unwrap();
            format!("{length}{rest}")
        };
        let records = [record("GNU.sparse.size", size), record("GNU.sparse.map", map)].concat();
        let file = archive(&[
            (header(b"x", b'x', records.len() as u64, false), records.as_bytes()),
            (header(b"sparse", b'0', 4, false), b"data"),
        ]);
        packed(file.path())
    };
    assert!(sparse("0,4", "9").is_ok());
    for (map, size) in [
        ("0,5", "9"),
        ("6,4", "9"),
        ("4,2,0,2", "9"),
        ("0,3,2,1", "9"),
        ("0", "9"),
        ("a,b", "9"),
        ("18446744073709551615,4", "9"),
        ("0,4", "-9"),
    ] {
        assert!(sparse(map, size).is_err(), "{map} {size}");
    }
}
