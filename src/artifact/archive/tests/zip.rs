//! Zips of Unix and of DOS.

use super::super::{Kind, read, shown};
use super::{packed, run};

#[test]
fn zip_keeps_special_bits_and_times_and_reads_the_separators_of_dos() {
    // Central directories by hand: (made by, attributes, flags, name).
    let zip = |entries: &[(u8, u32, &[u8])]| {
        let (mut bytes, mut central) = (Vec::new(), Vec::new());
        for (system, attributes, name) in entries {
            let offset = bytes.len() as u32;
            let lengths = (name.len() as u16).to_le_bytes();
            // Stored, 2001-02-03 04:05:06, no content.
            let common = [&[10, 0, 0, 0, 0, 0, 0xa3, 0x20, 0x43, 0x2a][..], &[0; 12], &lengths, &[0, 0]].concat();
            bytes.extend([b"PK\x03\x04", &common[..], name].concat());
            let tail = [&[0; 6][..], &attributes.to_le_bytes(), &offset.to_le_bytes()].concat();
            central.extend([b"PK\x01\x02", &[20, *system][..], &common, &tail, name].concat());
        }
        let (start, count) = (bytes.len() as u32, (entries.len() as u16).to_le_bytes());
        bytes.extend(&central);
        let size = (central.len() as u32).to_le_bytes();
        bytes.extend([b"PK\x05\x06", &[0; 4][..], &count, &count, &size, &start.to_le_bytes(), &[0, 0]].concat());
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        let mut found = Vec::new();
        read(file.path(), "a.zip", None, &mut |entry| {
            let is_folder = matches!(entry.kind, Kind::Folder);
            found.push((shown(&entry.path), entry.mode, is_folder, entry.time.seconds));
            Ok(())
        })
        .unwrap();
        found
    };
    const UNIX: u8 = 3;
    const DOS: u8 = 0;
    let time = 981_173_106;
    let entry = |name: &str, mode, is_folder| (name.to_owned(), mode, is_folder, time);
    let of_unix = zip(&[
        (UNIX, 0o104_755 << 16, b"setuid"),
        (UNIX, 0o041_777 << 16, b"tmp/"),
        (UNIX, 0o100_644 << 16, b"back\\slash"),
    ]);
    assert_eq!(
        of_unix,
        [entry("setuid", 0o4755, false), entry("tmp/", 0o1777, true), entry("back\\slash", 0o644, false)]
    );
    let of_dos = zip(&[(DOS, 0x10, b"dir\\"), (DOS, 0x21, b"dir\\a.txt"), (DOS, 0, b"caf\x82"), (DOS, 0, b"a/b\\c")]);
    assert_eq!(
        of_dos,
        [
            entry("dir/", 0o755, true),
            entry("dir/a.txt", 0o444, false),
            entry("caf\u{e9}", 0o644, false),
            entry("a/b\\c", 0o644, false)
        ]
    );
}

#[test]
fn of_a_zip_every_content_is_compared_with_its_checksum() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.zip");
    let make =
        "import zipfile; z = zipfile.ZipFile('a.zip', 'w'); z.writestr('left', 'out'); z.writestr('kept', 'content')";
    run(folder.path(), &["python3", "-c", make]);
    assert_eq!(packed(&path).unwrap().len(), 2);
    let mut bytes = std::fs::read(&path).unwrap();
    let at = bytes.windows(3).position(|window| window == b"out").unwrap();
    bytes[at] = b'0';
    std::fs::write(&path, bytes).unwrap();
    let error = packed(&path).unwrap_err();
    assert!(error.contains("`left`"), "{error}");
}
