//! What no program would write: numbers, sums, lengths and ends that lie.

use super::formats::{Zipped, header, record, whole, zip_of};
use super::{Filter, packed, write};

const END: [u8; 1024] = [0; 1024];

/// An entry with some bytes of its header changed before its checksum is made.
fn changed(at: usize, bytes: &[u8], content: &[u8]) -> Vec<u8> {
    let mut block = header(b"entry", b'0', 0o644, content.len());
    block[at..at + bytes.len()].copy_from_slice(bytes);
    [whole(block, content), END.to_vec()].concat()
}

fn found(archive: &[u8]) -> Result<Vec<String>, String> {
    packed(write(archive).path(), Filter::default()).map(|tree| tree.into_keys().collect())
}

const SIZE: usize = 124;

#[test]
fn numbers_of_every_kind_are_read_or_refused() {
    // Octal with blanks, and binary, as tar writes what is large.
    for size in [&b"       0004 "[..], b"4          ", b"\x80\0\0\0\0\0\0\0\0\0\0\x04"] {
        assert_eq!(found(&changed(SIZE, size, b"four")).unwrap(), ["entry"], "{}", size.escape_ascii());
    }
    let lies = [
        &b"-0000000004"[..],
        b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfc",
        b"\x80\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff",
        b"0x000000004",
        b"00000000008",
        b"77777777777",
        b"four\0\0\0\0\0\0\0",
    ];
    for size in lies {
        let archive = changed(SIZE, size, b"four");
        assert!(found(&archive).is_err(), "{}", size.escape_ascii());
    }
    // Of pax, which stands above the header's.
    let lies = [
        ("size", "-4"),
        ("size", "18446744073709551615"),
        ("size", "4e0"),
        ("size", "99999999"),
        ("uid", "-1"),
        ("mtime", "now"),
    ];
    for (key, value) in lies {
        let records = record(key, value);
        let archive = [
            whole(header(b"pax", b'x', 0o644, records.len()), records.as_bytes()),
            changed(SIZE, b"00000000004", b"four"),
        ];
        let found = found(&archive.concat());
        let message = found.expect_err(value);
        assert!(message.contains("cannot be unpacked") || message.contains("becomes"), "{value}: {message}");
    }
}

#[test]
fn sums_and_ends_that_are_wrong_are_refused() {
    let good = changed(0, b"first", b"four");
    let good = &good[..1024];
    // The first header decides whether it is an archive at all.
    let mut first = good.to_vec();
    first[148] ^= 1;
    assert!(found(&first).unwrap_err().contains("is no archive"));
    let mut second = [good, good, &END].concat();
    second[1024 + 148] ^= 1;
    assert!(found(&second).unwrap_err().contains("checksum"), "{:?}", found(&second));
    for length in [513, 700, 1024 + 100, 1024 + 511] {
        let cut = &[good, good].concat()[..length];
        assert!(found(cut).is_err(), "{length}");
    }
    // A name in front of nothing, records without their entry, a record that is longer than all of them.
    let records = record("path", "x");
    let lone = whole(header(b"pax", b'x', 0o644, records.len()), records.as_bytes());
    assert!(found(&[&lone[..], &END].concat()).is_err());
    let long = whole(header(b"pax", b'x', 0o644, 9), b"99 path=x");
    assert!(found(&[&long[..], good, &END].concat()).is_err());
}

#[test]
fn names_that_end_early_are_no_other_names() {
    // In a header a NUL ends the name; in a record there is none.
    let hidden = record("path", "seen\0/../../out");
    let archive = [
        &whole(header(b"pax", b'x', 0o644, hidden.len()), hidden.as_bytes())[..],
        &whole(header(b"x", b'0', 0o644, 0), b""),
        &END,
    ];
    assert!(found(&archive.concat()).is_err());
    assert_eq!(found(&changed(0, b"seen\0../out", b"")).unwrap(), ["seen"]);
    let empty = changed(0, b"\0\0\0\0\0", b"");
    assert!(found(&empty).is_err());
}

#[test]
fn what_stands_behind_the_end_is_not_unpacked() {
    let one = changed(0, b"first", b"one");
    let two = changed(0, b"other", b"two");
    // As `tar` without `--ignore-zeros`.
    assert_eq!(found(&[&one[..], &two].concat()).unwrap(), ["first"]);
    // One within another is a file.
    let nested = whole(header(b"inner.tar", b'0', 0o644, two.len()), &two);
    assert_eq!(found(&[&nested[..], &END].concat()).unwrap(), ["inner.tar"]);
}

#[test]
fn zips_of_dos_climb_no_better() {
    let dos = |name: &str| Zipped { system: 0, attributes: 0, name: name.into(), content: b"evil".to_vec() };
    let of = |name: &str| found(&zip_of(&[dos(name)]));
    for name in ["..\\out", "a\\..\\..\\out", "\\tmp\\f3s-out", "\\\\server\\share"] {
        let message = of(name).unwrap_err();
        assert!(message.contains("outside of its folder"), "{name}: {message}");
    }
    // There are no drives here.
    assert_eq!(of("C:\\out").unwrap(), ["C:", "C:/out"]);
    assert!(of("a\0/../../out").is_err());
}

#[test]
fn zips_whose_directory_lies_are_refused() {
    let entry =
        |name: &str| Zipped { system: 3, attributes: 0o100_644 << 16, name: name.into(), content: b"good".to_vec() };
    let whole = zip_of(&[entry("first"), entry("other")]);
    assert_eq!(found(&whole).unwrap(), ["first", "other"]);
    let central = whole.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
    // The size, packed and unpacked; the checksum; where the entry stands.
    for (at, byte) in [(20, 9), (24, 9), (24, 1), (16, 1), (42, 200)] {
        let mut lying = whole.clone();
        lying[central + at] ^= byte;
        assert!(found(&lying).is_err(), "{at}");
    }
    for length in [whole.len() - 1, whole.len() - 30, central, 10] {
        assert!(found(&whole[..length]).is_err(), "{length}");
    }
}
