//! Entries of a zip.

use std::io::{self, Read, Seek};

use super::entry::{Entry, Exact, Kind, TIME, Time, Visit, shown};
use super::limits::Gauge;
use crate::diagnostic::Diagnostic;

/// As long as the kernel takes the target of a link to be.
const MAX_TARGET: u64 = 4096;
/// Bits of `st_mode`.
const KIND: u32 = 0o170_000;
const FOLDER: u32 = 0o040_000;
/// Bits of DOS.
const DOS_READ_ONLY: u32 = 0x01;
const DOS_FOLDER: u32 = 0x10;

pub fn read(reader: impl Read + Seek, name: &str, gauge: &Gauge, visit: Visit) -> Result<(), Diagnostic> {
    let broken = |error: io::Error| gauge.explain(name, error);
    let mut archive = zip::ZipArchive::new(reader).map_err(|error| broken(error.into()))?;
    for index in 0..archive.len() {
        let path = archive.by_index_raw(index).map(|entry| path(&entry)).map_err(|error| broken(error.into()))?;
        let in_entry = |error: io::Error| {
            let error = io::Error::new(error.kind(), format!("`{}`: {error}", shown(&path)));
            gauge.explain(name, error)
        };
        let mut entry = archive.by_index(index).map_err(|error| in_entry(error.into()))?;
        let size = entry.size();
        gauge.entry(size).map_err(in_entry)?;
        let (mode, is_folder) = mode(&entry, &path);
        let kind = if is_folder {
            Kind::Folder
        } else if entry.is_symlink() {
            let mut target = Vec::new();
            (&mut entry).take(MAX_TARGET).read_to_end(&mut target).map_err(in_entry)?;
            Kind::Symlink { target }
        } else {
            Kind::File { size }
        };
        let time = Time { seconds: modified(&entry), nanoseconds: 0 };
        let left = if matches!(kind, Kind::File { .. }) { size } else { 0 };
        let mut content = Exact { inner: &mut entry, left };
        let visited = Entry {
            path: path.clone(),
            kind,
            mode,
            uid: 0,
            gid: 0,
            time,
            attributes: Vec::new(),
            content: &mut content,
        };
        visit(visited)?;
        // Also what was left out is read to its end, where its checksum is compared.
        io::copy(&mut content, &mut io::sink()).map_err(in_entry)?;
        if io::copy(&mut entry, &mut io::sink()).map_err(in_entry)? > 0 {
            return Err(in_entry(io::Error::new(io::ErrorKind::InvalidData, "it is longer than its size")));
        }
    }
    Ok(())
}

/// The name: as bytes where a Unix wrote it, in the code page of DOS where that did, with slashes.
fn path<R: Read>(entry: &zip::read::ZipFile<'_, R>) -> Vec<u8> {
    if entry.system() != zip::System::Dos {
        return entry.name_raw().to_vec();
    }
    let name = entry.name().map_or_else(|_| shown(entry.name_raw()), std::borrow::Cow::into_owned);
    // Some programs of DOS and Windows write their own separators, all of them.
    if name.contains('/') { name.into_bytes() } else { name.replace('\\', "/").into_bytes() }
}

/// Permission bits, and whether it is a folder.
fn mode<R: Read>(entry: &zip::read::ZipFile<'_, R>, path: &[u8]) -> (u32, bool) {
    let attributes = entry.external_attributes();
    let (of_unix, is_unix) = (attributes >> 16, entry.system() == zip::System::Unix);
    let is_folder =
        path.ends_with(b"/") || (is_unix && of_unix & KIND == FOLDER) || (!is_unix && attributes & DOS_FOLDER != 0);
    let mode = match of_unix {
        // Of an entry that has a kind, no bits are bits, too.
        1.. if is_unix => of_unix & 0o7777,
        _ if is_folder => 0o755,
        _ if !is_unix && attributes & DOS_READ_ONLY != 0 => 0o444,
        _ => 0o644,
    };
    (mode, is_folder)
}

/// Seconds since 1970: of Unix where the entry has them, else DOS's, whose time zone nobody knows.
fn modified<R: Read>(entry: &zip::read::ZipFile<'_, R>) -> i64 {
    let of_unix = entry.extra_data_fields().find_map(|field| match field {
        zip::ExtraField::ExtendedTimestamp(times) => times.mod_time(),
        _ => None,
    });
    if let Some(seconds) = of_unix {
        return i64::from(seconds);
    }
    let Some(date) = entry.last_modified().filter(zip::DateTime::is_valid) else { return TIME };
    let days = days_since_1970(i64::from(date.year()), i64::from(date.month()), i64::from(date.day()));
    ((days * 24 + i64::from(date.hour())) * 60 + i64::from(date.minute())) * 60 + i64::from(date.second())
}

/// Of the Gregorian calendar, whose 400 years begin with March here, so that the leap day is the last.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 719_469
}
