//! The tar that a build gets, as any `ADD` reads it: GNU's, with pax records for what that cannot say.

use std::ffi::OsStr;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::entry::{Entry, Exact, Kind};

/// What fits into a header.
const MAX_LINK: usize = 100;

pub struct Writer<W: Write>(tar::Builder<W>);

impl<W: Write> Writer<W> {
    pub fn new(out: W) -> Writer<W> {
        Writer(tar::Builder::new(out))
    }

    /// Writes an entry at its path, which is relative and has no `..`.
    ///
    /// Errors: what reading its content says.
    pub fn entry(&mut self, entry: Entry) -> io::Result<()> {
        let path = Path::new(OsStr::from_bytes(&entry.path));
        let mut header = tar::Header::new_gnu();
        header.set_mode(entry.mode);
        header.set_mtime(u64::try_from(entry.time.seconds).unwrap_or(0));
        header.set_uid(entry.uid);
        header.set_gid(entry.gid);
        header.set_size(0);
        let mut records = entry.attributes;
        if entry.time.seconds < 0 || entry.time.nanoseconds > 0 {
            records.push(("mtime".to_owned(), decimal(entry.time.seconds, entry.time.nanoseconds).into_bytes()));
        }
        if let Kind::Symlink { target } = &entry.kind
            && target.len() > MAX_LINK
        {
            records.push(("linkpath".to_owned(), target.clone()));
        }
        if !records.is_empty() {
            let records = records.iter().map(|(key, value)| (key.as_str(), value.as_slice()));
            self.0.append_pax_extensions(records)?;
        }
        match entry.kind {
            Kind::File { size } => {
                header.set_size(size);
                header.set_entry_type(tar::EntryType::Regular);
                self.0.append_data(&mut header, path, Exact { inner: entry.content, left: size })
            }
            Kind::Folder => {
                header.set_entry_type(tar::EntryType::Directory);
                self.0.append_data(&mut header, path.join(""), io::empty())
            }
            Kind::Symlink { target } => {
                header.set_entry_type(tar::EntryType::Symlink);
                // Byte for byte: a path would be tidied up.
                header.set_link_name_literal(&target[..target.len().min(MAX_LINK)])?;
                self.0.append_data(&mut header, path, io::empty())
            }
            Kind::HardLink { target } => {
                header.set_entry_type(tar::EntryType::Link);
                self.0.append_link(&mut header, path, Path::new(OsStr::from_bytes(&target)))
            }
            Kind::Special { kind, major, minor } => {
                header.set_entry_type(kind);
                header.set_device_major(major)?;
                header.set_device_minor(minor)?;
                self.0.append_data(&mut header, path, io::empty())
            }
        }
    }

    pub fn finish(mut self) -> io::Result<()> {
        self.0.finish()?;
        self.0.get_mut().flush()
    }
}

/// Seconds since 1970 with a fraction, also of times before.
fn decimal(seconds: i64, nanoseconds: u32) -> String {
    match seconds < 0 && nanoseconds > 0 {
        true if seconds == -1 => format!("-0.{:09}", 1_000_000_000 - nanoseconds),
        true => format!("{}.{:09}", seconds + 1, 1_000_000_000 - nanoseconds),
        false if nanoseconds == 0 => seconds.to_string(),
        false => format!("{seconds}.{nanoseconds:09}"),
    }
}
