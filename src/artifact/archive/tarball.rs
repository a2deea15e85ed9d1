//! Entries of a tar: v7, ustar, GNU and pax.

use std::io::{self, Read};

use super::entry::{Entry, Exact, Kind, Time, Visit, fill, shown};
use super::limits::Gauge;
use super::sparse::Sparse;
use crate::diagnostic::Diagnostic;

/// Where a header says of what kind its entry is.
const TYPE: usize = 156;
const ATTRIBUTE: &str = "SCHILY.xattr.";

/// True for a header whose checksum is right: the oldest format has no other mark.
pub fn begins(start: &[u8]) -> bool {
    let Ok(block) = <&[u8; 512]>::try_from(start) else { return false };
    let header = tar::Header::from_byte_slice(block);
    let sum: u32 =
        block.iter().enumerate().map(|(at, byte)| if (148..156).contains(&at) { 32 } else { u32::from(*byte) }).sum();
    header.cksum().is_ok_and(|wanted| wanted == sum)
}

pub fn read(mut reader: impl Read, name: &str, gauge: &Gauge, visit: Visit) -> Result<(), Diagnostic> {
    let broken = |error: io::Error| gauge.explain(name, error);
    let mut first = [0; 512];
    let filled = fill(&mut reader, &mut first).map_err(broken)?;
    // A label in front has no size, not even zero, which the tar crate would miss.
    let kept = if first[TYPE] == b'V' { &[] } else { &first[..filled] };
    let mut archive = tar::Archive::new(kept.chain(reader));
    let mut global = Vec::new();
    let mut entries = archive.entries().map_err(broken)?;
    while let Some(entry) = gauge.headers(|| entries.next()) {
        let mut entry = entry.map_err(broken)?;
        if entry.header().entry_type() == tar::EntryType::XGlobalHeader {
            global = gauge.headers(|| global_records(&mut entry)).map_err(broken)?;
            continue;
        }
        let mut records: Vec<(String, Vec<u8>)> = global.clone();
        if let Some(own) = entry.pax_extensions().map_err(broken)? {
            let own: io::Result<Vec<_>> = own.map(|record| Ok(record_of(&record?))).collect();
            // The tar crate takes every line for a record.
            let unread = |_| {
                let path = shown(&entry.path_bytes());
                io::Error::other(format!("`{path}`: a broken pax record, or a line break in a pax record"))
            };
            records.extend(own.map_err(unread).map_err(broken)?.into_iter().flatten());
        }
        let sparse = Sparse::of_records(&records).map_err(broken)?;
        let path = match sparse.as_ref().and_then(|sparse| sparse.name.clone()) {
            Some(name) => name,
            None => entry.path_bytes().into_owned(),
        };
        let in_entry = |error: io::Error| {
            let error = io::Error::new(error.kind(), format!("`{}`: {error}", shown(&path)));
            gauge.explain(name, error)
        };
        are_numbers(&records).map_err(in_entry)?;
        let size = sparse.as_ref().map_or(entry.size(), |sparse| sparse.size);
        let kind = kind(&entry, &path, size).map_err(in_entry)?;
        gauge.entry(if matches!(kind, Kind::File { .. }) { size } else { 0 }).map_err(in_entry)?;
        let header = entry.header().clone();
        let owner = |key: &str, own: u64| number(&records, key).unwrap_or(own);
        let visited = Entry {
            mode: header.mode().map_err(in_entry)? & 0o7777,
            uid: owner("uid", header.uid().map_err(in_entry)?),
            gid: owner("gid", header.gid().map_err(in_entry)?),
            time: time(&header, &records).map_err(in_entry)?,
            attributes: records.iter().filter(|(key, _)| key.starts_with(ATTRIBUTE)).cloned().collect(),
            path: path.clone(),
            kind,
            content: &mut io::empty(),
        };
        match sparse {
            Some(sparse) => {
                let mut content = Exact { inner: sparse.content(&mut entry).map_err(in_entry)?, left: size };
                visit(Entry { content: &mut content, ..visited })?;
            }
            None => {
                let mut content = Exact { inner: &mut entry, left: size };
                visit(Entry { content: &mut content, ..visited })?;
            }
        }
        // What is left of it is no part of the next one's headers.
        io::copy(&mut entry, &mut io::sink()).map_err(in_entry)?;
    }
    // Behind the last entry stand the checksums of what packed it.
    io::copy(&mut archive.into_inner(), &mut io::sink()).map_err(broken)?;
    Ok(())
}

fn kind(entry: &tar::Entry<impl Read>, path: &[u8], size: u64) -> io::Result<Kind> {
    let header = entry.header();
    let link = || entry.link_name_bytes().map(std::borrow::Cow::into_owned).unwrap_or_default();
    let special = |kind| {
        let number = |device: io::Result<Option<u32>>| device.ok().flatten().unwrap_or(0);
        Kind::Special { kind, major: number(header.device_major()), minor: number(header.device_minor()) }
    };
    Ok(match header.entry_type() {
        // The oldest tars know folders by their name only.
        tar::EntryType::Regular | tar::EntryType::Continuous if path.ends_with(b"/") => Kind::Folder,
        tar::EntryType::Regular | tar::EntryType::Continuous | tar::EntryType::GNUSparse => Kind::File { size },
        tar::EntryType::Directory => Kind::Folder,
        tar::EntryType::Symlink => Kind::Symlink { target: link() },
        tar::EntryType::Link => Kind::HardLink { target: link() },
        kind @ (tar::EntryType::Char | tar::EntryType::Block | tar::EntryType::Fifo) => special(kind),
        other => match other.as_byte() {
            // A folder with the list of what was in it, of incremental backups.
            b'D' => Kind::Folder,
            unknown => {
                let message = format!("it is of the unknown kind `{}`", unknown.escape_ascii());
                return Err(io::Error::new(io::ErrorKind::InvalidData, message));
            }
        },
    })
}

fn record_of(record: &tar::PaxExtension) -> Option<(String, Vec<u8>)> {
    Some((record.key().ok()?.to_owned(), record.value_bytes().to_vec()))
}

/// What holds for all entries behind it.
fn global_records(entry: &mut impl Read) -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut text = Vec::new();
    entry.read_to_end(&mut text)?;
    let records = tar::PaxExtensions::new(&text).filter_map(Result::ok).filter_map(|record| record_of(&record));
    Ok(records.filter(|(key, _)| ["mtime", "uid", "gid"].contains(&key.as_str())).collect())
}

fn text<'r>(records: &'r [(String, Vec<u8>)], wanted: &str) -> Option<&'r str> {
    let (_, value) = records.iter().rfind(|(key, _)| key == wanted)?;
    std::str::from_utf8(value).ok()
}

fn number(records: &[(String, Vec<u8>)], wanted: &str) -> Option<u64> {
    text(records, wanted)?.parse().ok()
}

/// Refuses numbers of pax that are none: the header's would be taken in their place, which says something else.
fn are_numbers(records: &[(String, Vec<u8>)]) -> io::Result<()> {
    let is_read = |key: &str| match key {
        "mtime" => text(records, key).and_then(of_decimal).is_some(),
        _ => number(records, key).is_some(),
    };
    let numbers =
        records.iter().map(|(key, _)| key.as_str()).filter(|key| ["size", "uid", "gid", "mtime"].contains(key));
    match { numbers }.find(|key| !is_read(key)) {
        Some(key) => Err(io::Error::new(io::ErrorKind::InvalidData, format!("its `{key}` is no number"))),
        None => Ok(()),
    }
}

/// The modification time: of pax with its fraction, else the header's.
fn time(header: &tar::Header, records: &[(String, Vec<u8>)]) -> io::Result<Time> {
    if let Some(time) = text(records, "mtime").and_then(of_decimal) {
        return Ok(time);
    }
    let field = &header.as_old().mtime;
    // A negative number in binary, as GNU tar writes times before 1970.
    if field[0] == 0xff {
        let last = field.last_chunk::<8>().expect("the field has 12 bytes");
        return Ok(Time { seconds: i64::from_be_bytes(*last), nanoseconds: 0 });
    }
    Ok(Time { seconds: i64::try_from(header.mtime()?).unwrap_or(i64::MAX), nanoseconds: 0 })
}

/// `1700000000.25`, also negative.
fn of_decimal(text: &str) -> Option<Time> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let seconds: i64 = whole.parse().ok()?;
    let digits: String = fraction.chars().chain("000000000".chars()).take(9).collect();
    let nanoseconds: u32 = digits.parse().ok()?;
    // Nanoseconds count forward, whatever the sign.
    Some(match text.starts_with('-') && nanoseconds > 0 {
        true => Time { seconds: seconds - 1, nanoseconds: 1_000_000_000 - nanoseconds },
        false => Time { seconds, nanoseconds },
    })
}
